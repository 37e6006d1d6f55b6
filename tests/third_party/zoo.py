"""Models that nobody here wrote, by their packages' own constructors, with what is known of each without jaxviz.

Weights are random and images small. A `Case` holds the function as a user hands it over, and three functions of the
library's own: the model, the model with other ReLUs, and the model with something added to what a layer returns.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import pytest

import jaxviz as jv

KEY = jax.random.key(0)


class Case(NamedTuple):
    """A model, and what it computes.

    Attributes:
        f: as it is handed to jaxviz.
        shape: of one image.
        own: the library's call.
        layer: a name of maps or tokens.
        changed: from images and what is added to the layer's output to the outputs and the layer's output.
        names: some of its layers, in order of computation.
        guided: from images to outputs, each ReLU's gradient that of guided backprop; None where there is no ReLU.
        options: of a CAM.
    """

    f: Callable
    shape: tuple[int, int, int]
    own: Callable
    layer: str
    changed: Callable
    names: list[str]
    guided: Callable | None = None
    options: dict[str, Any] = {}  # noqa: RUF012  (never written to)


@functools.partial(jax.custom_vjp, nondiff_argnums=(1,))
def guided_relu(x, ceiling=jnp.inf):
    """A ReLU that passes back what is positive, where it is on."""
    return jnp.clip(x, 0, ceiling)


guided_relu.defvjp(
    lambda x, ceiling: (guided_relu(x, ceiling), x),
    lambda ceiling, x, g: (g * ((x > 0) & (x < ceiling) & (g > 0)),),
)


def guided_relu6(x):
    return guided_relu(x, 6.0)


def patched(function, *patches):
    """`function` called while other things stand in the place of attributes: `(object, name, value)`."""

    def call(*args):
        with pytest.MonkeyPatch.context() as patch:
            for target, name, value in patches:
                patch.setattr(target, name, value)
            return function(*args)

    return call


def adding(layer_call, delta, seen):
    """A call of a layer with `delta` added to what it returns, which is kept in `seen`."""

    def call(*args, **kwargs):
        out = layer_call(*args, **kwargs)
        seen.append(out)
        return out + delta

    return call


def moved(tree):
    """Weights that begin as zero leave whole parts of a network without effect."""
    return jax.tree.map(lambda leaf: leaf if leaf.any() else 0.1 * jax.random.normal(KEY, leaf.shape), tree)


def _keras(model, layer, names, guided):
    from keras.src.backend.jax import nn

    def own(images):
        return model(images)

    def changed(images, delta):
        seen = []
        target = model.get_layer(layer)
        outputs = patched(own, (target, "call", adding(target.call, delta, seen)))(images)
        return outputs, seen[0]

    relus = patched(own, (nn, "relu", guided_relu), (nn, "relu6", guided_relu6))
    shape = tuple(model.input_shape[1:])
    return Case(model, shape, own, layer, changed, names, relus if guided else None)


def mobilenet_v2():
    import keras

    keras.utils.set_random_seed(0)
    model = keras.applications.MobileNetV2(
        input_shape=(32, 32, 3), alpha=0.35, weights=None, classes=10, classifier_activation=None
    )
    names = ["Conv1", "bn_Conv1", "Conv1_relu", "block_1_expand", "block_16_project_BN", "out_relu", "predictions"]
    return _keras(model, "block_13_expand_relu", names, True)


def densenet121():
    import keras

    keras.utils.set_random_seed(0)
    model = keras.applications.DenseNet121(
        input_shape=(32, 32, 3), weights=None, classes=10, classifier_activation=None
    )
    names = ["conv1_conv", "pool1", "conv2_block1_concat", "conv5_block16_2_conv", "relu", "predictions"]
    return _keras(model, "conv4_block24_concat", names, True)


def convnext():
    import keras

    keras.utils.set_random_seed(0)
    model = keras.applications.ConvNeXtTiny(
        input_shape=(64, 64, 3), weights=None, classes=10, classifier_activation=None
    )
    names = [
        "convnext_tiny_stem",
        "convnext_tiny_stage_0_block_0_depthwise_conv",
        "convnext_tiny_stage_3_block_2_layer_scale",
        "convnext_tiny_head_dense",
    ]
    return _keras(model, "convnext_tiny_stage_2_block_8_pointwise_conv_2", names, False)


def haiku_resnet18():
    import haiku as hk

    network = hk.transform_with_state(lambda images, is_training: hk.nets.ResNet18(10)(images, is_training))
    params, state = jax.jit(network.init, static_argnums=2)(KEY, jnp.ones((1, 32, 32, 3)), True)
    params, layer = moved(params), "block_group_1/block_1"
    noise = jax.random.normal(KEY, (4, 32, 32, 3))
    _, state = jax.jit(network.apply, static_argnums=4)(params, state, None, noise, True)  # statistics for its norms

    def own(images):
        return network.apply(params, state, None, images, is_training=False)[0]

    def changed(images, delta):
        seen = []

        def add(call, args, kwargs, context):
            name = getattr(context.module, "module_name", None)
            at = name == "res_net18/~/block_group_1/~/block_1" and context.method_name == "__call__"
            return adding(call, delta, seen)(*args, **kwargs) if at else call(*args, **kwargs)

        def intercepted(images, is_training):
            with hk.intercept_methods(add):
                return hk.nets.ResNet18(10)(images, is_training)

        outputs, _ = hk.transform_with_state(intercepted).apply(params, state, None, images, is_training=False)
        return outputs, seen[0]

    f = jv.bind(network.apply, params, state, None, is_training=False, select=0)
    names = ["initial_conv", "initial_batchnorm", "block_group_0/block_0/conv_0", layer, "logits"]
    guided = patched(own, (jax.nn, "relu", guided_relu))
    return Case(f, (32, 32, 3), own, layer, changed, names, guided)


def linen_resnet18():
    import jax_resnet
    from flax import linen

    model = jax_resnet.ResNet18(n_classes=10)
    variables = moved(jax.jit(model.init)(KEY, jnp.ones((1, 32, 32, 3))))

    def own(images):
        return model.apply(variables, images, mutable=False)

    def changed(images, delta):
        seen = []

        def add(call, args, kwargs, context):
            at = context.module.path == ("layers_5",) and context.method_name == "__call__"
            return adding(call, delta, seen)(*args, **kwargs) if at else call(*args, **kwargs)

        with linen.intercept_methods(add):
            return own(images), seen[0]

    def guided(images):
        block = functools.partial(jax_resnet.ConvBlock, activation=guided_relu)
        other = jax_resnet.ResNet18(
            n_classes=10,
            conv_block_cls=block,
            block_cls=functools.partial(jax_resnet.ResNetBlock, activation=guided_relu),
        )
        return other.apply(variables, images, mutable=False)

    f = jv.bind(model.apply, variables, mutable=False)
    names = ["layers_0/ConvBlock_0/Conv_0", "layers_0", "layers_2/ConvBlock_0/BatchNorm_0", "layers_9", "layers_11"]
    return Case(f, (32, 32, 3), own, "layers_5", changed, names, guided)


def nnx_vgg16():
    import lpips_nnx
    from flax import nnx

    from jaxviz.adapters.nnx import name_layers

    # The constructor of the package fetches the weights of VGG16.
    make = patched(
        lambda: lpips_nnx.VGG16Features(rngs=nnx.Rngs(0)),
        (lpips_nnx.VGG16Features, "_load_weights", lambda self: None),
    )
    model = make()

    def own(images):
        return model(images)[-1].mean((1, 2))

    def changed(images, delta):
        seen, cls = [], type(model.conv_21)
        other = nnx.clone(model)
        target, call = other.conv_21, cls.__call__

        def add(self, x):
            return adding(functools.partial(call, self), delta, seen)(x) if self is target else call(self, x)

        outputs = patched(lambda: other(images)[-1].mean((1, 2)), (cls, "__call__", add))()
        return outputs, seen[0]

    f = jv.bind(name_layers(model), select=lambda features: features[-1].mean((1, 2)))
    names = ["conv_0", "conv_2", "conv_14", "conv_28"]
    guided = patched(own, (jax.nn, "relu", guided_relu))
    return Case(f, (32, 32, 3), own, "conv_21", changed, names, guided)


def _equimo(model, shape, layer, where, names, relus, **options):
    import equinox as eqx

    from jaxviz.adapters.equinox import name_layers

    inference = eqx.nn.inference_mode(model)

    def call(model):
        return jax.vmap(lambda image: model(image.transpose(2, 0, 1), KEY))

    def changed(images, delta):
        seen = []
        part = where(inference)

        # Added for each image alone, in the order that the model has.
        def single(image, delta):
            seen.clear()
            other = eqx.tree_at(where, inference, adding(part, delta, seen))
            return other(image.transpose(2, 0, 1), KEY), seen[0]

        order = (2, 0, 1) if delta.ndim == 4 else (0, 1)
        outputs, maps = jax.vmap(single)(images, delta.transpose(0, *(1 + axis for axis in order)))
        return outputs, maps.transpose(0, 2, 3, 1) if delta.ndim == 4 else maps

    guided = None
    if relus:
        swapped = {jax.nn.relu: guided_relu, jax.nn.hard_swish: lambda x: x * guided_relu6(x + 3) / 6}
        swapped[jax.nn.hard_sigmoid] = lambda x: guided_relu6(x + 3) / 6
        other = jax.tree.map(lambda leaf: swapped.get(leaf, leaf) if callable(leaf) else leaf, inference)
        guided = patched(call(other), (jax.nn, "relu", guided_relu))
    return Case(name_layers(model), shape, call(inference), layer, changed, names, guided, options)


def mobilenet_v3():
    import equimo.models

    model = equimo.models.mobilenetv3_small(num_classes=10, key=KEY)
    names = ["conv1/conv", "conv1", "layers/0/se_conv/fc1", "layers/0", "layers/10/point_conv/norm", "classifier"]
    return _equimo(model, (32, 48, 3), "layers/4", lambda model: model.layers[4], names, True)


def vit():
    import equimo.models

    model = equimo.models.VisionTransformer(
        img_size=32, in_channels=3, dim=24, patch_size=8, num_heads=[3], depths=[2], num_classes=10, key=KEY
    )
    names = ["patch_embed/proj", "blocks/0/blocks/0/attn/attn_drop", "blocks/0/blocks/0", "norm", "head"]
    layer = "blocks/0/blocks/0"
    return _equimo(model, (32, 32, 3), layer, lambda model: model.blocks[0].blocks[0], names, False, grid=(4, 4))


CASES: dict[str, Callable[[], Case]] = {
    "Keras MobileNetV2": mobilenet_v2,
    "Keras DenseNet121": densenet121,
    "Keras ConvNeXtTiny": convnext,
    "Haiku ResNet18": haiku_resnet18,
    "Linen ResNet18 of jax-resnet": linen_resnet18,
    "NNX VGG16 of lpips-nnx": nnx_vgg16,
    "Equinox MobileNetV3 of equimo": mobilenet_v3,
    "Equinox ViT of equimo": vit,
}


@functools.cache
def case(name: str) -> Case:
    """The model of this name, made once."""
    return CASES[name]()
