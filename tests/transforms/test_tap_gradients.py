"""Gradients at named layers from one backward pass, against one `jax.grad` each."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.ad_checkpoint import checkpoint_name

import jaxviz as jv
from tests import networks
from tests.quick import jit

TARGETS = np.array([1, 4])


@pytest.mark.parametrize("family", ["plain", "checkpoint", "linen", "nnx"])
def test_each_is_the_gradient_of_what_lies_above(family):
    f, x = networks.FAMILIES[family](), networks.images(2)
    names = ("first", "middle", "last")
    outs, found = jit(lambda x: jv.tap_gradients(f, *names)(x, TARGETS))(x)
    np.testing.assert_allclose(outs, f(x), rtol=1e-5, atol=1e-6)
    assert set(found) == set(names)
    for name in names:
        above = jv.after(f, name)
        expected = jax.grad(lambda a, above=above: above(a, x)[jnp.arange(2), TARGETS].sum())(jv.upto(f, name)(x))
        np.testing.assert_allclose(found[name], expected, rtol=1e-4, atol=1e-6)


@pytest.mark.slow
def test_a_rule_holds_on_the_way_down():
    f, x = networks.FAMILIES["plain"](), networks.images(2)
    _, found = jv.tap_gradients(f, "first", "middle", rule="guided")(x, TARGETS)
    for name, gradient in found.items():
        above = jv.with_rule(jv.after(f, name), "guided")
        expected = jax.grad(lambda a, above=above: above(a, x)[jnp.arange(2), TARGETS].sum())(jv.upto(f, name)(x))
        np.testing.assert_allclose(gradient, expected, rtol=1e-4, atol=1e-6)
    assert not np.allclose(found["first"], jv.tap_gradients(f, "first")(x, TARGETS)[1]["first"])


def test_those_of_a_scan_are_stacked_over_its_iterations():
    scanned, plain, x = networks.FAMILIES["scan"](), networks.FAMILIES["plain"](), networks.images(2)
    outs, found = jit(lambda x: jv.tap_gradients(scanned, "first", "block", "last")(x, TARGETS))(x)
    np.testing.assert_allclose(outs, plain(x), rtol=1e-5, atol=1e-6)
    _, each = jv.tap_gradients(plain, "first", "middle", "last")(x, TARGETS)
    assert found["block"].shape == jv.layers(scanned, x)["block"].shape
    np.testing.assert_allclose(found["block"], jnp.stack([each["middle"], each["last"]]), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(found["first"], each["first"], rtol=1e-4, atol=1e-6)


@pytest.mark.slow
def test_scans_in_scans_and_a_layer_met_twice():
    def f(x):
        def outer(x, factor):
            def inner(x, offset):
                return checkpoint_name(jnp.sin(factor * x + offset), "inner"), None

            x, _ = jax.lax.scan(inner, x, jnp.arange(3.0))
            return checkpoint_name(x, "outer"), None

        return jax.lax.scan(outer, x, jnp.array([0.5, 2.0]))[0]

    def unrolled(x, moves):
        for i, factor in enumerate((0.5, 2.0)):
            for j in range(3):
                x = jnp.sin(factor * x + j) + moves["inner"][i, j]
            x = x + moves["outer"][i]
        return x[:, 1].sum()

    x = jax.random.normal(jax.random.key(0), (2, 3))
    _, found = jv.tap_gradients(f, "inner", "outer")(x, 1)
    expected = jax.grad(unrolled, argnums=1)(x, {"inner": jnp.zeros((2, 3, 2, 3)), "outer": jnp.zeros((2, 2, 3))})
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6), found, expected)


def test_one_backward_pass_for_all():
    f, x = networks.FAMILIES["plain"](), networks.images(2)
    text = str(jax.make_jaxpr(lambda x: jv.tap_gradients(f, "first", "middle", "last")(x, 0))(x))
    one = str(jax.make_jaxpr(lambda x: jax.grad(lambda x: jv.with_rule(f, "gradient")(x)[:, 0].sum())(x))(x))
    assert text.count("conv_general_dilated") <= one.count("conv_general_dilated")


def test_what_cannot_be_tapped_is_an_error():
    f, x = networks.FAMILIES["plain"](), networks.images(2)
    with pytest.raises(ValueError, match="nothing"):
        jv.tap_gradients(f, "nothing")(x, 0)
    with pytest.raises(ValueError, match=r"`f` must return outputs \(n, k\)"):
        jv.tap_gradients(lambda x: checkpoint_name(x, "a"), "a")(x, 0)


@pytest.mark.usefixtures("unchecked_shapes")
def test_units_that_are_not_there_are_refused():
    f, x = networks.FAMILIES["plain"](), networks.images(2)
    with pytest.raises(
        ValueError, match=r"`units` must lie in 'middle' of \(4, 5, 4\) for each example, got \(4, 0, 0\)"
    ):
        jv.unit_outputs(f, "middle", [(4, 0, 0)])(x)
    with pytest.raises(TypeError, match="`units` must be whole numbers"):
        jv.unit_outputs(f, "middle", [(0.5, 0, 0)])
    with pytest.raises(ValueError, match=r"`units` must have shape \(u, axes\)"):
        jv.unit_outputs(f, "middle", (1, 2, 3))
