"""Weighted sums of gradients at many points, in memory that does not grow with their number."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxviz._core.check import Inputs
from jaxviz._core.chunks import chunks
from jaxviz._core.grown import grown, num_rows
from jaxviz._core.target import Indices
from jaxviz.attribution._gradients import gradient
from jaxviz.transforms import Rule, channels_last


def sum_of_gradients(
    f: Callable,
    images: Inputs,
    indices: Indices,
    rule: Rule,
    points: Callable[[Int[Array, ""]], Inputs],
    weights: Float[Array, " m"],
    batch_size: int,
    factors: Callable[[Int[Array, ""]], Inputs] | None = None,
) -> Inputs:
    """`sum(weights[i] * factors(i) * gradient at points(i))`, in single precision at least.

    Args:
        f: the network.
        images: what is explained.
        indices: the outputs that are explained.
        rule: the backward rule.
        points: from a number below `m` to one point for each image.
        weights: of the points.
        batch_size: how many points go through `f` at a time, at least one for each image.
        factors: from the same number to what the gradient at each point is multiplied by, entry by entry; 1 by default.

    Returns:
        The sum, in the structure and the dtypes of `images`.
    """
    num_images, num_points = num_rows(images), weights.shape[0]
    count, size = chunks(num_points, max(1, batch_size // num_images))
    # A chunk holds `size` points of each image, next to each other: a batch that is sharded stays so.
    repeated = jnp.repeat(jnp.asarray(indices), size)

    # XLA computes the gradients of convolutions slowly inside of a loop on a CPU.
    explain = channels_last(lambda at: gradient(grown(f, num_images), at, repeated, rule))

    def add(totals: Inputs, numbers: Int[Array, " size"]) -> tuple[Inputs, None]:
        existing = jnp.minimum(numbers, num_points - 1)
        at = jax.vmap(points, out_axes=1)(existing)
        at = jax.tree.map(lambda leaf, like: leaf.astype(like.dtype), at, images)
        found = explain(jax.tree.map(lambda leaf: leaf.reshape(num_images * size, *leaf.shape[2:]), at))
        weight = jnp.where(numbers < num_points, weights[numbers], 0)
        times = None if factors is None else jax.vmap(factors, out_axes=1)(existing)

        def more(total: Array, gradients: Array, *factor: Array) -> Array:
            gradients = gradients.reshape(num_images, size, *gradients.shape[1:]).astype(total.dtype)
            products = gradients * factor[0].astype(total.dtype) if factor else gradients
            return total + jnp.einsum("s,ns...->n...", weight.astype(total.dtype), products)

        return jax.tree.map(more, totals, found, *(() if times is None else (times,))), None

    numbers = jnp.arange(count * size).reshape(count, size)
    start = jax.tree.map(lambda leaf: jnp.zeros_like(leaf, jnp.promote_types(leaf.dtype, jnp.float32)), images)
    totals = jax.lax.scan(add, start, numbers)[0]
    return jax.tree.map(lambda total, leaf: total.astype(leaf.dtype), totals, images)
