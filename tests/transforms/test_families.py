"""Every transform on every kind of model, eager, jitted, mapped, differentiated twice, and on eight devices."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import NamedSharding

import jaxviz as jv
from tests import networks

families = pytest.mark.parametrize("family", networks.FAMILIES)
RULES = ("gradient", "deconvnet", "guided", "redirected", "callable")


def leak(x, y, g):
    return jnp.where(y > 0, g, 0.1 * g * x)


def reference_rule(rule):
    """A ReLU with its backward rule written by hand."""

    @jax.custom_vjp
    def relu(x):
        return jnp.maximum(x, 0)

    def backward(x, g):
        mask = (x > 0).astype(x.dtype)
        if rule == "deconvnet":
            return (jnp.maximum(g, 0),)
        if rule == "guided":
            return (mask * jnp.maximum(g, 0),)
        if rule == "callable":
            return (leak(x, jnp.maximum(x, 0), g),)
        if rule == "redirected":
            dead = jnp.all(mask * g == 0, axis=(1, 2, 3), keepdims=True)
            return (jnp.where(dead & (x <= 0), jnp.maximum(g, 0), mask * g),)
        return (mask * g,)

    relu.defvjp(lambda x: (relu(x), x), backward)
    return relu


def pull(f, x):
    """The gradient of one logit that is negative somewhere and positive elsewhere."""
    return jax.grad(lambda x: f(x)[:, 1].sum())(x)


def as_argument(f):
    """Equinox modules hold functions, which cannot be arguments of `jit`."""
    return all(isinstance(leaf, jax.Array) for leaf in jax.tree.leaves(f))


PAIRS = [
    # Quick are all rules on the plain network, and one rule on the others.
    pytest.param(family, rule, marks=pytest.mark.slow if family != "plain" and rule != "guided" else [])
    for family in networks.FAMILIES
    for rule in RULES
]


@pytest.mark.parametrize(("family", "rule"), PAIRS)
def test_a_rule_gives_the_gradient_of_the_network_written_with_that_rule(family, rule):
    f, x = networks.FAMILIES[family](), networks.images()
    ruled = jv.with_rule(f, leak if rule == "callable" else rule)
    expected = pull(lambda x: networks.by_hand(x, reference_rule(rule)), x)
    np.testing.assert_allclose(
        jax.jit(ruled)(x), networks.by_hand(x), atol=1e-5
    )  # convolutions sum in different orders
    np.testing.assert_allclose(jax.jit(lambda x: pull(ruled, x))(x), expected, atol=1e-5)
    mapped = jax.jit(jax.vmap(lambda image: pull(ruled, image[None])[0]))
    np.testing.assert_allclose(mapped(x), expected, atol=1e-5)
    if as_argument(f):
        np.testing.assert_allclose(jax.jit(pull)(ruled, x), expected, atol=1e-5)
    if rule == "guided":
        np.testing.assert_allclose(pull(ruled, x), expected, atol=1e-5)


@families
@pytest.mark.parametrize("rule", ["deconvnet", "guided"])
@pytest.mark.slow
def test_a_rule_can_be_differentiated_again(family, rule):
    f, x = networks.FAMILIES[family](), networks.images(1)

    def twice(f):
        return jax.grad(lambda x: (pull(lambda x: f(x) ** 2, x) ** 2).sum())(x)

    expected = twice(lambda x: networks.by_hand(x, reference_rule(rule)))
    assert jnp.abs(expected).max() > 0
    np.testing.assert_allclose(
        twice(jax.jit(jv.with_rule(f, rule))), expected, rtol=1e-3, atol=1e-3 * jnp.abs(expected).max()
    )


@families
@pytest.mark.slow
def test_a_rule_gives_the_same_on_eight_devices(family):
    f, x = networks.FAMILIES[family](), networks.images(8)
    mesh = jax.make_mesh((8,), ("batch",), axis_types=(jax.sharding.AxisType.Auto,))
    sharded = jax.device_put(x, NamedSharding(mesh, jax.P("batch")))
    guided = jax.jit(lambda x: pull(jv.with_rule(f, "guided"), x))
    out = guided(sharded)
    assert len(out.sharding.device_set) == 8
    np.testing.assert_allclose(out, guided(x), atol=1e-5)
    _, acts = jax.jit(jv.tap(f, "last"))(sharded)
    assert len(acts["last"].sharding.device_set) == 8


@families
@pytest.mark.slow
def test_upto_and_after_make_up_the_whole(family):
    f, x = networks.FAMILIES[family](), networks.images()
    for wrap in (lambda f: f, jax.jit):
        act = wrap(jv.upto(f, "last"))(x)
        np.testing.assert_allclose(wrap(jv.after(f, "last"))(act, x), f(x), atol=1e-5)
    _, taken = jv.tap(f, "last")(x)
    np.testing.assert_allclose(act, taken["last"], atol=1e-6)
    mapped = jax.vmap(lambda image: jv.upto(f, "last")(image[None])[0])(x)
    np.testing.assert_allclose(mapped.reshape(act.shape), act, atol=1e-5)


@families
def test_an_edit_reaches_the_output(family):
    f, x = networks.FAMILIES[family](), networks.images()
    edited = jv.edit(f, {"last": jnp.zeros_like})
    for call in (edited, jax.jit(edited), lambda x: jax.vmap(lambda i: edited(i[None])[0])(x)):
        np.testing.assert_array_equal(call(x), jnp.zeros((2, 5)))


@families
def test_names_survive_a_rule(family):
    f, x = networks.FAMILIES[family](), networks.images()
    ruled = jv.with_rule(f, "deconvnet")
    assert jv.layers(ruled, x) == jv.layers(f, x)
    _, acts = jv.tap(ruled, "last")(x)
    np.testing.assert_array_equal(acts["last"], jv.tap(f, "last")(x)[1]["last"])
    reference = jax.grad(lambda x: jv.upto(ruled, "last")(x)[..., 0].sum())(x)
    np.testing.assert_allclose(
        jax.grad(lambda x: jv.with_rule(jv.upto(f, "last"), "deconvnet")(x)[..., 0].sum())(x), reference, atol=1e-5
    )


@families
def test_a_second_call_under_jit_does_not_trace_again(family):
    f, x = networks.FAMILIES[family](), networks.images()
    traced = []

    @jax.jit
    def gradient(x):
        traced.append(1)
        return pull(jv.with_rule(f, "guided"), x)

    gradient(x)
    gradient(x + 1)
    assert len(traced) == 1


@families
@pytest.mark.slow
def test_half_precision_is_kept(family):
    f = jax.tree.map(
        lambda leaf: leaf.astype(jnp.bfloat16) if hasattr(leaf, "dtype") else leaf, networks.FAMILIES[family]()
    )
    x = networks.images().astype(jnp.bfloat16)
    assert pull(jv.with_rule(f, "guided"), x).dtype == jnp.bfloat16
    assert jv.upto(f, "last")(x).dtype == jnp.bfloat16
