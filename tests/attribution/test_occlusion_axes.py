"""Occlusion of signals and volumes against a loop over windows, and that it follows them through the network."""

import itertools
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxviz as jv

RANDOM = np.random.default_rng(0)
SPATIAL = {1: "W", 2: "HW", 3: "DHW"}


def kernel(*shape):
    return jnp.asarray(RANDOM.normal(size=shape) / np.sqrt(np.prod(shape[:-1])), jnp.float32)


def network(num_axes):
    """Convolution, ReLU, max-pool, convolution of stride 2, ReLU, mean, a dense layer, along as many axes."""
    axes = SPATIAL[num_axes]
    layout = (f"N{axes}C", f"{axes}IO", f"N{axes}C")
    first, second = kernel(*[3] * num_axes, 2, 4), kernel(*[3] * num_axes, 4, 4)
    dense = kernel(4, 3)
    ones = (1,) * num_axes

    def f(x):
        x = jax.nn.relu(jax.lax.conv_general_dilated(x, first, ones, "SAME", dimension_numbers=layout))
        window = (1, *[2] * num_axes, 1)
        x = jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, window, window, "VALID")
        x = jax.nn.relu(jax.lax.conv_general_dilated(x, second, (2,) * num_axes, "SAME", dimension_numbers=layout))
        return x.mean(tuple(range(1, num_axes + 1))) @ dense

    return f


SIGNAL = (network(1), jnp.asarray(RANDOM.normal(size=(2, 41, 2)), jnp.float32), {"window": (6,), "stride": 4})
VOLUME = (network(3), jnp.asarray(RANDOM.normal(size=(2, 6, 9, 8, 2)), jnp.float32), {"window": (2, 3, 2), "stride": 3})
KINDS = {"signal": SIGNAL, "volume": VOLUME}


def naive(f, example, window, stride, baseline):
    """One window after the other, in NumPy."""
    example, lengths = np.asarray(example), example.shape[:-1]
    starts = [
        sorted({*range(0, length - size + 1, stride), length - size})
        for length, size in zip(lengths, window, strict=True)
    ]
    outs = []
    for corner in itertools.product(*starts):
        here = tuple(slice(at, at + size) for at, size in zip(corner, window, strict=True))
        covered = example.copy()
        covered[here] = np.broadcast_to(baseline, example.shape)[here]
        outs.append(f(jnp.asarray(covered)[None])[0])
    return np.stack(outs).reshape(*map(len, starts), -1)


@pytest.mark.parametrize("kind", KINDS)
def test_windows_lie_along_every_axis(kind):
    f, batch, sizes = KINDS[kind]
    f = jax.jit(f)
    found = jv.occlusion(f, batch, **sizes, batch_size=5)
    dense = jv.occlusion(f, batch, **sizes, method="dense")
    for number, example in enumerate(batch):
        expected = naive(f, example, **sizes, baseline=0.0)
        np.testing.assert_allclose(found[number], expected, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(dense[number], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_one_example_is_a_batch_of_one_and_its_baseline_an_example(kind):
    f, batch, sizes = KINDS[kind]
    own = batch[1][..., ::-1]
    found = jv.occlusion(f, batch[0], **sizes, baseline=own)
    np.testing.assert_allclose(found, naive(jax.jit(f), batch[0], **sizes, baseline=own), rtol=1e-4, atol=1e-5)


def test_one_number_is_a_size_along_each_axis_of_what_is_no_image():
    f, batch, _ = SIGNAL
    np.testing.assert_array_equal(
        jv.occlusion(f, batch[0], window=6, stride=4), jv.occlusion(f, batch[0], window=(6,), stride=(4,))
    )
    f, batch, _ = VOLUME
    found = jv.occlusion(f, batch, window=4, stride=5)
    assert found.shape == (2, 2, 2, 2, 3)
    assert [places.tolist() for places in jv.attribution.occlusion_grid(batch.shape, 4, 5)] == [[0, 2], [0, 5], [0, 4]]


def test_windows_centered_on_every_place_of_a_signal_are_cut_at_its_ends():
    f, batch, _ = SIGNAL
    found = jv.occlusion(f, batch[0], window=(5,), stride=1, centered=True)
    assert found.shape == (41, 3)
    first = batch[0].at[:3].set(0)
    np.testing.assert_allclose(found[0], f(first[None])[0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_only_what_a_window_reaches_is_computed(kind):
    f, batch, sizes = KINDS[kind]
    longer = jnp.tile(batch[0], (4, *[1] * (batch.ndim - 2)))
    image = longer if kind == "signal" else jnp.tile(longer, (1, 3, 3, 1))[:24]

    def flops(exact):
        call = jax.jit(lambda x: jv.occlusion(f, x, **{**sizes, "stride": 40}, batch_size=1000, method=exact))
        return call.lower(image).compile().cost_analysis()["flops"]

    assert flops("incremental") < 0.5 * flops("dense")


@pytest.mark.slow
def test_a_patch_goes_to_a_corner_of_as_many_places():
    f, batch, _ = VOLUME
    patched = jv.incremental(f, batch)
    patch = jnp.ones((2, 2, 3, 2, 2))
    expected = f(batch.at[:, 1:3, 4:7, 5:7].set(1.0))
    np.testing.assert_allclose(jax.jit(patched)(patch, jnp.array([1, 4, 5])), expected, rtol=1e-4, atol=1e-5)
    f, batch, _ = SIGNAL
    patched = jv.incremental(lambda x, scale: f(x * scale), batch, 2.0, num_axes=1)
    expected = f(2 * batch.at[:, 30:].set(0.0))
    np.testing.assert_allclose(jax.jit(patched)(jnp.zeros((2, 11, 2)), jnp.array([30])), expected, rtol=1e-4, atol=1e-5)
    with pytest.raises(
        ValueError, match=r"^`corner` must keep the patch inside the image, got \(31,\) for a patch of 11 "
    ):
        patched(jnp.zeros((2, 11, 2)), (31,))


def test_boxes_have_a_start_and_an_end_along_each_axis():
    f, batch, _ = VOLUME
    boxes = [(0, 0, 0, 6, 9, 8), (1, 2, 3, 2, 5, 8)]
    expected = [f(jnp.zeros_like(batch[:1]))[0], f(batch[:1].at[:, 1:2, 2:5, 3:8].set(0))[0]]
    np.testing.assert_allclose(jv.occlude_regions(f, batch[0], boxes), expected, rtol=1e-4, atol=1e-5)
    f, batch, _ = SIGNAL
    found = jv.occlude_regions(f, batch[0], [(4, 9)], baseline=jnp.array([1.0, 2.0]))
    np.testing.assert_allclose(found[0], f(batch[:1].at[:, 4:9].set(jnp.array([1.0, 2.0])))[0], rtol=1e-4, atol=1e-5)


SIGNALS = SIGNAL[1]
ERRORS = [
    (
        lambda: jv.occlusion(SIGNAL[0], SIGNALS, window=(42,), stride=1),
        "`window` must fit inside the image, got window=(4",
    ),
    (
        lambda: jv.occlusion(SIGNAL[0], SIGNALS, window=(2, 2, 2), stride=1),
        "`images` must have shape (d, h, w, c) or (n, ",
    ),
    (
        lambda: jv.occlusion(SIGNAL[0], SIGNALS, window=(2,), stride=1, method=jv.attribution.CoarseToFine()),
        "`method` must be a GrowthCap for windows of 1 axes, got a CoarseToFine",
    ),
    (
        lambda: jv.occlude_regions(SIGNAL[0], SIGNALS[0], [(4, 4)]),
        "`boxes` must lie in the image of 41 and not be empty",
    ),
    (lambda: jv.occlude_regions(SIGNAL[0], SIGNALS[0], [(4, 5, 6)]), "`boxes` must have shape (b, 2), got (1, 3)."),
]


@pytest.mark.parametrize(("call", "text"), ERRORS)
def test_what_does_not_fit_is_named(call, text):
    with pytest.raises(ValueError, match=f"^{re.escape(text)}"):
        call()
