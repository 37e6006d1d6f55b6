"""Expected gradients, and what flows through the units of a layer, against closed forms and loops."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.ad_checkpoint import checkpoint_name

import jaxviz as jv
from tests import networks
from tests.quick import jit

KEY = jax.random.key(3)
TARGETS = np.array([0, 2, 4])


def draws(number, num_images, num_baselines):
    """Which baseline and how far, for each image of a sample, as the docstring promises them: from the key alone."""
    which, share = jax.random.split(jax.random.fold_in(KEY, number))
    return jax.random.randint(which, (num_images,), 0, num_baselines), jax.random.uniform(share, (num_images,))


def test_expected_gradients_of_a_linear_function_are_weight_times_mean_difference():
    weights = jax.random.normal(jax.random.key(0), (4, 5, 3))
    x, data = networks.images(2)[:, :4, :5], jax.random.normal(jax.random.key(1), (7, 4, 5, 3))
    found = jv.attribution.expected_gradients(
        lambda x: jnp.einsum("nhwc,hwc->n", x, weights)[:, None], x, 0, data, key=KEY, num_samples=9, batch_size=4
    )
    chosen = np.stack([data[draws(number, 2, 7)[0]] for number in range(9)])
    np.testing.assert_allclose(found, weights * (x - chosen.mean(0)), rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_expected_gradients_of_a_quadratic_function_add_up_in_the_mean():
    x, data = networks.images(2), networks.images(5)[3:]
    found = jv.attribution.expected_gradients(
        lambda x: (x**2).sum((1, 2, 3))[:, None], x, 0, data, key=KEY, num_samples=4000
    )
    expected = x**2 - (data**2).mean(0)  # per pixel: E[(x - b) 2 (b + a (x - b))] = x^2 - E[b^2]
    error = np.asarray(found - expected)
    # A mean of 4000 draws of products of a few units.
    assert np.abs(error).max() < 1.0
    assert np.sqrt((error**2).mean()) < 0.12


@pytest.mark.slow
def test_expected_gradients_are_a_loop_over_their_draws():
    f, x, data = networks.FAMILIES["plain"](), networks.images(3), networks.images(5)
    expected = np.zeros(x.shape)
    for number in range(6):
        places, shares = draws(number, 3, 5)
        start = data[places]
        point = start + shares[:, None, None, None] * (x - start)
        gradients = jax.grad(lambda p: f(p)[jnp.arange(3), TARGETS].sum())(point)
        expected += np.asarray(gradients * (x - start)) / 6
    for size in (None, 3, 100):
        found = jv.attribution.expected_gradients(f, x, TARGETS, data, key=KEY, num_samples=6, batch_size=size)
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-5)


def test_baselines_of_other_shapes_are_refused():
    f, x = networks.FAMILIES["plain"](), networks.images(2)
    text = "`baselines` must be examples like those of `images`, got"
    with pytest.raises(ValueError, match=re.escape(text)):
        jv.attribution.expected_gradients(f, x, 0, x[:, :5], key=KEY)


def test_layer_integrated_gradients_are_those_of_the_function_above():
    f, x = networks.FAMILIES["plain"](), networks.images(3)
    acts, zeros = jv.upto(f, "middle")(x), jv.upto(f, "middle")(jnp.zeros_like(x))
    found = jv.attribution.layer_integrated_gradients(f, x, TARGETS, "middle", num_steps=20)
    expected = jv.integrated_gradients(
        lambda a: jv.after(f, "middle")(a, x), acts, TARGETS, baseline=zeros, num_steps=20, batch_size=3
    )
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("layer", [pytest.param("first", marks=pytest.mark.slow), "middle"])
@pytest.mark.slow
def test_conductance_adds_up_to_the_output_and_is_the_limit_of_captums_sum(layer):
    f, x = networks.FAMILIES["plain"](), networks.images(2)
    found = jv.attribution.layer_conductance(f, x, TARGETS[:2], layer, num_steps=200)
    rise = (f(x) - f(jnp.zeros_like(x)))[jnp.arange(2), TARGETS[:2]]
    # ReLUs that switch on the way make kinks, which a quadrature of 200 points follows to a percent.
    np.testing.assert_allclose(found.reshape(2, -1).sum(1), rise, rtol=2e-2, atol=1e-3)
    # Its definition in captum: gradients at the steps times the differences of the activation between them.
    acts = jit(lambda x: jax.lax.map(lambda share: jv.upto(f, layer)(share * x), jnp.linspace(0, 1, 801)))(x)
    above = jax.grad(lambda a: jv.after(f, layer)(a, x)[jnp.arange(2), TARGETS[:2]].sum())
    total = (jit(lambda acts: jax.lax.map(above, acts))(acts[1:]) * jnp.diff(acts, axis=0)).sum(0)
    np.testing.assert_allclose(found, total, atol=0.02 * np.abs(total).max())


def test_conductance_asks_no_gradient_where_there_is_none():
    """The root has none at a baseline of zero."""

    def f(x):
        return jnp.sqrt(checkpoint_name(x**2, "squares").sum((1, 2)))

    x = jnp.array([3.0, 4.0]).reshape(1, 1, 2, 1)
    found = jv.attribution.layer_conductance(f, x, 0, "squares", num_steps=100)
    # Of the root of s = 25 t^2: the integral of ds / (2 root(s)), shared by the squares.
    np.testing.assert_allclose(found.ravel(), [5 * 9 / 25, 5 * 16 / 25], rtol=0.02)


@pytest.mark.parametrize("batch_size", [1, 3, 100])
def test_conductance_is_a_sum_of_trapezoids(batch_size):
    f, x = networks.FAMILIES["plain"](), networks.images(1)
    shares = (np.arange(5) + 0.5) / 5
    below, above = jv.upto(f, "middle"), jv.after(f, "middle")
    values = [below(share * x) for share in shares]
    slopes = [
        jax.grad(lambda a, share=share: above(a, share * x)[0, 1])(a) for share, a in zip(shares, values, strict=True)
    ]
    expected = (values[0] - below(0 * x)) * slopes[0] + (below(x) - values[-1]) * slopes[-1]
    for place in range(4):
        expected += (values[place + 1] - values[place]) * (slopes[place] + slopes[place + 1]) / 2
    found = jv.attribution.layer_conductance(f, x, 1, "middle", num_steps=5, batch_size=batch_size)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5 * float(np.abs(expected).max()))


def test_conductance_of_a_unit_that_nothing_reads_is_zero():
    def f(x):
        squares = checkpoint_name(x**2, "squares")
        return squares[:, :, :1].sum((1, 2))

    found = jv.attribution.layer_conductance(f, jnp.full((1, 2, 2, 1), 3.0), 0, "squares")
    np.testing.assert_allclose(found[0, ..., 0], [[9, 0], [9, 0]], rtol=1e-5)


@pytest.mark.slow
def test_any_attribution_of_a_unit_is_one_of_an_output():
    f, x = networks.FAMILIES["plain"](), networks.images(2)
    units = [(1, 2, 3), (0, 0, 1)]
    g = jv.unit_outputs(f, "middle", units)
    acts = jv.upto(f, "middle")(x)
    np.testing.assert_allclose(g(x), np.stack([acts[:, 1, 2, 3], acts[:, 0, 0, 1]], 1))
    expected = jax.grad(lambda x: jv.upto(f, "middle")(x)[:, 0, 0, 1].sum())(x)
    np.testing.assert_allclose(jv.saliency(g, x, 1), expected, rtol=1e-4, atol=1e-6)
    found = jv.integrated_gradients(g, x, 0, num_steps=100)
    np.testing.assert_allclose(found.sum((1, 2, 3)), (g(x) - g(0 * x))[:, 0], rtol=0.05, atol=1e-3)
