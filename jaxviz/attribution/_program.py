"""Loops that run as one compiled program, over chunks of one size."""

import functools
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import core
from jaxtyping import Array

from jaxviz.transforms._interpret import is_array


def one_program(function: Callable, cpu_options: dict[str, Any] | None = None) -> Callable:
    """`function(*args, **options)` compiled once for a network, shapes and options, also where nobody calls `jit`.

    A loop that JAX runs outside of `jit` is compiled again on every call. Networks among `args` may hold leaves that
    are no arrays, such as the activation function of an Equinox module: they are static, like the options.
    `cpu_options` are for the compiler, on a CPU and where no other `jit` is around.
    """

    def run(arrays: list, static: tuple, tree: Any, options: tuple) -> Any:
        leaves = [leaf if array is None else array for leaf, array in zip(static, arrays, strict=True)]
        return function(*jax.tree.unflatten(tree, leaves), **dict(options))

    static_argnums = (1, 2, 3)
    compiled = jax.jit(run, static_argnums=static_argnums)
    tuned = jax.jit(run, static_argnums=static_argnums, compiler_options=cpu_options)

    @functools.wraps(function)
    def call(*args: Any, **options: Any) -> Any:
        leaves, tree = jax.tree.flatten(args)
        arrays = [leaf if is_array(leaf) else None for leaf in leaves]
        static = tuple(None if is_array(leaf) else leaf for leaf in leaves)
        # JAX refuses compiler options on a `jit` inside of another, where even a constant is traced.
        inside = isinstance(jnp.zeros(()), core.Tracer)
        program = compiled if inside or jax.default_backend() != "cpu" else tuned
        return program(arrays, static, tree, tuple(options.items()))

    return call


def chunks(total: int, most: int) -> tuple[int, int]:
    """How many chunks of how many, the same for all, so that no remainder needs a program of its own.

    The last chunk may have to be filled up, by fewer than there are chunks.
    """
    count = math.ceil(total / most)
    return count, math.ceil(total / count)


def map_chunks(function: Callable[[Any], Array], inputs: Any, most: int) -> Array:
    """`function` over chunks of at most `most` entries of the first axis of `inputs`, one chunk at a time."""
    total = jax.tree.leaves(inputs)[0].shape[0]
    count, size = chunks(total, most)
    if count == 1:
        return function(inputs)

    def split(array: Array) -> Array:
        # Filled up with copies of the last entry, whose results are thrown away.
        index = jnp.minimum(jnp.arange(count * size), total - 1)
        return array[index].reshape(count, size, *array.shape[1:])

    outs = jax.lax.map(function, jax.tree.map(split, inputs))
    return outs.reshape(count * size, *outs.shape[2:])[:total]
