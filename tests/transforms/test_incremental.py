"""The incremental path against the function itself, on real architectures in small and on random networks."""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import lax

import jaxviz as jv
from tests.networks import FAMILIES, SHAPE

# Sums of products in another order.
TOLERANCE = 1e-5
NHWC = ("NHWC", "HWIO", "NHWC")


def kernel(seed: int, *shape: int) -> jax.Array:
    scale = np.sqrt(2 / np.prod(shape[:-1]))
    return jnp.asarray(scale * np.random.default_rng(seed).normal(size=shape), jnp.float32)


def conv(x, seed, size, channels, stride=1, padding="SAME", groups=1, dilation=1):
    w = kernel(seed, size, size, x.shape[-1] // groups, channels)
    return lax.conv_general_dilated(
        x,
        w,
        (stride, stride),
        padding,
        rhs_dilation=(dilation, dilation),
        dimension_numbers=NHWC,
        feature_group_count=groups,
    )


def norm(x, seed):
    return (x - kernel(seed, 1, x.shape[-1])[0]) * lax.rsqrt(1.5 + kernel(seed + 1, 1, x.shape[-1])[0] ** 2)


def layer_norm(x):
    mean = x.mean(-1, keepdims=True)
    return (x - mean) * lax.rsqrt(jnp.square(x - mean).mean(-1, keepdims=True) + 1e-6)


def max_pool(x, size, stride, padding="VALID"):
    return lax.reduce_window(x, -jnp.inf, lax.max, (1, size, size, 1), (1, stride, stride, 1), padding)


def mean_pool(x, size, stride, padding="SAME"):
    def total(x):
        return lax.reduce_window(x, 0.0, lax.add, (1, size, size, 1), (1, stride, stride, 1), padding)

    return total(x) / total(jnp.ones_like(x))


def convnext(x):
    """Patches, then blocks of a depthwise convolution, a norm over the channels, and a residual sum."""
    x = layer_norm(conv(x, 0, 2, 8, 2, "VALID"))
    for number in range(2):
        y = layer_norm(conv(x, 3 * number + 1, 5, 8, groups=8))
        x = x + 0.5 * conv(jax.nn.gelu(conv(y, 3 * number + 2, 1, 32)), 3 * number + 3, 1, 8)
    return layer_norm(conv(layer_norm(x), 9, 2, 8, 2, "VALID").mean((1, 2))) @ kernel(10, 8, 5)


def vgg(x):
    for number, (layers, channels) in enumerate([(2, 4), (2, 8), (2, 8)]):
        for layer in range(layers):
            x = jax.nn.relu(conv(x, 10 * number + layer, 3, channels) + 0.1)
        x = max_pool(x, 2, 2)
    return x.reshape(x.shape[0], -1) @ kernel(99, np.prod(x.shape[1:]), 5)


def squeezenet(x):
    x = max_pool(jax.nn.relu(conv(x, 0, 3, 8, 2, "VALID")), 3, 2)
    for number in range(3):
        x = jax.nn.relu(conv(x, 3 * number + 1, 1, 4))
        x = jnp.concatenate(
            [jax.nn.relu(conv(x, 3 * number + 2, 1, 6)), jax.nn.relu(conv(x, 3 * number + 3, 3, 6))], -1
        )
        x = max_pool(x, 3, 2) if number == 1 else x
    return conv(x, 50, 1, 5).mean((1, 2))


def resnet(x):
    x = max_pool(jax.nn.relu(norm(conv(x, 0, 7, 8, 2, [(3, 3)] * 2), 1)), 3, 2, [(0, 0), (1, 1), (1, 1), (0, 0)])
    for block, stride in enumerate([1, 2, 1]):
        channels = x.shape[-1] * stride
        y = jax.nn.relu(norm(conv(x, 9 * block + 3, 3, channels, stride, [(1, 1)] * 2), 4))
        y = norm(conv(y, 9 * block + 5, 3, channels), 6)
        x = jax.nn.relu(y + (norm(conv(x, 9 * block + 7, 1, channels, 2, "VALID"), 8) if stride == 2 else x))
    return x.mean((1, 2)) @ kernel(98, x.shape[-1], 5)


def mobilenet(x):
    x = jnp.clip(conv(x, 0, 3, 8, 2), 0, 6)
    for number, stride in enumerate([1, 2, 1]):
        x = jnp.clip(norm(conv(x, 4 * number + 1, 3, x.shape[-1], stride, groups=x.shape[-1]), 2), 0, 6)
        x = jax.nn.silu(conv(x, 4 * number + 3, 1, 12))
    return jax.nn.softmax(x.mean((1, 2)) @ kernel(98, 12, 5))


def densenet(x):
    x = conv(x, 0, 3, 6, 2)
    for number in range(4):
        new = conv(jax.nn.relu(norm(x, number)), 2 * number + 1, 1, 8)
        x = jnp.concatenate([x, conv(jax.nn.relu(new), 2 * number + 2, 3, 4)], -1)
        x = mean_pool(conv(x, 40, 1, 8), 2, 2, "VALID") if number == 1 else x
    return jax.nn.relu(x).mean((1, 2)) @ kernel(98, x.shape[-1], 5)


def inception(x):
    """Branches of other reach that read the same value: beyond its edge one sees zeros and another nothing."""
    x = -jax.nn.relu(conv(x, 0, 3, 6, 2))
    branches = [conv(x, 1, 1, 4), conv(x, 2, 3, 4), max_pool(x, 5, 1, "SAME"), max_pool(x, 3, 1, "SAME")]
    return jnp.tanh(jnp.concatenate(branches, -1)).mean((1, 2))


def odd_operations(x):
    """Layout changes, slices, padding, inner calls, other reductions."""
    x = jax.jit(lambda x: jnp.pad(x, ((0, 0), (2, 1), (0, 3), (0, 1))))(x)
    x = jax.checkpoint(lambda x: jnp.tanh(conv(x, 1, 3, 8, dilation=2, groups=2)))(x)
    x = jnp.transpose(x, (0, 3, 1, 2))[:, 1:7, 1:-2, ::2]
    x = x.reshape(x.shape[0], 2, 3, *x.shape[2:]).sum(1)
    x = x / (1 + jnp.max(jnp.abs(x), axis=1, keepdims=True))
    x = x + jnp.linspace(0, 1, x.shape[2])[:, None] * jnp.arange(x.shape[3])
    x = jnp.einsum("nchw,cd->nhwd", x, kernel(2, 3, 6))
    first, second = jnp.split(x, 2, axis=-1)
    return jnp.where(first > 0.1, first, second).std((1, 2))


def not_local(x):
    """An operation without a rule, in the middle."""
    x = jnp.fft.fft2(jax.nn.relu(conv(x, 0, 3, 4)), axes=(1, 2)).real
    return jax.nn.relu(conv(x, 1, 3, 5)).mean((1, 2))


NETWORKS = [convnext, vgg, squeezenet, resnet, mobilenet, densenet, inception, odd_operations, not_local]


def image_and_patch(shape: tuple[int, ...], patch: tuple[int, int]) -> tuple[jax.Array, jax.Array]:
    return jax.random.normal(jax.random.key(0), shape), jax.random.normal(jax.random.key(1), (*patch, shape[-1]))


def assert_same(f: Callable, shape: tuple[int, ...], size: tuple[int, int], corners: list[tuple[int, int]]) -> None:
    image, patch = image_and_patch(shape, size)
    patched = jv.incremental(f, image)
    ours = jax.jit(jax.vmap(lambda corner: patched(patch, corner)))(jnp.array(corners))
    images = [lax.dynamic_update_slice(image, patch, (row, col, 0)) for row, col in corners]
    expected = jax.jit(lambda images: f(images))(jnp.stack(images))
    np.testing.assert_allclose(ours, expected, rtol=0, atol=TOLERANCE * float(jnp.abs(expected).max()))


@pytest.mark.parametrize(
    "f", [pytest.param(f, marks=pytest.mark.slow if f in (densenet, resnet, odd_operations) else []) for f in NETWORKS]
)
def test_a_patch_gives_what_the_patched_image_gives(f):
    assert_same(f, (49, 58, 3), (7, 5), [(0, 0), (42, 53), (11, 20), (42, 1), (3, 53), (24, 24)])


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.slow
def test_networks_of_every_library(family):
    f = FAMILIES[family]()
    assert_same(f, SHAPE, (3, 2), [(0, 0), (6, 9), (2, 5)])


layer = st.one_of(
    st.tuples(
        st.just("conv"),
        st.integers(1, 4),
        st.integers(1, 3),
        st.sampled_from(["SAME", "VALID", ((2, 0), (1, 3))]),
        st.sampled_from([1, 2]),
        st.sampled_from([1, 2]),
    ),
    st.tuples(
        st.sampled_from(["max", "mean"]), st.integers(1, 3), st.integers(1, 3), st.sampled_from(["SAME", "VALID"])
    ),
    st.tuples(st.sampled_from(["residual", "dense block", "relu", "norm", "layer norm", "slice", "pad", "transpose"])),
)


@pytest.mark.slow
@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    layers=st.lists(layer, min_size=1, max_size=6),
    shape=st.tuples(st.integers(12, 19), st.integers(12, 19)),
    size=st.tuples(st.integers(1, 7), st.integers(1, 7)),
    where=st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=3, max_size=3),
)
def test_random_networks(layers, shape, size, where):
    def f(x):
        for seed, (kind, *options) in enumerate(layers):
            if min(x.shape[1:3]) < 6 and kind in ("conv", "max", "mean", "slice"):
                continue
            if kind == "conv":
                x = conv(
                    x, seed, options[0], 4, options[1], options[2], 1 if x.shape[-1] % 2 else options[3], options[4]
                )
            elif kind == "max":
                x = max_pool(x, options[0], options[1], options[2])
            elif kind == "mean":
                x = mean_pool(x, options[0], options[1], options[2])
            elif kind == "residual":
                x = x + conv(x, seed, 3, x.shape[-1])
            elif kind == "dense block":
                x = jnp.concatenate([x, conv(x, seed, 3, 2)], -1)
            elif kind == "layer norm":
                x = layer_norm(x)
            elif kind == "transpose":
                x = x.swapaxes(1, 2)
            elif kind == "slice":
                x = x[:, 1:-1, ::2]
            elif kind == "pad":
                x = jnp.pad(x, ((0, 0), (1, 2), (0, 1), (0, 0)))
            else:
                x = jax.nn.relu(x) if kind == "relu" else norm(x, seed)
        return jnp.tanh(x).mean((1, 2))

    corners = [(round(r * (shape[0] - size[0])), round(c * (shape[1] - size[1]))) for r, c in where]
    assert_same(f, (*shape, 3), size, corners)


@pytest.mark.parametrize("f", [vgg, convnext])
@pytest.mark.slow
def test_fewer_operations_than_the_whole_network(f):
    image, patch = image_and_patch((64, 64, 3), (4, 4))
    patched = jv.incremental(f, image)
    flops = [
        jax.jit(function).lower(*args).compile().cost_analysis()["flops"]
        for function, args in ((patched, (patch, jnp.array([5, 9]))), (f, (image[None],)))
    ]
    assert flops[0] < 0.35 * flops[1]


@pytest.mark.slow
def test_composes_with_grad():
    image, patch = image_and_patch((20, 20, 3), (4, 4))
    patched = jv.incremental(squeezenet, image)
    ours = jax.jit(jax.grad(lambda patch: patched(patch, (3, 9))[1]))(patch)
    expected = jax.grad(lambda patch: squeezenet(image.at[3:7, 9:13].set(patch)[None])[0, 1])(patch)
    np.testing.assert_allclose(ours, expected, atol=TOLERANCE * float(jnp.abs(expected).max()))


@pytest.mark.slow
def test_a_batch_of_images_has_a_patch_for_each():
    images = jax.random.normal(jax.random.key(0), (2, 24, 24, 3))
    patches = jax.random.normal(jax.random.key(1), (2, 5, 6, 3))
    ours = jv.incremental(vgg, images)(patches, (7, 3))
    np.testing.assert_allclose(ours, vgg(images.at[:, 7:12, 3:9].set(patches)), atol=1e-5)


def test_windows_at_corners_that_are_known():
    images = jax.random.normal(jax.random.key(0), (2, 24, 26, 3))
    rows, cols = [0, 8, 17], [1, 16]
    numbers = [(0, 0), (2, 1), (1, 1), (1, 0), (2, 0)]
    patches = jax.random.normal(jax.random.key(1), (len(numbers), 2, 7, 5, 3))
    covered = [
        images.at[:, rows[r] : rows[r] + 7, cols[c] : cols[c] + 5].set(patch)
        for (r, c), patch in zip(numbers, patches, strict=True)
    ]
    expected = jnp.stack([squeezenet(image) for image in covered])
    windows = jv.incremental(squeezenet, images).windows((7, 5), (rows, cols))
    call = jax.jit(lambda windows, patches, numbers: windows(patches, numbers))
    np.testing.assert_allclose(call(windows, patches, jnp.array(numbers)), expected, atol=1e-5)
    single = jv.incremental(squeezenet, images[1]).windows((7, 5))
    corners = jnp.array([(rows[r], cols[c]) for r, c in numbers])
    np.testing.assert_allclose(jax.jit(single)(patches[:, 1], corners), expected[:, 1], atol=1e-5)


def test_windows_that_keep_to_the_stride_reach_less():
    patched = jv.incremental(lambda x: conv(conv(x, 0, 3, 4, 2), 1, 3, 4), jnp.ones((32, 32, 3)))
    places = np.arange(1, 28, 2)
    aligned, anywhere = patched.windows(3, (places, places)), patched.windows(3)
    assert 0 < aligned.plan.bytes_per_window < anywhere.plan.bytes_per_window


def test_windows_of_a_small_share_are_an_approximation():
    def f(x):
        return jnp.tanh(conv(conv(x, 0, 3, 4), 1, 3, 4)).mean((1, 2))

    image = jax.random.normal(jax.random.key(0), (24, 24, 3))
    numbers, patch = jnp.array([[9, 9]]), jnp.zeros((1, 6, 6, 3))
    patched = jv.incremental(f, image)
    exact, cut = (patched.windows(6, share=share)(patch, numbers) for share in (1.0, 0.3))
    assert 1e-6 < float(jnp.abs(exact - cut).max()) < float(jnp.abs(exact - f(image[None])).max())


def test_errors_of_windows_say_what_fits():
    patched = jv.incremental(lambda x: x.sum((1, 2)), jnp.zeros((4, 5, 3)))
    with pytest.raises(
        ValueError, match=r"`window` must fit inside the image, got 5 for an image of 4x5. Use at most 4"
    ):
        patched.windows(5)
    with pytest.raises(ValueError, match=r"a window of 2x2 inside an image of 4x5, got 0 to 3, 0 to 1. Use at most"):
        patched.windows(2, ([0, 3], [0, 1]))
    with pytest.raises(TypeError, match=r"`corners` must be integers, got \['float64', 'int64'\]"):
        patched.windows(2, (np.array([0.5]), [1]))
    with pytest.raises(ValueError, match=r"along each of 2 axes, got shapes \[\(1,\)\]"):
        patched.windows(2, ([0],))
    with pytest.raises(ValueError, match=r"`share` must be above 0 and at most 1, got 0"):
        patched.windows(2, share=0)
    windows = patched.windows(2, ([0, 2], [0, 1, 3]))
    with pytest.raises(ValueError, match=r"`patches` must have shape \(w, 2, 2, 3\), got \(2, 2, 3\)"):
        windows(jnp.zeros((2, 2, 3)), jnp.array([[0, 0]]))
    with pytest.raises(ValueError, match=r"`numbers` must be integers of shape \(1, 2\), got int32 of \(2,\)"):
        windows(jnp.zeros((1, 2, 2, 3)), jnp.array([0, 0]))
    with pytest.raises(ValueError, match=r"from 0 to below \(2, 3\) along the axes, got from \[0, 3\] to \[0, 3\]"):
        windows(jnp.zeros((1, 2, 2, 3)), jnp.array([[0, 3]]))


def test_errors_say_what_fits():
    patched = jv.incremental(lambda x: x.sum((1, 2)), jnp.zeros((4, 5, 3)))
    with pytest.raises(ValueError, match=r"`patch` must have the axes of the image and fit into it, got \(5, 1, 3\)"):
        patched(jnp.zeros((5, 1, 3)), (0, 0))
    with pytest.raises(ValueError, match=r"got \(3, 0\) for a patch of 2x2 on 4x5. Use at most \(2, 3\)."):
        patched(jnp.zeros((2, 2, 3)), (3, 0))
    with pytest.raises(ValueError, match=r"`images` must have shape \(h, w, c\) or \(n, h, w, c\), got \(4,\)"):
        jv.incremental(lambda x: x, jnp.zeros(4))


def test_an_equinox_module_with_static_leaves():
    net = eqx.nn.Lambda(jax.nn.relu)
    patched = jv.incremental(lambda x: net(x).sum((1, 2)), jnp.ones((4, 4, 1)))
    assert float(patched(jnp.zeros((2, 2, 1)), (1, 1))[0]) == 12


@pytest.mark.parametrize(
    "f",
    [
        lambda x: conv(x, 0, 3, 4) + kernel(1, 1, 1, 1, 4),  # a bias as Flax adds it
        lambda x: conv(x, 0, 3, 4) * kernel(1, 1, 12, 1, 1),  # one factor a row
        lambda x: conv(x, 0, 3, 4) * kernel(1, 1, 1, 10, 4),
        lambda x: conv(x, 0, 3, 4) * x[:, :1],  # one row of what the patch reaches, over all rows
        lambda x: conv(x, 0, 3, 4)[..., :1] * x,
    ],
)
@pytest.mark.slow
def test_an_operand_of_size_one_is_broadcast(f):
    image = jax.random.normal(jax.random.key(0), (12, 10, 4))
    patch = jax.random.normal(jax.random.key(1), (3, 4, 4))
    for corner in [(0, 0), (4, 3), (9, 6)]:
        row, col = corner
        expected = f(image.at[row : row + 3, col : col + 4].set(patch)[None])[0]
        found = jv.incremental(f, image)(patch, corner)
        np.testing.assert_allclose(np.squeeze(found), np.squeeze(expected), atol=TOLERANCE)
