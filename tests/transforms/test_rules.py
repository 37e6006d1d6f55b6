import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.ad_checkpoint import checkpoint_name

import jaxviz as jv

X = jnp.array([-1.0, 0.0, 0.5, 0.5, 3.0, 7.0])
G = jnp.array([1.0, 1.0, 2.0, -1.0, 1.0, 1.0])

RELUS = {
    "jax.nn.relu": jax.nn.relu,
    "maximum, zero right": lambda x: jnp.maximum(x, 0),
    "maximum, zero left": lambda x: jnp.maximum(0.0, x),
    "maximum of an array of zeros": lambda x: jnp.maximum(x, jnp.zeros_like(x)),
    "clip": lambda x: jnp.clip(x, 0),
    "where >": lambda x: jnp.where(x > 0, x, 0),
    "where >=": lambda x: jnp.where(x >= 0, x, 0.0),
    "where <=": lambda x: jnp.where(x <= 0, 0, x),
    "where, zero left": lambda x: jnp.where(0 < x, x, jnp.zeros_like(x)),
    "nested jit": jax.jit(jax.jit(jax.nn.relu)),
    "vmapped": jax.vmap(jax.nn.relu),
}
CAPPED = {
    "jax.nn.relu6": jax.nn.relu6,
    "clip to 6": lambda x: jnp.clip(x, 0, 6),
    "min of max": lambda x: jnp.minimum(jnp.maximum(x, 0), 6),
    "max of min": lambda x: jnp.maximum(jnp.minimum(x, 6), 0),
    "min of relu": lambda x: jnp.minimum(jax.nn.relu(x), 6.0),
    "clip of relu": lambda x: jnp.clip(jax.nn.relu(x), 0, 6),
    "lax.clamp": lambda x: jax.lax.clamp(0.0, x, 6.0),
}
PASSED = {  # what goes down for X and G: for a ReLU, and for one with its ceiling at 6
    "deconvnet": ([1, 1, 2, 0, 1, 1], [1, 1, 2, 0, 1, 1]),
    "guided": ([0, 0, 2, 0, 1, 1], [0, 0, 2, 0, 1, 0]),
}
OTHERS = {
    "leaky_relu": jax.nn.leaky_relu,
    "elu": jax.nn.elu,
    "selu": jax.nn.selu,
    "silu": jax.nn.silu,
    "gelu": jax.nn.gelu,
    "hard_tanh": jax.nn.hard_tanh,
    "minimum": lambda x: jnp.minimum(x, 0),
    "where of another value": lambda x: jnp.where(x > 0, x**2, 0),
    "where of another threshold": lambda x: jnp.where(x > 1, x, 0),
    "maximum with a variable": lambda x: jnp.maximum(x, x[::-1]),
}


def pull(f, g=G):
    return jax.vjp(f, X)[1](g)[0]


@pytest.mark.parametrize("name", RELUS)
@pytest.mark.parametrize("rule", PASSED)
def test_a_relu_is_found_however_it_is_written(name, rule):
    ruled = jv.with_rule(RELUS[name], rule)
    assert [match.op for match in jv.matches(RELUS[name], X, rule)] == ["relu"]
    np.testing.assert_array_equal(ruled(X), RELUS[name](X))
    np.testing.assert_array_equal(pull(ruled), PASSED[rule][0])


@pytest.mark.parametrize("name", CAPPED)
@pytest.mark.parametrize("rule", PASSED)
def test_a_ceiling_closes_the_guided_gate_and_not_the_deconvnet(name, rule):
    ruled = jv.with_rule(CAPPED[name], rule)
    assert [(match.op, match.ceiling) for match in jv.matches(CAPPED[name], X, rule)] == [("relu6", 6.0)]
    np.testing.assert_array_equal(ruled(X), CAPPED[name](X))
    np.testing.assert_array_equal(pull(ruled), PASSED[rule][1])


def test_a_relu_that_is_read_beside_its_ceiling_is_a_match_of_its_own():
    def f(x):
        y = jnp.maximum(x, 0)
        return jnp.minimum(y, 6) + y

    assert [match.op for match in jv.matches(f, X, "guided")] == ["relu", "relu6"]
    np.testing.assert_array_equal(pull(jv.with_rule(f, "guided")), [0, 0, 4, 0, 2, 1])


@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize("rule", ["deconvnet", "guided", "redirected"])
def test_a_function_without_a_relu_is_an_error(name, rule):
    with pytest.raises(ValueError, match=f"`rule` must match a ReLU, got '{rule}' for a function that has none"):
        jv.with_rule(OTHERS[name], rule)(X)


@pytest.mark.parametrize("name", OTHERS)
def test_another_activation_keeps_its_own_gradient_beside_a_relu(name):
    other = OTHERS[name]
    ruled = jv.with_rule(lambda x: (jax.nn.relu(x), other(x)), "guided")
    np.testing.assert_array_equal(jax.vjp(ruled, X)[1]((jnp.zeros_like(G), G))[0], pull(other))


def test_redirected_is_that_of_lucid():
    # As in its redirected_relu_grad, with the sign of ascent: open from 0 on, and shut only against what leads away.
    x = jnp.array([[0.0, -1.0, -2.0], [-3.0, -1.0, -2.0], [-1.0, 6.0, 7.0], [-1.0, 8.0, 7.0]])
    g = jnp.array([[-1.0, 1.0, -1.0], [0.5, -1.0, 2.0], [1.0, 1.0, -1.0], [1.0, 1.0, -1.0]])
    passed = jax.vjp(jv.with_rule(jax.nn.relu, "redirected"), x)[1](g)[0]
    np.testing.assert_array_equal(passed, [[-1, 0, 0], [0.5, 0, 2], [0, 1, -1], [0, 1, -1]])
    capped = jax.vjp(jv.with_rule(jax.nn.relu6, "redirected"), x)[1](g)[0]
    np.testing.assert_array_equal(capped, [[-1, 0, 0], [0.5, 0, 2], [0, 1, 0], [1, 0, -1]])


def test_hard_swish_holds_a_relu6_that_follows_the_rule():
    assert [match.op for match in jv.matches(jax.nn.hard_swish, X, "guided")] == ["relu6"]


def test_the_gradient_rule_leaves_the_half_gradient_of_maximum_at_zero():
    np.testing.assert_array_equal(pull(jv.with_rule(lambda x: jnp.maximum(x, 0), "gradient")), [0, 0.5, 2, -1, 1, 1])


def test_a_callable_rule_gets_input_output_and_gradient():
    ruled = jv.with_rule(jax.nn.relu, lambda x, y, g: 100 * x + 10 * y + g)
    np.testing.assert_allclose(pull(ruled), 100 * X + 10 * jax.nn.relu(X) + G)


def test_redirected_wakes_a_dead_example_and_leaves_a_live_one():
    x = jnp.array([[-1.0, -2.0], [1.0, -2.0]])
    g = jnp.array([[1.0, -1.0], [1.0, 1.0]])
    passed = jax.vjp(jv.with_rule(jax.nn.relu, "redirected"), x)[1](g)[0]
    np.testing.assert_array_equal(passed, [[1, 0], [1, 0]])


def test_an_unknown_rule_is_refused():
    with pytest.raises(ValueError, match="`rule` must be one of 'gradient', 'deconvnet', 'guided', 'redirected'"):
        jv.with_rule(jax.nn.relu, "guide")


@jax.custom_vjp
def straight_through(x):
    return jax.nn.relu(x)


straight_through.defvjp(lambda x: (straight_through(x), None), lambda _, g: (7 * g,))


def test_a_custom_vjp_that_hides_a_relu_is_an_error_unless_the_caller_decides():
    with pytest.raises(ValueError, match=re.escape("say what to do with 'straight_through', a jax.custom_vjp")):
        jv.with_rule(straight_through, "guided")(X)
    np.testing.assert_array_equal(
        pull(jv.with_rule(straight_through, "guided", custom_vjp="enter")), PASSED["guided"][0]
    )

    def both(x):
        return straight_through(jax.nn.relu(x))

    np.testing.assert_array_equal(pull(jv.with_rule(both, "deconvnet", custom_vjp="keep")), 7 * jnp.maximum(G, 0))


def test_a_custom_jvp_without_a_relu_keeps_its_rule():
    @jax.custom_jvp
    def double(x):
        return 2 * x

    double.defjvp(lambda primals, tangents: (double(*primals), 11 * tangents[0]))
    ruled = jv.with_rule(lambda x: double(jax.nn.relu(x)), "guided")
    np.testing.assert_array_equal(pull(ruled), jnp.array(PASSED["guided"][0]) * 11)


def test_a_relu_in_a_primitive_that_cannot_be_entered_is_named():
    def f(x):
        return jax.lax.custom_linear_solve(lambda y: y + jax.nn.relu(x), x, lambda matvec, b: b, symmetric=True)

    with pytest.raises(NotImplementedError, match="`custom_linear_solve`, which cannot be entered"):
        jv.with_rule(f, "guided")(X)


@pytest.mark.parametrize("loop", ["scan", "while", "fori", "cond", "checkpoint"])
def test_relus_are_found_inside_control_flow(loop):
    bodies = {
        "scan": lambda x: jax.lax.scan(lambda c, _: (jax.nn.relu(c), None), x, None, length=2)[0],
        "while": lambda x: jax.lax.while_loop(lambda c: c[0] < 2, lambda c: (c[0] + 1, jax.nn.relu(c[1])), (0, x))[1],
        "fori": lambda x: jax.lax.fori_loop(0, 2, lambda _, c: jax.nn.relu(c), x),
        "cond": lambda x: jax.lax.cond(x.sum() > 0, jax.nn.relu, lambda x: -x, x),
        "checkpoint": jax.checkpoint(jax.nn.relu),
    }
    f = bodies[loop]
    assert {match.op for match in jv.matches(f, X, "guided")} == {"relu"}
    ruled = jv.with_rule(f, "guided")
    np.testing.assert_array_equal(ruled(X), f(X))
    if loop != "while":  # JAX has no reverse mode through it
        np.testing.assert_array_equal(pull(ruled), PASSED["guided"][0])


def test_inside_a_shard_map():
    mesh = jax.make_mesh((2,), ("batch",), axis_types=(jax.sharding.AxisType.Auto,))
    spec = jax.P("batch")
    f = jax.shard_map(jax.nn.relu, mesh=mesh, in_specs=spec, out_specs=spec)
    np.testing.assert_array_equal(pull(jv.with_rule(f, "guided")), PASSED["guided"][0])


def test_matches_names_scope_or_layer_and_shape():
    def f(x):
        with jax.named_scope("stem"):
            x = jax.nn.relu(x)
        return checkpoint_name(jax.nn.relu6(2 * x), "head")

    assert jv.matches(f, X, "guided") == [jv.Match("relu", "stem", (6,)), jv.Match("relu6", "head", (6,), 6.0)]
