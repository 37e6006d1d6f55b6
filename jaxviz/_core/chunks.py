"""Loops over chunks of one size."""

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array

from jaxviz._core.jaxpr.layout import channels_last


def chunks(total: int, most: int) -> tuple[int, int]:
    """How many chunks of how many, the same for all, so that no remainder needs a program of its own.

    The last chunk may have to be filled up, by fewer than there are chunks.
    """
    count = math.ceil(total / most)
    return count, math.ceil(total / count)


def map_chunks(function: Callable[[Any], Any], inputs: Any, most: int) -> Any:
    """`function` over chunks of at most `most` entries of the first axis of `inputs`, one chunk at a time."""
    total = jax.tree.leaves(inputs)[0].shape[0]
    count, size = chunks(total, most)
    if count == 1:
        return function(inputs)

    def split(array: Array) -> Array:
        # Filled up with copies of the last entry, whose results are thrown away.
        index = jnp.minimum(jnp.arange(count * size), total - 1)
        return array[index].reshape(count, size, *array.shape[1:])

    # Once and not in each program of the loop, where XLA computes many convolutions slowly on a CPU.
    outs = jax.lax.map(channels_last(function), jax.tree.map(split, inputs))
    return jax.tree.map(lambda out: out.reshape(count * size, *out.shape[2:])[:total], outs)
