"""The one file that knows how primitives carry their functions, on whatever JAX is installed."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxviz._core.jaxpr.interpret import evaluate, trace
from jaxviz._core.jaxpr.primitives import bodies, rebuild

MESH = jax.make_mesh((2,), ("batch",), axis_types=(jax.sharding.AxisType.Auto,))
SPEC = jax.P("batch")


@jax.custom_vjp
def own(x):
    return jnp.sin(x)


own.defvjp(lambda x: (own(x), x), lambda x, g: (g * jnp.cos(x),))


def scan(x):
    """Constants, a carry of two, and scanned values, backwards."""
    w = x * 2

    def step(carry, xs):
        total, _ = carry
        return (total + xs["a"] * w, xs["b"]), total

    (total, last), ys = jax.lax.scan(
        step, (x, x), {"a": jnp.ones((3, 4)), "b": jnp.arange(12.0).reshape(3, 4)}, reverse=True
    )
    return total + last + ys.sum(0)


def nested(x):
    loop = jax.jit(lambda y: jax.lax.scan(lambda carry, _: (carry * y, None), y, None, 3)[0])
    return jax.jit(jax.checkpoint(loop))(x)


PROGRAMS = {
    "jit": jax.jit(lambda x: jnp.sin(x) + 1),
    "custom_jvp": jax.nn.relu,
    "custom_vjp": own,
    "checkpoint": jax.checkpoint(lambda x: jnp.sin(jnp.sin(x))),
    "scan": scan,
    "while": lambda x: jax.lax.while_loop(lambda c: c[0] < x.sum() + 9, lambda c: (c[0] + 1, c[1] * x), (0.0, x))[1],
    "cond": lambda x: jax.lax.cond(x.sum() > 0, lambda x, y: x * y, lambda x, y: x - y, x, 2 * x),
    "switch": lambda x: jax.lax.switch(2, [jnp.sin, jnp.cos, jnp.tanh], x),
    "shard_map": jax.shard_map(lambda x: x * 2, mesh=MESH, in_specs=SPEC, out_specs=SPEC),
    "nested": nested,
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_entered_everywhere_and_bound_again_computes_the_same(name):
    f, x = PROGRAMS[name], jnp.array([0.1, -0.2, 0.3, 0.4])
    program = trace(f, x)
    seen = set()

    def enter(eqn, values, site):
        seen.add(eqn.primitive.name)
        inner = bodies(eqn)
        if not inner:
            return None
        return rebuild(eqn, values, lambda i, *v: (evaluate(inner[i].body, v, enter, (*site.path, i)), {}))[0]

    (out,) = evaluate(program.body, program.leaves, enter)
    np.testing.assert_array_equal(out, f(x))
    leaves = {"sin", "cos", "max", "mul", "add", "sub", "tanh"}
    assert seen & leaves, "nothing inside was reached"


def test_a_primitive_that_cannot_be_entered_is_named():
    program = trace(lambda x: jax.lax.custom_linear_solve(lambda y: 2 * y, x, lambda matvec, b: b / 2), jnp.ones(2))
    (eqn,) = (eqn for eqn in program.body.jaxpr.eqns if eqn.primitive.name == "custom_linear_solve")
    with pytest.raises(NotImplementedError, match="outside `custom_linear_solve`, whose function cannot be entered"):
        rebuild(eqn, program.leaves, lambda *_: ([], {}))
