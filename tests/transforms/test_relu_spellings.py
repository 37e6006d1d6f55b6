"""Whatever computes a ReLU is one: spellings by hand and by a small grammar, against the closed form."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax.ad_checkpoint import checkpoint_name

import jaxviz as jv
from jaxviz._core.jaxpr.interpret import evaluate

X = jnp.array([-1.0, 0.0, 0.5, 0.5, 3.0, 7.0])
G = jnp.array([1.0, 1.0, 2.0, -1.0, 1.0, 1.0])
GUIDED = jnp.array([0.0, 0.0, 2.0, 0.0, 1.0, 1.0])
ZEROS = np.zeros(6, np.float32)

SPELLINGS = {
    "times its sign": lambda x: x * (x > 0),
    "mean with its size": lambda x: (x + jnp.abs(x)) / 2,
    "size as a root": lambda x: (x + jnp.sqrt(x * x)) / 2,
    "minus the minimum of minus": lambda x: -jnp.minimum(-x, 0),
    "less its negative part": lambda x: x - jnp.minimum(x, 0),
    "leaky without a leak": lambda x: jax.nn.leaky_relu(x, 0),
    "fmax": lambda x: jnp.fmax(x, 0),
    "heaviside": lambda x: x * jnp.heaviside(x, 0.0),
    "select": lambda x: jnp.select([x > 0], [x], 0.0),
    "select of two": lambda x: jnp.select([x <= 0, x > 0], [jnp.zeros_like(x), x]),
    "piecewise": lambda x: jnp.piecewise(x, [x > 0], [lambda x: x, 0.0]),
    "where not": lambda x: jnp.where(~(x > 0), 0, x),
    "where not a number": lambda x: jnp.where(jnp.isnan(x), 0, jax.nn.relu(x)),
    "largest of a stack": lambda x: jnp.stack([x, jnp.zeros_like(x)], -1).max(-1),
    "an array of zeros": lambda x: jnp.maximum(x, ZEROS),
    "zero times": lambda x: jnp.maximum(x, 0 * x),
    "mapped select": jax.vmap(lambda x: jnp.select([x > 0], [x], 0.0)),
    "mapped piecewise": lambda x: jax.vmap(lambda x: jnp.piecewise(x, [x > 0], [lambda x: x, 0.0]))(x[:, None])[:, 0],
    "with more axes": lambda x: jax.nn.relu(x[:, None, None])[:, 0, 0],
    "across two jits": lambda x: jax.jit(lambda x, size: (x + size) * 0.5)(x, jax.jit(jnp.abs)(x)),
    "custom_jvp": jax.nn.relu,
    "clamped twice": lambda x: jnp.maximum(jax.nn.relu(x), 0),
}


def pull(f, g=G):
    return jax.vjp(f, X)[1](g)[0]


def ops(f, x=X):
    return [match.op for match in jv.matches(f, x, "guided")]


@pytest.mark.parametrize("name", SPELLINGS)
def test_a_relu_is_one_however_it_is_spelled(name):
    spelled = SPELLINGS[name]

    def beside(x):
        return jax.nn.relu(x), spelled(x)

    assert ops(beside) == ["relu", "relu"]
    ruled = jv.with_rule(spelled, "guided")
    np.testing.assert_array_equal(ruled(X), spelled(X))
    np.testing.assert_array_equal(pull(ruled), GUIDED)


def grammar(draw, x):
    """A random spelling of `max(x, 0)`, drawn while it is traced."""

    def pick(*choices):
        return draw(st.sampled_from(choices))()

    zero = pick(lambda: 0, lambda: 0 * x, lambda: jnp.zeros_like(x), lambda: ZEROS, lambda: x - x)
    minus = pick(lambda: -x, lambda: 0 - x, lambda: -1 * x)
    above = pick(
        lambda: x > 0, lambda: x >= zero, lambda: 0 < x, lambda: ~(x <= 0), lambda: minus < 0, lambda: jnp.sign(x) > 0.5
    )
    size = pick(
        lambda: jnp.abs(x),
        lambda: jnp.maximum(x, minus),
        lambda: jnp.sqrt(x**2),
        lambda: jnp.where(above, x, minus),
        lambda: jnp.sign(x) * x,
    )
    relu = pick(
        lambda: jnp.maximum(x, zero),
        lambda: jnp.maximum(zero, x),
        lambda: jnp.where(above, x, zero),
        lambda: jnp.where(~above, zero, x),
        lambda: jnp.select([above], [x], 0.0),
        lambda: x * above,
        lambda: above.astype(x.dtype) * x,
        lambda: (x + size) / 2,
        lambda: 0.5 * (size - minus),
        lambda: -jnp.minimum(minus, zero),
        lambda: x - jnp.minimum(x, zero),
        lambda: jnp.clip(x, 0),
        lambda: jax.jit(jnp.fmax)(x, 0),
    )
    return pick(lambda: relu, lambda: 1 * relu, lambda: checkpoint_name(relu, "relu"), lambda: jax.jit(jnp.copy)(relu))


@settings(max_examples=25, deadline=None, derandomize=True)
@given(st.data())
@pytest.mark.slow
def test_a_random_spelling_is_one_activation_with_its_own_ceiling_scale_and_shift(data):
    ceiling = data.draw(st.sampled_from([None, 0.4, 1.0, 6.0]))
    scale = data.draw(st.sampled_from([1.0, 2.0, -0.5]))
    shift = data.draw(st.sampled_from([0.0, 0.25]))

    def f(x):
        relu = grammar(data.draw, x + shift if shift else x)
        return scale * (relu if ceiling is None else jnp.minimum(relu, ceiling)) + shift

    program = jax.make_jaxpr(f)(X)  # drawn once
    spelled = lambda x: evaluate(program, [x], lambda *_: None)[0]  # noqa: E731
    top = np.inf if ceiling is None else ceiling
    inside = (X + shift > 0) & (X + shift < top)
    (match,) = jv.matches(spelled, X, "guided")
    assert match.ceiling == (None if ceiling is None else pytest.approx(ceiling))
    expected = jnp.where(inside, jnp.maximum(scale * G, 0), 0)
    np.testing.assert_array_equal(pull(jv.with_rule(spelled, "guided")), expected)


@settings(max_examples=15, deadline=None, derandomize=True)
@given(st.data(), st.sampled_from([-2.0, -0.25, 0.1, 1.0]), st.sampled_from([-1.0, 0.5, 3.0]))
@pytest.mark.slow
def test_two_clamps_of_one_value_are_another_activation(data, below, above):
    program = jax.make_jaxpr(lambda x: above * grammar(data.draw, x) + below * jnp.minimum(x, 0))(X)
    other = lambda x: evaluate(program, [x], lambda *_: None)[0]  # noqa: E731
    if above == below:
        return
    with pytest.raises(ValueError, match="`rule` must match a ReLU"):
        jv.matches(other, X, "guided")
    x = X + 0.3  # away from the kink
    expected = jnp.where(x > 0, above, below) * G
    ruled = jv.with_rule(lambda x: (jax.nn.relu(x), other(x)), "guided")
    # Differences of products: rounded three times.
    np.testing.assert_allclose(jax.vjp(ruled, x)[1]((0 * G, G))[0], expected, rtol=1e-5)
