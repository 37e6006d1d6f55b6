"""Rewriting the operations of any function: what a handler meets, and what comes of its answers."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxviz as jv
from tests.transforms.test_primitives import MESH, PROGRAMS, SPEC

X = jnp.array([0.1, -0.2, 0.3, 0.4])


def swap(operation, operands):
    """Adds 1 to every sine."""
    if operation.name == "sin":
        return [operation.bind(*operands)[0] + 1]
    return None


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_handler_that_answers_nothing_changes_nothing(name):
    seen = set()

    def watch(operation, operands):
        assert all(
            np.shape(operand) == var.aval.shape for operand, var in zip(operands, operation.eqn.invars, strict=True)
        )
        seen.add(operation.name)

    f = PROGRAMS[name]
    np.testing.assert_array_equal(jv.rewrite(f, watch)(X), f(X))
    assert seen & {"sin", "cos", "max", "mul", "add", "sub", "tanh"}, "nothing inside was reached"


def looped(sine):
    return lambda x: jax.lax.scan(lambda carry, row: (carry + sine(row), sine(carry)), x, jnp.stack([x, 2 * x]))


def counted(sine):
    return lambda x: jax.lax.while_loop(lambda c: jnp.sum(sine(c)) < 5, lambda c: c + sine(c) + 0.1, x)


def branched(sine):
    return lambda x: jax.lax.cond(x.sum() > 9, jnp.cos, sine, x)


SITES = {
    "top": lambda sine: sine,
    "jit": jax.jit,
    "checkpoint": jax.checkpoint,
    "scan": looped,
    "while": counted,
    "cond": branched,
    "shard_map": lambda sine: jax.shard_map(sine, mesh=MESH, in_specs=SPEC, out_specs=SPEC),
    "vmap": jax.vmap,
    "gradient": lambda sine: jax.grad(lambda x: (sine(x) ** 2).sum()),
    "gradient of a checkpoint": lambda sine: jax.grad(lambda x: jax.checkpoint(lambda x: sine(x) ** 2)(x).sum()),
    "nested": lambda sine: jax.jit(jax.checkpoint(lambda x: jax.lax.map(jax.jit(sine), x))),
}


@pytest.mark.parametrize("site", SITES)
def test_an_operation_is_replaced_wherever_it_stands(site):
    found = jv.rewrite(SITES[site](jnp.sin), swap)(X)
    expected = SITES[site](lambda x: jnp.sin(x) + 1)(X)
    jax.tree.map(lambda one, other: np.testing.assert_allclose(one, other, rtol=1e-6), found, expected)


@functools.partial(jax.custom_jvp)
def steep(x):
    return jnp.sin(x)


steep.defjvp(lambda primals, tangents: (steep(*primals), 7 * tangents[0]))


@jax.custom_vjp
def flat(x):
    return jnp.sin(x)


flat.defvjp(lambda x: (flat(x), None), lambda _, g: (5 * g,))


@pytest.mark.parametrize(("f", "slope"), [(steep, 7), (flat, 5)])
def test_a_derivative_rule_is_kept_and_its_function_rewritten(f, slope):
    rewritten = jv.rewrite(lambda x: f(x), swap)
    np.testing.assert_allclose(rewritten(X), jnp.sin(X) + 1, rtol=1e-6)
    np.testing.assert_allclose(jax.jit(jax.vmap(rewritten))(X), jnp.sin(X) + 1, rtol=1e-6)
    np.testing.assert_allclose(jax.grad(lambda x: rewritten(x).sum())(X), [slope] * 4)


def test_a_relu_keeps_its_gradient_at_zero():
    # That of the maximum inside would be a half.
    rewritten = jv.rewrite(lambda x: jax.nn.relu(x) + jnp.sin(x), swap)
    assert jax.grad(rewritten)(0.0) == 1


def test_a_rewritten_function_composes():
    f = jv.rewrite(jax.tree_util.Partial(lambda w, x: jnp.sin(w * x), 2.0), swap)
    assert jax.tree.leaves(f) == [2.0]
    np.testing.assert_allclose(jax.jit(lambda f, x: f(x))(f, X), jnp.sin(2 * X) + 1, rtol=1e-6)
    np.testing.assert_allclose(jax.grad(lambda x: f(x).sum())(X), 2 * jnp.cos(2 * X), rtol=1e-6)
    np.testing.assert_allclose(jv.rewrite(f, swap)(X), jnp.sin(2 * X) + 2, rtol=1e-6)


def test_parameters_are_changed_by_name():
    def forwards(operation, operands):
        return operation.bind(*operands, reverse=False) if operation.name == "cumsum" else None

    f = functools.partial(jax.lax.cumsum, reverse=True)
    np.testing.assert_allclose(jv.rewrite(f, forwards)(X), np.cumsum(X), rtol=1e-6)


def test_what_a_checkpoint_computes_again_is_not_joined_with_the_forward_pass():
    def f(x):
        return jax.checkpoint(lambda x: jnp.sin(jnp.sin(x)))(x).sum()

    for program in (jax.grad(f), jv.rewrite(jax.grad(f), swap)):
        assert "optimization_barrier" in jax.jit(program).lower(X).as_text()


def test_an_operation_that_cannot_be_reached_is_an_error():
    def solved(matrix):
        return lambda x: jax.lax.custom_linear_solve(matrix, jnp.sin(x), lambda matrix, b: b)

    with pytest.raises(NotImplementedError, match="outside `custom_linear_solve`, whose function cannot be entered"):
        jv.rewrite(solved(lambda y: jnp.sin(y) * 0 + y), swap)(X)
    np.testing.assert_allclose(jv.rewrite(solved(lambda y: y), swap)(X), jnp.sin(X) + 1, rtol=1e-6)


def test_the_sum_of_a_scatter_is_part_of_it():
    def add(operation, operands):
        return [operation.bind(*operands)[0] + 1] if operation.name == "add" else None

    np.testing.assert_allclose(
        jv.rewrite(lambda x: x.at[jnp.array([0, 0])].add(2) + x, add)(X), 2 * X + jnp.array([5, 1, 1, 1])
    )


WRONG = [
    (lambda operation, operands: [operands[0].astype(jnp.float16)], r"float32\[4\], got float16\[4\]"),
    (lambda operation, operands: [operands[0][:2]], r"float32\[4\], got float32\[2\]"),
    (lambda operation, operands: [], r"float32\[4\], got nothing"),
]


@pytest.mark.parametrize(("handler", "message"), WRONG)
def test_an_answer_of_another_shape_or_dtype_is_an_error(handler, message):
    with pytest.raises(ValueError, match="`handler` must answer `sin` with its outputs " + message):
        jv.rewrite(jnp.sin, lambda o, v: handler(o, v) if o.name == "sin" else None)(X)


@pytest.mark.parametrize("nested", [False, True])
def test_a_loop_that_vmap_has_mapped_stops_for_each_entry_on_its_own(nested):
    def f(x, limit):
        def step(state):
            number, x = state
            return number + 1, jnp.sin(x) + 0.1

        return jax.lax.while_loop(lambda state: state[0] < limit, step, (0, x))

    x, limits = jnp.arange(4.0), jnp.array([0, 3, 1, 7])
    mapped = jax.vmap(f)
    if nested:
        mapped, x, limits = jax.vmap(mapped), jnp.stack([x, -x]), jnp.stack([limits, limits[::-1]])

    def cosine(operation, operands):
        return [jnp.cos(operands[0])] if operation.name == "sin" else None

    def g(x, limit):
        for _ in range(int(limit)):
            x = np.cos(x) + np.float32(0.1)
        return x

    numbers, found = jv.rewrite(mapped, cosine)(x, limits)
    np.testing.assert_array_equal(numbers, limits)
    expected = [g(one, limit) for one, limit in zip(np.ravel(x), np.ravel(limits), strict=True)]
    np.testing.assert_allclose(np.ravel(found), expected, rtol=1e-5)
