"""Insertion and deletion curves against closed forms and a loop."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxviz as jv
from tests import networks

CURVES = {"deletion": jv.metrics.deletion, "insertion": jv.metrics.insertion}
curves = pytest.mark.parametrize("name", CURVES)


def as_it_is(outputs):
    return outputs


def inputs(count=3):
    maps = jax.random.normal(jax.random.key(1), (count, *networks.SHAPE[:2]))
    return networks.FAMILIES["plain"](), networks.images(count), np.arange(count), maps


def by_loop(name, f, images, target, maps, num_steps, baseline):
    """One image and one step at a time."""
    images, maps = np.asarray(images), np.asarray(maps)
    total = maps[0].size
    values = np.empty((len(images), num_steps + 1))
    for i, image in enumerate(images):
        order = np.argsort(-maps[i].ravel(), kind="stable")
        painted = np.full_like(image, baseline)
        before, after = (image, painted) if name == "deletion" else (painted, image)
        for step in range(num_steps + 1):
            mixed = before.copy().reshape(total, -1)
            chosen = order[: int(np.rint(step * total / num_steps))]
            mixed[chosen] = after.reshape(total, -1)[chosen]
            outputs = np.asarray(f(mixed.reshape(1, *image.shape)))[0].astype(np.float64)
            values[i, step] = (np.exp(outputs) / np.exp(outputs).sum())[target[i]]
    return values


@curves
def test_a_curve_is_that_of_a_loop(name):
    f, images, target, maps = inputs()
    # 9 x 11 pixels in 7 steps, 5 images at a time for 3 images: nothing divides anything.
    curve = CURVES[name](f, images, target, maps, num_steps=7, baseline=0.3, batch_size=7)
    expected = by_loop(name, jax.jit(f), images, target, maps, 7, 0.3)
    np.testing.assert_allclose(curve.values, expected, atol=1e-5)
    np.testing.assert_allclose(curve.area, np.trapezoid(expected, curve.shares), atol=1e-5)


@curves
def test_a_linear_function_has_the_curve_of_its_sorted_shares(name):
    weights = jax.random.normal(jax.random.key(0), (4, 5))
    images = jax.random.normal(jax.random.key(1), (1, 4, 5, 1))
    shares = np.asarray(weights * images[0, ..., 0])
    curve = CURVES[name](
        lambda x: (x[..., 0] * weights).sum((1, 2))[:, None], images, 0, shares[None], num_steps=20, score=as_it_is
    )
    given = np.concatenate([[0], np.cumsum(np.sort(shares.ravel())[::-1])])
    np.testing.assert_allclose(
        curve.values[0], given if name == "insertion" else shares.sum() - given, rtol=1e-5, atol=1e-5
    )
    np.testing.assert_allclose(curve.shares, np.linspace(0, 1, 21), rtol=1e-6)


@pytest.mark.slow
def test_the_true_map_of_a_linear_function_beats_every_other():
    weights = jax.random.normal(jax.random.key(0), (6, 6))
    images = jax.random.normal(jax.random.key(1), (1, 6, 6, 1))
    truth = weights * images[..., 0]
    others = jax.random.normal(jax.random.key(2), (5, 6, 6))

    def area(curve, maps):
        f = lambda x: (x[..., 0] * weights).sum((1, 2))[:, None]  # noqa: E731
        return np.asarray(curve(f, jnp.repeat(images, len(maps), 0), 0, maps, num_steps=36, score=as_it_is).area)

    assert (area(jv.metrics.deletion, truth) < area(jv.metrics.deletion, others)).all()
    assert (area(jv.metrics.insertion, truth) > area(jv.metrics.insertion, others)).all()


def test_deletion_backwards_is_insertion():
    f, images, target, maps = inputs()
    taken = jv.metrics.deletion(f, images, target, maps, num_steps=9)
    given = jv.metrics.insertion(f, images, target, -maps, num_steps=9)
    np.testing.assert_allclose(taken.values, given.values[:, ::-1], atol=1e-5)


def test_only_the_order_of_a_map_counts():
    f, images, target, maps = inputs()
    one, other = (jv.metrics.deletion(f, images, target, m, num_steps=7) for m in (maps, jnp.exp(3 * maps)))
    np.testing.assert_array_equal(one.values, other.values)


def test_a_coarse_map_is_stretched():
    f, images, target, _ = inputs()
    coarse = jax.random.normal(jax.random.key(4), (3, 3, 4))
    stretched = jax.image.resize(coarse, (3, *networks.SHAPE[:2]), "bilinear")
    one, other = (jv.metrics.deletion(f, images, target, m, num_steps=7) for m in (coarse, stretched))
    np.testing.assert_array_equal(one.values, other.values)


def test_a_traced_target_that_does_not_exist_gives_nan():
    f, images, _, maps = inputs()
    curve = jax.jit(lambda t: jv.metrics.deletion(f, images, t, maps, num_steps=2))(jnp.array([0, 5, 1]))
    np.testing.assert_array_equal(np.isnan(curve.area), [False, True, False])


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"attribution": np.zeros((3, 9, 11, 3))}, ValueError, r"`attribution` must be one map per image, \(3, rows, "),
        ({"attribution": np.zeros((2, 9, 11))}, ValueError, r"got \(2, 9, 11\)\. Make one number"),
        ({"attribution": np.zeros((3, 9, 11), int)}, TypeError, "`attribution` must be floating point"),
        ({"num_steps": 0}, ValueError, "`num_steps` must be at least 1, got 0"),
        ({"baseline": np.zeros(2)}, ValueError, "`baseline` must broadcast to `images`"),
        ({"target": 5}, ValueError, r"`target` must be in 0\.\.4, got 5"),
    ],
)
def test_what_does_not_fit_is_refused(change, error, message):
    f, images, target, maps = inputs()
    arguments = {"target": target, "attribution": maps, **change}
    with pytest.raises(error, match=message):
        jv.metrics.insertion(f, images, **arguments)


@curves
def test_a_map_without_an_order_has_no_curve(name):
    f, x, target, maps = inputs()
    whole = CURVES[name](f, x, target, maps, num_steps=3)
    found = CURVES[name](f, x, target, maps.at[1, 2, 3].set(jnp.nan), num_steps=3)
    assert jnp.isnan(found.values[1]).all()
    assert jnp.isnan(found.area[1])
    np.testing.assert_array_equal(found.values[jnp.array([0, 2])], whole.values[jnp.array([0, 2])])
    coarse = jnp.zeros((3, 2, 2)).at[2, 0].set(jnp.array([jnp.inf, -jnp.inf]))
    assert jnp.isnan(CURVES[name](f, x, target, coarse, num_steps=3).area).tolist() == [False, False, True]
