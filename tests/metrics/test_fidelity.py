"""Infidelity, sensitivity, localization, sparseness and intervals against closed forms and loops."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxviz as jv
from jaxviz import metrics
from jaxviz.metrics._road import fill_in
from tests import networks
from tests.quick import jit

KEY = jax.random.key(5)


@pytest.mark.slow
def test_infidelity_is_a_loop_over_its_noise():
    f, x, targets = networks.FAMILIES["plain"](), networks.images(2), np.array([1, 3])
    attribution = jv.saliency(f, x, targets)
    span = np.asarray(x).max((1, 2, 3)) - np.asarray(x).min((1, 2, 3))
    predicted, dropped = [], []
    for number in range(6):
        moved = 0.2 * span[:, None, None, None] * jax.random.normal(jax.random.fold_in(KEY, number), x.shape)
        predicted.append(np.asarray((moved * attribution).sum((1, 2, 3))))
        dropped.append(np.asarray((f(x) - f(x - moved))[jnp.arange(2), targets]))
    predicted, dropped = np.array(predicted), np.array(dropped)
    factor = (predicted * dropped).mean(0) / (predicted**2).mean(0)
    for size in (None, 2, 3):
        options = {"key": KEY, "noise": 0.2, "num_samples": 6, "batch_size": size}
        found = metrics.infidelity(f, x, targets, attribution, **options)
        np.testing.assert_allclose(found, ((predicted - dropped) ** 2).mean(0), rtol=1e-3)
        scaled = metrics.infidelity(f, x, targets, 7 * attribution, **options, normalize=True)
        np.testing.assert_allclose(scaled, ((factor * predicted - dropped) ** 2).mean(0), rtol=1e-3)


def test_infidelity_of_a_quadratic_function_is_the_fourth_moment():
    # f(x) - f(x - I) - I f'(x) = -I^2 for each pixel, so the error is (sum I^2)^2 on average: s^4 d (d + 2).
    x = jnp.zeros((1, 2, 5, 1)).at[0, 0, 0, 0].set(1.0)
    f = lambda x: (x**2).sum((1, 2, 3))[:, None]  # noqa: E731
    found = metrics.infidelity(f, x, 0, 2 * x, key=KEY, noise=0.5, num_samples=20000)
    assert float(found[0]) == pytest.approx(0.5**4 * 10 * 12, rel=0.05)


def test_sensitivity_of_a_linear_explanation_is_bounded_and_found():
    x = networks.images(2)
    found = metrics.max_sensitivity(lambda x: x, x, key=KEY, radius=0.1, num_samples=5)
    span = x.max((1, 2, 3)) - x.min((1, 2, 3))
    norm = jnp.linalg.norm(x.reshape(2, -1), axis=1)
    # The norm of uniform noise of this many entries is near sqrt(size / 3).
    expected = 0.1 * span * np.sqrt(x[0].size / 3) / norm
    np.testing.assert_allclose(found, expected, rtol=0.15)

    # Under jit the changes are a loop of the program.
    def both(x):
        return metrics.max_sensitivity(jnp.sin, x, key=KEY, num_samples=3)

    np.testing.assert_allclose(jax.jit(both)(x), both(x), rtol=1e-5)
    assert np.isnan(metrics.max_sensitivity(lambda x: 0 * x, x, key=KEY)).all()


def test_the_largest_of_equal_entries_is_the_first_and_may_miss_by_the_tolerance():
    maps = jnp.zeros((1, 5, 5)).at[0, 1, 1].set(2.0).at[0, 3, 3].set(2.0)
    mask = np.zeros((1, 5, 5), bool)
    mask[0, 3, 3] = True
    assert not metrics.pointing_game(maps, mask)[0]
    assert not metrics.pointing_game(maps, mask, tolerance=2)[0]
    assert metrics.pointing_game(maps, mask, tolerance=3)[0]
    mask[0, 1, 1] = True
    assert metrics.pointing_game(maps, mask)[0]
    nothing = maps.at[0, 3, 3].set(jnp.nan)
    with pytest.raises(ValueError, match=r"^`maps` must have a largest entry, got NaN in map 0\."):
        metrics.pointing_game(nothing, mask)
    assert not jax.jit(metrics.pointing_game)(nothing, mask)[0]


def test_energy_counts_what_is_positive():
    maps = jnp.array([[[2.0, -5.0], [6.0, 0.0]], [[-1.0, -1.0], [0.0, 0.0]]])
    mask = np.array([[[1, 1], [0, 0]]] * 2)
    np.testing.assert_allclose(metrics.energy_in(maps, mask), [0.25, np.nan])


def test_sparseness_is_the_gini_index_of_a_double_sum():
    values = np.abs(np.random.default_rng(0).normal(size=(3, 20)))
    expected = np.abs(values[:, :, None] - values[:, None]).sum((1, 2)) / (2 * 20 * values.sum(1))
    np.testing.assert_allclose(metrics.sparseness(jnp.asarray(-values, jnp.float32)), expected, rtol=1e-5)
    assert np.isnan(metrics.sparseness(jnp.zeros((1, 4))))[0]


def test_ninety_five_of_a_hundred_intervals_hold_the_mean():
    random = np.random.default_rng(1)
    hits = 0
    for seed in range(300):
        found = metrics.confidence_interval(random.exponential(size=60), seed=seed, num_draws=500)
        hits += found.low <= 1 <= found.high
    # A bootstrap of 60 skewed values holds a little less than it says; a coin of 0.92 gives 260 to 292 of 300.
    assert 260 <= hits <= 297


def test_values_that_are_not_there_do_not_count():
    found = metrics.confidence_interval([1.0, np.nan, 3.0])
    assert found.mean == 2
    assert found.count == 2
    assert np.isnan(metrics.confidence_interval([np.nan]).mean)


def test_maps_and_masks_of_other_shapes_are_refused():
    with pytest.raises(ValueError, match="`values` must have one axis"):
        metrics.confidence_interval(np.zeros((2, 2)))
    with pytest.raises(ValueError, match="`masks` must have the shape"):
        metrics.energy_in(jnp.zeros((1, 2, 2)), np.zeros((1, 4, 4)))
    with pytest.raises(ValueError, match="`attribution` must have the shape"):
        metrics.infidelity(lambda x: x.sum((1, 2)), jnp.ones((1, 2, 2, 1)), 0, jnp.ones((1, 2, 2)), key=KEY)


@pytest.mark.slow
def test_holes_are_filled_as_a_direct_solver_fills_them():
    random = np.random.default_rng(0)
    image, hole = random.normal(size=(7, 9, 2)).astype(np.float32), random.random((7, 9)) < 0.6
    hole[:3, :3] = True  # a corner: fewer neighbors
    places = {tuple(place): number for number, place in enumerate(np.argwhere(hole))}
    matrix, known = np.zeros((len(places), len(places))), np.zeros((len(places), 2))
    for (row, col), number in places.items():
        for down, right in np.ndindex(3, 3):
            at = row + down - 1, col + right - 1
            if (down, right) == (1, 1) or not (0 <= at[0] < 7 and 0 <= at[1] < 9):
                continue
            weight = 1 / 6 if 1 in (down, right) else 1 / 12
            matrix[number, number] += weight
            if at in places:
                matrix[number, places[at]] -= weight
            else:
                known[number] += weight * image[at]
    expected = image.copy()
    expected[hole] = np.linalg.solve(matrix, known)
    np.testing.assert_allclose(fill_in(jnp.asarray(image), jnp.asarray(hole)), expected, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(180, 220), (61, 47)])
def test_a_wide_hole_is_filled_to_its_middle(shape):
    """Every pixel of these images is the weighted mean of its neighbors, so that they are what fills the hole."""
    rows, cols = np.mgrid[: shape[0], : shape[1]].astype(np.float32) / max(shape)
    image, hole = np.stack([rows**2 - cols**2, rows * cols, rows], -1), np.zeros(shape, bool)
    hole[5:-5, 5:-5] = True
    np.testing.assert_allclose(jit(fill_in)(image, hole), image, atol=2e-3)


@pytest.mark.slow
def test_a_long_hole_is_filled_to_its_middle():
    image, hole = np.tile(np.linspace(0, 1, 600, dtype=np.float32)[None, :, None], (6, 1, 1)), np.zeros((6, 600), bool)
    hole[:, 5:-5] = True
    np.testing.assert_allclose(jit(fill_in)(image, hole), image, atol=2e-3)


@pytest.mark.slow
def test_a_map_that_knows_beats_one_that_does_not():
    def f(x):
        return 4 * jnp.stack([x[:, 3:6, 3:6].mean((1, 2, 3)), -x[:, 3:6, 3:6].mean((1, 2, 3))], 1)

    x = 0.1 * jax.random.normal(KEY, (2, 9, 9, 1)).at[:, 3:6, 3:6].add(10)
    good = jnp.zeros((2, 9, 9)).at[:, 3:6, 3:6].set(1)
    options = {"key": KEY, "shares": (0.12, 0.3)}
    right, wrong = (metrics.road(f, x, 0, each, **options).score for each in (good, -good))
    # Of equal pixels the upper left ones go first either way, and the noise is another one.
    np.testing.assert_allclose(right, -wrong, atol=0.02)
    assert (right > 0.2).all()
    chunked = metrics.road(f, x, 0, good, **options, batch_size=2)
    np.testing.assert_allclose(chunked.score, right, rtol=1e-4)
    with pytest.raises(ValueError, match="`shares` must be between 0 and 1, got 1"):
        metrics.road(f, x, 0, good, key=KEY, shares=(0.5, 1))
