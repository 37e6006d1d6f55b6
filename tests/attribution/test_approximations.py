"""Occlusion that gives up exactness: what it keeps exact, what it costs, and how wrong it is."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxviz as jv
from tests.networks import by_hand, images
from tests.transforms.test_incremental import resnet

GRID = {"window": 3, "stride": 1}


def total(x):
    return x.sum((1, 2))


def spot(x):
    """An output that a window at the lower right changes, and one that all windows change alike."""
    return jnp.stack([x[:, 6:, 8:].sum((1, 2, 3)), jnp.zeros(len(x))], axis=1)


def flops(function, *args):
    return jax.jit(function).lower(*args).compile().cost_analysis()["flops"]


def test_refining_computes_what_lies_between_windows_that_differ():
    image = jnp.ones((9, 11, 3))
    exact = np.asarray(jv.occlusion(spot, image, **GRID))
    ours = np.asarray(jv.occlusion(spot, image, **GRID, method=jv.attribution.CoarseToFine(2, 0.0)))
    np.testing.assert_allclose(ours, exact, atol=1e-5)


def test_refining_computes_everything_around_nan():
    def f(x):
        return jnp.where(x[:, 0, 0, :1] == 0, jnp.nan, spot(x))  # where the first pixel is covered

    image = jnp.ones((9, 11, 3))
    exact = np.asarray(jv.occlusion(f, image, **GRID))
    assert np.isnan(exact).any()
    ours = np.asarray(jv.occlusion(f, image, **GRID, method=jv.attribution.CoarseToFine(2, 2.0)))
    np.testing.assert_allclose(ours, exact, atol=1e-5)


def test_refining_leaves_the_rest_to_interpolation():
    """A quadratic map has no flat place: with a high tolerance all but the coarse windows lie on straight lines."""
    image = jnp.arange(9.0)[:, None, None] ** 2 * jnp.ones((9, 11, 1))
    exact = np.asarray(jv.occlusion(total, image, **GRID))
    ours = np.asarray(jv.occlusion(total, image, **GRID, method=jv.attribution.CoarseToFine(3, 2.0)))
    rows = [0, 3, 6]
    np.testing.assert_allclose(ours[rows][:, [0, 3, 6, 8]], exact[rows][:, [0, 3, 6, 8]], rtol=1e-6)
    for low, high in ((0, 3), (3, 6)):
        for row in (low + 1, low + 2):
            share = (row - low) / 3
            np.testing.assert_allclose(ours[row], (1 - share) * exact[low] + share * exact[high], rtol=1e-5)
    assert np.abs(ours - exact).max() > 0.1


def test_refining_interpolates_by_pixels_where_the_last_window_is_closer():
    image = jnp.arange(10.0)[:, None, None] * jnp.ones((10, 10, 1))
    options = {"window": 3, "stride": 2}
    exact = jv.occlusion(total, image, **options)
    ours = jv.occlusion(total, image, **options, method=jv.attribution.CoarseToFine(4, 2.0))
    np.testing.assert_allclose(ours, exact, rtol=1e-6)


@pytest.mark.parametrize("exact", ["incremental", "dense"])
def test_refining_everything_is_exact(exact):
    """Where every window differs from the next, none is interpolated; a batch refines where one image needs it."""
    batch = images(2)
    ours = jv.occlusion(by_hand, batch, **GRID, method=jv.attribution.CoarseToFine(2, 0.0, exact))
    np.testing.assert_allclose(ours, jv.occlusion(by_hand, batch, **GRID), atol=1e-5)


@pytest.mark.slow
def test_refining_runs_the_network_for_fewer_windows():
    seen = []

    def f(x):
        return spot(jax.pure_callback(lambda x: seen.append(x.shape[0]) or x, x, x, vmap_method="expand_dims"))

    image = jnp.ones((9, 11, 3))
    jv.occlusion(
        f, image, **GRID, batch_size=4, method=jv.attribution.CoarseToFine(2, 0.0, "dense")
    ).block_until_ready()
    refined = sum(seen)
    seen.clear()
    jv.occlusion(f, image, **GRID, method="dense", batch_size=4).block_until_ready()
    assert refined <= 0.75 * sum(seen)


def test_refining_inside_jit():
    image = images()[0]
    expected = jv.occlusion(by_hand, image, **GRID, method=jv.attribution.CoarseToFine(2, 0.3))
    ours = jax.jit(lambda x: jv.occlusion(by_hand, x, **GRID, method=jv.attribution.CoarseToFine(2, 0.3)))(image)
    np.testing.assert_allclose(ours, expected, atol=1e-5)


def test_a_cap_that_no_window_reaches_changes_nothing():
    image = images()[0]
    ours = jv.occlusion(by_hand, image, window=1, stride=4, method=jv.attribution.GrowthCap(0.99))
    np.testing.assert_allclose(ours, jv.occlusion(by_hand, image, window=1, stride=4), atol=1e-5)


@pytest.mark.slow
def test_a_cap_costs_less_and_errs_by_little():
    image = jax.random.normal(jax.random.key(0), (64, 64, 3))

    def sweep(share):
        cap = "incremental" if share is None else jv.attribution.GrowthCap(share)
        return jax.jit(lambda x: jv.occlusion(resnet, x, window=8, stride=28, batch_size=9, method=cap))

    exact, capped, tight = (sweep(share)(image) for share in (None, 0.7, 0.5))
    assert flops(sweep(0.5), image) < 0.9 * flops(sweep(None), image)
    change = float(jnp.abs(exact - resnet(image[None])[0]).max())
    errors = [float(jnp.abs(ours - exact).max()) / change for ours in (capped, tight)]
    assert 0 < errors[0] < errors[1] < 0.5


@pytest.mark.usefixtures("unchecked_shapes")
@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: jv.attribution.GrowthCap(1.0), ValueError, "`share` must be above 0 and below 1, got 1.0"),
        (lambda: jv.attribution.CoarseToFine(1), ValueError, "`step` must be at least 2, got 1"),
        (lambda: jv.attribution.CoarseToFine(2.5), TypeError, "`step` must be an int, got 2.5"),
        (lambda: jv.attribution.CoarseToFine(2, -1.0), ValueError, "`tolerance` must be at least 0, got -1.0"),
        (lambda: jv.attribution.CoarseToFine(windows="fast"), ValueError, "`windows` must be 'incremental' or 'dense'"),
        (lambda: jv.occlusion(by_hand, images()[0], **GRID, method=0.5), ValueError, "`method` must be 'incremental',"),
    ],
)
def test_bad_options_are_named(make, error, text):
    with pytest.raises(error, match=text):
        make()
