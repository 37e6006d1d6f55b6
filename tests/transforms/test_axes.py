"""What the axes of a value stand for: a row for each rule, with the axes written out by hand.

`n`, `h`, `w`: the batch, the rows, the columns of the images; `hw`: both; `-`: none of them; `?`: not known.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.ad_checkpoint import checkpoint_name

import jaxviz as jv
from jaxviz._core.jaxpr.axes import UNKNOWN
from jaxviz._core.jaxpr.interpret import trace
from jaxviz._core.jaxpr.names import find_layers
from tests import networks

X = jnp.zeros((2, 6, 8, 4))
LETTERS = {"batch": "n", "rows": "h", "cols": "w", UNKNOWN: "?"}
ORDER = "nhw?"


def grouped(x):
    """The mean of a group has a single place along the axes that it is subtracted from."""
    groups = x.transpose(0, 3, 1, 2).reshape(2, 2, 2, 6, 8)
    return jax.lax.sub(groups, groups.mean((2, 3, 4), keepdims=True)).reshape(2, 4, 6, 8)


def pooled(x):
    return jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, 5, 6, 1), (1, 1, 1, 1), "VALID")


def tokens(x):
    return x.reshape(2, 48, 4)


def heads(x):
    return tokens(x).reshape(2, 48, 2, 2).transpose(0, 2, 1, 3)


def attention(x):
    return jax.nn.softmax(jnp.einsum("ntqd,ntkd->ntqk", heads(x), heads(x)))


def attended(x):
    return jnp.einsum("ntqk,ntkd->nqtd", attention(x), heads(x)).reshape(2, 6, 8, 4)


def windows(x):
    return x.reshape(2, 3, 2, 2, 4, 4).transpose(0, 1, 3, 2, 4, 5).reshape(12, 8, 4)


def own_kernels(x):
    kernels = jnp.broadcast_to(x.mean((1, 2))[:, None, None, None], (2, 3, 3, 4, 4))
    return jax.vmap(lambda image, kernel: networks.conv(image[None], kernel)[0])(x, kernels)


def summed_over_images(x):
    def step(total, image):
        return total + image, networks.conv(image[None], jnp.ones((3, 3, 4, 4)))[0]

    return jax.lax.scan(step, jnp.zeros(x.shape[1:]), x)


def carried_around(x):
    """Only the third iteration brings the images to the last of the carry."""

    def step(carry, _):
        first, second, third = carry
        return (x.mean(3), first, second), third

    return jax.lax.scan(step, (jnp.zeros(x.shape[:3]),) * 3, length=4)


def held(x):
    ref = jax.new_ref(jnp.zeros_like(x))
    ref[...] = x
    return ref[...]


def kept(x, ref):
    @jax.jit
    def keep(x):
        ref[...] = x
        return ref[...]

    return keep(x)


OUTSIDE = jax.new_ref(jnp.zeros(X.shape))
ROWS = {
    "image": (lambda x: x, "n h w -"),
    "convolution": (lambda x: networks.conv(x, jnp.ones((3, 3, 4, 5))), "n h w -"),
    "pool": (networks.pool, "n h w -"),
    "small pool with switches": (lambda x: jv.max_pool_with_switches(x, (2, 2), (1, 1))[0], "n h w -"),
    "large pool with switches": (lambda x: jv.max_pool_with_switches(x, (5, 6), (1, 1), "SAME")[0], "n h w -"),
    "large pool under a rule": (jv.with_rule(lambda x: pooled(jax.nn.relu(x)), "guided"), "n h w -"),
    "channels first": (lambda x: x.transpose(0, 3, 1, 2), "n - h w"),
    "batch last": (lambda x: jnp.moveaxis(x, 0, -1), "h w - n"),
    "vmap": (jax.vmap(lambda image: networks.conv(image[None], jnp.ones((3, 3, 4, 5)))[0]), "n h w -"),
    "squeeze and excite": (lambda x: x * jax.nn.sigmoid(x.mean((1, 2), keepdims=True)), "n h w -"),
    "global pool": (lambda x: x.mean((1, 2), keepdims=True), "n - - -"),
    "group norm": (lambda x: jax.nn.standardize(x.reshape(2, 6, 8, 2, 2), (1, 2, 4)).reshape(x.shape), "n h w -"),
    "group norm, channels first": (grouped, "n - h w"),
    "dense": (lambda x: x.reshape(2, -1) @ jnp.ones((192, 5)), "n ?"),
    "dense on channels": (lambda x: x @ jnp.ones((4, 5)), "n h w -"),
    "resized": (lambda x: jax.image.resize(x, (2, 12, 5, 4), "bilinear"), "n h w -"),
    "rows taken": (lambda x: x[:, np.array([3, 1, 2])], "n h w -"),
    "repeated": (lambda x: jnp.repeat(x, 2, axis=2), "n h w -"),
    "rolled": (lambda x: jnp.roll(x, 3, axis=1), "n h w -"),
    "flipped and padded": (lambda x: jnp.pad(x[:, ::-1], ((0, 0), (2, 1), (0, 3), (0, 0))), "n h w -"),
    "tokens": (tokens, "n hw -"),
    "attention": (attention, "n - hw hw"),
    "attended": (attended, "n h w -"),
    "class token": (lambda x: jnp.concatenate([jnp.ones((2, 1, 4)), tokens(x)], 1)[:, 1:].reshape(X.shape), "n h w -"),
    "two more tokens": (lambda x: jnp.pad(tokens(x), ((0, 0), (2, 0), (0, 0))).reshape(2, 5, 10, 4), "n hw hw -"),
    "one row everywhere": (lambda x: jnp.broadcast_to(x[:, :1], x.shape), "n - w -"),
    "windows": (windows, "nhw hw -"),
    "space to depth": (
        lambda x: x.reshape(2, 3, 2, 4, 2, 4).transpose(0, 1, 3, 2, 4, 5).reshape(2, 3, 4, 16),
        "n h w hw",
    ),
    "cut through the middle": (lambda x: x.reshape(2, 8, 6, 4), "n hw hw hw"),
    "own kernels": (own_kernels, "n h w -"),
    "mapped": (lambda x: jax.lax.map(lambda image: image.mean(-1), x), "n h w"),
    "scanned": (lambda x: summed_over_images(x)[1], "n h w -"),
    "carried": (lambda x: summed_over_images(x)[0], "h w -"),
    "carried around": (lambda x: carried_around(x)[0][2], "n h w"),
    "while": (lambda x: jax.lax.while_loop(lambda y: y.sum() < 1, lambda y: y + 1, x), "n h w -"),
    "while it says": (lambda x: jax.lax.while_loop(lambda y: y < x.sum(), lambda y: y + 1, 0.0), ""),
    "branch": (lambda x: jax.lax.cond(True, lambda x: x, lambda x: 2 * x, x), "n h w -"),
    "chosen": (lambda x: jax.lax.cond(x.sum() > 0, lambda: jnp.ones(3), lambda: jnp.zeros(3)), "?"),
    "checkpoint": (jax.checkpoint(networks.pool), "n h w -"),
    "reference": (held, "n h w -"),
    "reference from outside": (lambda x: kept(x, OUTSIDE), "n h w -"),
    "a place in a row": (lambda x: jax.lax.dynamic_slice_in_dim(x, x.argmax().astype(int), 2, 1), "n h w -"),
    "sorted": (lambda x: jnp.sort(x, -1), "n h w -"),
    "of a kind not known": (lambda x: jnp.fft.fft(x).real, "? ? ? ?"),
    "a kernel": (lambda x: jax.nn.standardize(jnp.arange(6.0)), None),
    "shape alone": (lambda x: jnp.full(x.shape, x.shape[1]), None),
}


def found(f, x):
    layers = find_layers(trace(lambda x: checkpoint_name(f(x), "it"), x))
    if "it" not in layers:
        return None
    axes = [axis.origins for axis in layers["it"].axes.axes]
    return " ".join("".join(sorted(map(LETTERS.__getitem__, of), key=ORDER.index)) or "-" for of in axes)


@pytest.mark.parametrize("name", ROWS)
def test_axes_are_followed(name):
    f, expected = ROWS[name]
    assert found(f, X) == expected


def test_a_layer_in_a_loop_has_the_axis_of_the_loop_before_its_own():
    f = lambda x: jax.lax.map(lambda image: checkpoint_name(jnp.sin(image), "sine"), x)  # noqa: E731
    (layer,) = find_layers(trace(f, X)).values()
    assert [set(axis.origins) for axis in layer.axes.axes] == [{"batch"}, {"rows"}, {"cols"}, set()]


@pytest.mark.parametrize("family", networks.FAMILIES)
def test_every_layer_of_the_networks_is_of_the_images(family):
    f, x = networks.FAMILIES[family](), networks.images()
    order = (0, 3, 1, 2) if family == "equinox" else (0, 1, 2, 3)
    layers = find_layers(trace(f, x))
    assert "last" in layers
    maps = [[{"batch"}, {"rows"}, {"cols"}, set()][axis] for axis in order]
    for name in ("first", "middle", "block", "last", "dense"):
        if name not in layers:
            continue
        layer = layers[name]
        expected = maps if len(layer.aval.shape) == 4 else [{"batch"}, set()]
        stacked = [set()] if name == "block" else []  # over the iterations of a scan
        assert [set(axis.origins) for axis in layer.axes.axes] == stacked + expected, name


@jax.tree_util.Partial
def standardized(kernel, x):
    """A convolution whose kernel is made on each call, and named on the way."""
    with jax.named_scope("net"):
        with jax.named_scope("kernel"):
            kernel = jax.jit(jax.nn.standardize)(kernel)
        with jax.named_scope("conv"):
            x = networks.conv(x, kernel)
        scale = checkpoint_name(jnp.ones(kernel.shape[-1]), "scale")
        return (x * scale).mean((1, 2))


def test_what_is_the_same_for_all_images_is_no_layer():
    f = jax.tree_util.Partial(standardized.func, jnp.arange(3 * 3 * 4 * 5.0).reshape(3, 3, 4, 5))
    assert list(jv.layers(f, X)) == ["conv"]
    calls = {
        "tap": lambda layer: jv.tap(f, layer)(X),
        "edit": lambda layer: jv.edit(f, {layer: jnp.sin})(X),
        "upto": lambda layer: jv.upto(f, layer)(X),
        "after": lambda layer: jv.after(f, layer)(jnp.ones((3, 3, 4, 5)), X),
        "grad_cam": lambda layer: jv.grad_cam(f, X, 0, layer),
    }
    for call in calls.values():
        for layer in ("kernel", "scale"):
            with pytest.raises(ValueError, match=r"^`layer` must") as error:
                call(layer)
            assert str(error.value) == (
                f"`layer` must depend on the images, got {layer!r}, which is the same for all of them. Take one of "
                "layers(f, images)."
            )
    # As an argument of the function it is a value like any other.
    assert list(jv.tap(f.func, "kernel")(f.args[0], X)[1]) == ["kernel"]


def test_a_name_that_a_kernel_and_an_activation_share_is_that_of_the_activation():
    def f(x):
        kernel = checkpoint_name(jnp.ones((3, 3, 4, 5)), "conv")
        return checkpoint_name(networks.conv(x, kernel), "conv").mean((1, 2))

    assert jv.layers(f, X).keys() == {"conv"}
    assert jv.upto(f, "conv")(X).shape == (2, 6, 8, 5)
