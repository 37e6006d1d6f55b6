"""Equinox models as they come: of one image with channels first, with batch norm, dropout, tokens, a required key."""

import re

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxviz as jv
from jaxviz.adapters.equinox import name_layers
from tests import networks, quick

KEY = jax.random.key(0)
IMAGES = jax.random.normal(jax.random.key(1), (2, 6, 8, 3))


class Block(eqx.Module):
    conv: eqx.nn.Conv2d
    norm: eqx.nn.BatchNorm
    drop: eqx.nn.Dropout

    def __init__(self, channels, maps, key):
        self.conv = eqx.nn.Conv2d(channels, maps, 3, padding=1, key=key)
        self.norm = eqx.nn.BatchNorm(maps, "batch", mode="batch")
        self.drop = eqx.nn.Dropout(0.5)

    def __call__(self, x, state, *, key):
        x, state = self.norm(self.conv(x), state)
        return self.drop(jax.nn.relu(x), key=key), state


class Net(eqx.Module):
    blocks: list[Block]
    pool: eqx.nn.MaxPool2d
    head: dict[str, eqx.nn.Linear]

    def __init__(self, key):
        keys = jax.random.split(key, 3)
        self.blocks = [Block(3, 4, keys[0]), Block(4, 5, keys[1])]
        self.pool = eqx.nn.MaxPool2d(2, 2)
        self.head = {"out": eqx.nn.Linear(5, 7, key=keys[2])}

    def __call__(self, x, state, key):
        for block, own in zip(self.blocks, jax.random.split(key), strict=True):
            x, state = block(x, state, key=own)
            x = self.pool(x)
        return self.head["out"](x.mean((1, 2))), state


def net():
    model, state = eqx.nn.make_with_state(Net)(KEY)
    # Statistics of training, so that the norms do something.
    train = jax.vmap(model, in_axes=(0, None, None), out_axes=(0, None), axis_name="batch")
    return model, train(3 + IMAGES.transpose(0, 3, 1, 2), state, KEY)[1]


MODEL, STATE = net()
F = name_layers(MODEL, STATE)


def by_hand(images, relu=jax.nn.relu, changed=lambda x: x):
    """The same network with channels last, its statistics taken from the state, and its maps."""
    x, maps = images, {}
    for number, block in enumerate(MODEL.blocks):
        kernel = block.conv.weight.transpose(2, 3, 1, 0)
        x = maps[f"blocks/{number}/conv"] = networks.conv(x, kernel) + block.conv.bias.ravel()
        counter, (mean, variance) = STATE.get(block.norm.batch_counter), STATE.get(block.norm.batch_state_index)
        scale = 1 - block.norm.momentum**counter
        x = (x - mean / scale) / jnp.sqrt(variance / scale + block.norm.eps)
        x = maps[f"blocks/{number}"] = changed(relu(x)) if number else relu(x)
        x = (
            x.reshape(len(x), x.shape[1] // 2, 2, -1, 2, x.shape[3]).max((2, 4))
            if number == 0
            else x[:, :2].reshape(len(x), 1, 2, 2, 2, 5).max((2, 4))
        )
    return x.mean((1, 2)) @ MODEL.head["out"].weight.T + MODEL.head["out"].bias, maps


def test_a_model_of_one_image_is_named_mapped_and_turned():
    shapes = {name: layer.shape for name, layer in jv.layers(F, IMAGES).items()}
    first, second = (2, 6, 8, 4), (2, 3, 4, 5)
    assert shapes == {
        **{f"blocks/0{part}": first for part in ("/conv", "/norm", "/drop", "")},
        "pool#0": (2, 3, 4, 4),
        **{f"blocks/1{part}": second for part in ("/conv", "/norm", "/drop", "")},
        "pool#1": (2, 1, 2, 5),
        "head/out": (2, 7),
    }
    outs, maps = quick.jit(by_hand)(IMAGES)
    found, tapped = quick.jit(jv.tap(F, *maps))(IMAGES)
    np.testing.assert_allclose(found, outs, atol=1e-5)
    for name, expected in maps.items():
        np.testing.assert_allclose(tapped[name], expected, atol=1e-5)


def test_values_are_those_of_the_model_itself_and_the_model_stays_as_it_is():
    model = eqx.nn.inference_mode(MODEL)
    own = jax.vmap(lambda image: model(image, STATE, KEY)[0])
    np.testing.assert_array_equal(quick.jit(F)(IMAGES), quick.jit(own)(IMAGES.transpose(0, 3, 1, 2)))
    assert type(MODEL.blocks[0]) is Block
    assert not MODEL.blocks[0].drop.inference


def test_methods_read_its_maps_as_they_are():
    def out(images, delta=0.0):
        outs, maps = by_hand(images, changed=lambda x: x + delta)
        return outs[:, 3].sum(), maps["blocks/1"]

    (gradient, weights), maps = quick.jit(jax.grad(out, (0, 1), has_aux=True))(IMAGES, jnp.zeros((2, 3, 4, 5)))
    np.testing.assert_allclose(jv.saliency(F, IMAGES, 3), gradient, atol=1e-5)
    expected = jax.nn.relu((maps * weights.mean((1, 2), keepdims=True)).sum(-1))
    np.testing.assert_allclose(jv.grad_cam(F, IMAGES, 3, "blocks/1"), expected, atol=1e-5)
    assert expected.max() > 1e-3


@pytest.mark.slow
def test_occlusion_is_exact_where_channels_come_first():
    found = jv.occlusion(F, IMAGES[0], window=3, stride=3)
    covered = np.stack([IMAGES[0]] * 4)
    for image, (row, col) in zip(covered, [(0, 0), (0, 3), (3, 0), (3, 3)], strict=True):
        image[row : row + 3, col : col + 3] = 0
    np.testing.assert_allclose(found[:2, :2].reshape(4, 7), quick.jit(by_hand)(covered)[0], atol=1e-5)


def test_the_leaves_are_the_parameters_and_cross_jit():
    arrays = [leaf for leaf in jax.tree.leaves((MODEL, STATE)) if eqx.is_array(leaf)]
    assert jax.tree.all(jax.tree.map(lambda mine, own: mine is own, jax.tree.leaves(F), arrays))
    traced = []

    @jax.jit
    def call(f, images):
        traced.append(f)
        return f(images)

    first = call(F, IMAGES)
    twice = name_layers(eqx.tree_at(lambda model: model.head["out"].bias, MODEL, MODEL.head["out"].bias + 1), STATE)
    np.testing.assert_allclose(call(twice, IMAGES), first + 1, rtol=1e-5)
    assert len(traced) == 1


class Tokens(eqx.Module):
    """Patches with channels last, a norm of each, attention between them, and a channels-first end."""

    embed: eqx.nn.Conv2d
    norm: eqx.nn.LayerNorm
    attention: eqx.nn.MultiheadAttention
    pool: eqx.nn.AdaptiveAvgPool2d
    widen: eqx.nn.Conv2d

    def __init__(self, key):
        keys = jax.random.split(key, 3)
        self.embed = eqx.nn.Conv2d(3, 4, 2, 2, key=keys[0])
        self.norm = eqx.nn.LayerNorm(4)
        self.attention = eqx.nn.MultiheadAttention(2, 4, key=keys[1])
        self.pool = eqx.nn.AdaptiveAvgPool2d(1)
        self.widen = eqx.nn.Conv2d(4, 6, 1, key=keys[2])

    def __call__(self, x):
        x = jax.vmap(jax.vmap(self.norm))(self.embed(x).transpose(1, 2, 0))
        tokens = x.reshape(-1, 4)
        x = self.attention(tokens, tokens, tokens).reshape(x.shape).transpose(2, 0, 1)
        return self.widen(self.pool(x))[:, 0, 0]


def test_every_order_inside_of_a_model_is_seen_as_rows_columns_and_channels():
    f = name_layers(Tokens(KEY))
    shapes = {name: layer.shape for name, layer in jv.layers(f, IMAGES).items()}
    assert shapes == {
        "embed": (2, 3, 4, 4),
        "norm": (2, 3, 4, 4),
        **{f"attention/{part}_proj": (2, 12, 4) for part in ("query", "key", "value", "output")},
        **{f"attention/{weights}": (2, 2, 12, 12) for weights in ("softmax", "dropout")},
        "attention": (2, 12, 4),
        "pool": (2, 1, 1, 4),
        "widen": (2, 1, 1, 6),
    }


class Stacked(eqx.Module):
    """The same block again and again in a scan, and a second argument."""

    blocks: eqx.nn.Linear

    def __call__(self, x, factor, *, inference=None):
        arrays, others = eqx.partition(self.blocks, eqx.is_array)
        x, _ = jax.lax.scan(lambda x, block: (eqx.combine(block, others)(x), None), x.mean((1, 2)), arrays)
        return factor * x


def test_blocks_in_a_scan_are_named_and_arguments_are_handed_on():
    model = Stacked(eqx.filter_vmap(lambda key: eqx.nn.Linear(3, 3, key=key))(jax.random.split(KEY)))
    f = name_layers(model)
    one, two = (model.blocks.weight[i] for i in (0, 1))
    first = IMAGES.mean((1, 2)) @ one.T + model.blocks.bias[0]
    second = first @ two.T + model.blocks.bias[1]
    np.testing.assert_allclose(f(IMAGES, 2.0, inference=True), 2 * second, atol=1e-6)
    _, tapped = jv.tap(lambda x: f(x, 1.0), "blocks")(IMAGES)
    np.testing.assert_allclose(tapped["blocks"], jnp.stack([first, second]), atol=1e-6)


LAYOUTS = {  # what the model is, and what it is given
    "hwc": (lambda x: x.sum((0, 1)), (2, 4, 5, 3)),
    "nchw": (lambda x: x.sum((2, 3)), (2, 4, 5, 3)),
    "nhwc": (lambda x: x.sum((1, 2)), (2, 4, 5, 3)),
    "ct": (lambda x: x.sum(1), (2, 6, 3)),
    "c": (lambda x: x, (2, 3)),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_models_of_other_layouts_take_channels_last_too(layout):
    call, shape = LAYOUTS[layout]
    x = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    found = name_layers(eqx.nn.Lambda(call), layout=layout)(x)
    np.testing.assert_allclose(found, x.reshape(2, -1, 3).sum(1), rtol=1e-4)


def refused(call, text):
    with pytest.raises((ValueError, TypeError), match=f"^{re.escape(text)}"):
        call()


class Noisy(eqx.Module):
    def __call__(self, x, key):
        return x.mean((1, 2)) + jax.random.normal(key, (3,))


@pytest.mark.usefixtures("unchecked_shapes")
def test_what_cannot_be_explained_is_refused():
    refused(lambda: name_layers(jax.nn.relu), "`model` must be an equinox.Module that can be called, got ")  # type: ignore[arg-type]
    refused(lambda: name_layers(Noisy(), layout="hw"), "`layout` must name each axis of what the model takes once,")
    refused(lambda: F(IMAGES[0]), "`images` must have shape (n, h, w, c) for a model that takes 'chw', got (6, 8, 3).")
    refused(lambda: name_layers(MODEL)(IMAGES), "`state` must be given for a model that takes one, got None. Make both")
    refused(
        lambda: jv.layers(name_layers(Noisy()), IMAGES), "`model` must compute the same on every call, got one that"
    )
    drawn = name_layers(Noisy())(IMAGES, key=KEY)
    np.testing.assert_allclose(drawn - IMAGES.mean((1, 2)), jnp.tile(jax.random.normal(KEY, (3,)), (2, 1)), atol=1e-6)
