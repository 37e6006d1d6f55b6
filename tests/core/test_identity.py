"""What tells a function from another: all that it computes with, and nothing else."""

import dataclasses
import functools
import os
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from jax.ad_checkpoint import checkpoint_name

from jaxviz._core.identity import digest, traced
from jaxviz.adapters.nnx import name_layers
from tests import networks

X = jax.ShapeDtypeStruct((2, 3), jnp.float32)


def _with_rule(f):
    f.defjvp(lambda primals, tangents: (f(*primals), *tangents))
    return f


def closure(weights, scale=2.0, name="a"):
    return lambda x: checkpoint_name(jax.nn.relu(x * weights) * scale, name)


def test_a_function_built_again_is_the_same_and_any_constant_makes_another():
    weights = np.arange(3, dtype=np.float32)
    first = traced(closure(weights), X)
    assert traced(closure(jnp.array(weights.copy())), X) == first
    others = [
        closure(weights + np.float32([0, 0, 1e-6])),
        closure(weights, scale=2.5),
        closure(weights, name="b"),
        closure(weights.astype(np.float16)),
        lambda x: checkpoint_name(jax.nn.relu6(x * weights) * 2.0, "a"),
        lambda x: checkpoint_name(x * weights * 2.0, "a"),
    ]
    assert len({traced(f, X).function for f in others} | {first.function}) == 1 + len(others)


@pytest.mark.parametrize(
    "wrap",
    [
        jax.jit,
        jax.checkpoint,
        lambda f: lambda x: jax.lax.scan(lambda carry, row: (carry, f(row)), 0, x)[1],
        lambda f: lambda x: jax.lax.cond(x.sum() > 0, f, jnp.zeros_like, x),
        lambda f: lambda x: jax.lax.while_loop(lambda y: y.sum() < 3, f, x),
        jax.vmap,
        lambda f: _with_rule(jax.custom_jvp(f)),
    ],
    ids=["jit", "checkpoint", "scan", "cond", "while", "vmap", "custom_jvp"],
)
def test_constants_count_wherever_they_stand(wrap):
    f = [wrap(closure(np.float32([1, 2, last]))) for last in (3, 3, 4)]
    first, again, other = (traced(g, X).function for g in f)
    assert first == again != other


def test_the_arrays_of_a_callable_pytree_are_its_weights_and_the_program_is_shared():
    f = networks.FAMILIES["plain"]()
    images = jax.ShapeDtypeStruct((4, *networks.SHAPE), jnp.float32)
    first = traced(f, images)
    assert traced(jax.tree.map(lambda leaf: np.array(leaf), f), images) == first
    for place in range(len(jax.tree.leaves(f))):
        leaves, tree = jax.tree.flatten(f)
        leaves[place] = leaves[place].at[(0,) * leaves[place].ndim].add(1e-3)
        other = traced(tree.unflatten(leaves), images)
        assert other.function == first.function
        assert other.weights != first.weights


def test_another_function_of_the_same_leaves_is_another():
    leaf = jnp.ones(3)
    both = [jax.tree_util.Partial(f, leaf) for f in (lambda w, x: x * w, lambda w, x: x + w)]
    first, second = (traced(f, X) for f in both)
    assert first.weights == second.weights
    assert first.function != second.function


def test_leaves_that_are_no_arrays_count_by_what_they_do():
    def network(power, x):
        return x**power

    two, three = (traced(jax.tree_util.Partial(network, power), X) for power in (2, 3))
    assert two.function != three.function


class Dropping(nnx.Module):
    def __init__(self, seed):
        self.dense = nnx.Linear(3, 3, rngs=nnx.Rngs(0))
        self.drop = nnx.Dropout(0.5, rngs=nnx.Rngs(seed))

    def __call__(self, x):
        return self.drop(self.dense(x))


def test_the_random_keys_of_a_model_that_is_evaluated_do_not_count():
    models = [Dropping(seed) for seed in (1, 2)]
    for model in models:
        model.eval()
    first, second = (traced(name_layers(model), X) for model in models)
    assert first == second


def test_keys_that_are_used_count():
    def noisy(key, x):
        return x + jax.random.normal(key, x.shape)

    first, again, other = (traced(functools.partial(noisy, jax.random.key(seed)), X) for seed in (1, 1, 2))
    assert first == again != other
    first, again, other = (traced(jax.tree_util.Partial(noisy, jax.random.key(seed)), X) for seed in (1, 1, 2))
    assert first == again != other
    assert digest(jax.random.key(1)) != digest(jax.random.key(1, impl="rbg"))


def test_scopes_count_since_they_name_layers():
    def scoped(scope):
        def f(x):
            with jax.named_scope(scope):
                return jnp.sin(x)

        return f

    assert traced(scoped("a"), X) == traced(scoped("a"), X) != traced(scoped("b"), X)


def test_what_python_computes_cannot_be_told():
    def f(x):
        return jax.pure_callback(lambda x: x, X, x)

    with pytest.raises(
        NotImplementedError, match=r"^`f` must be computed by JAX alone to be told from others, got `pure_"
    ):
        traced(f, X)


@dataclasses.dataclass
class Point:
    x: float
    y: object


def test_values_count_by_their_content_and_kind():
    values = [
        *[(1,), ((1,),), (1, 2), ((1,), 2), (1.0,), ("1",), (b"1",), (True,), (None,), ({},), ([],)],
        *[("ab", "c"), ("a", "bc"), ({"a": 1},), ({"a": 2},), ({1, 2},), (Point(1, 2),), (Point(1, 3),)],
        *[(jnp.sin,), (jnp.cos,), (np.dtype("int8"),), (np.zeros(2),), (np.zeros((2, 1)),), (-np.zeros(2),)],
        *[(np.zeros(2, np.int64),), (np.float32(1),), (jnp.bfloat16(1),)],
    ]
    assert len({digest(*value) for value in values}) == len(values)


def test_the_order_in_memory_does_not_count():
    array = np.random.default_rng(0).normal(size=(4, 5, 6))
    assert digest(np.asfortranarray(array)) == digest(array) == digest(array[::-1].copy()[::-1])
    assert digest({"a": 1, "b": {"x", "y"}}) == digest({"b": {"y", "x"}, "a": 1})


CODE = """
import jax
from tests.core.test_identity import everywhere
print("|", *everywhere())
"""


def everywhere():
    """Digests of networks, whose weights a random generator rounds as it likes, and of exact weights."""
    images = jax.ShapeDtypeStruct((2, *networks.SHAPE), jnp.float32)
    exact = closure(np.float32([1, 2, 3]))
    functions = [traced(networks.FAMILIES[name](), images).function for name in ("plain", "scan", "checkpoint")]
    return [*functions, *traced(exact, X), digest(jax.random.key(0), {"a", "b", "c"}, Point(1, jnp.sin))]


@pytest.mark.slow
def test_another_process_with_other_devices_says_the_same():
    flags = {"JAX_PLATFORMS": "cpu", "PYTHONHASHSEED": "7", "XLA_FLAGS": "--xla_force_host_platform_device_count=3"}
    done = subprocess.run(
        [sys.executable, "-c", CODE], env=os.environ | flags, capture_output=True, text=True, check=True
    )
    found = next(line.split()[1:] for line in done.stdout.splitlines() if line.startswith("|"))
    assert found == everywhere()
    assert len(set(found)) == len(found)
