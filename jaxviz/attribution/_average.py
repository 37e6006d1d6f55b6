"""Weighted sums of gradients at many points, in memory that does not grow with their number."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxviz._core._chunks import chunks
from jaxviz._core._grown import grown
from jaxviz.attribution._gradients import gradient
from jaxviz.attribution._target import Indices
from jaxviz.transforms import channels_last
from jaxviz.transforms._rules import Rule


def sum_of_gradients(
    f: Callable,
    images: Float[Array, "n h w c"],
    indices: Indices,
    rule: Rule,
    points: Callable[[Int[Array, ""]], Float[Array, "n h w c"]],
    weights: Float[Array, " m"],
    batch_size: int,
) -> Float[Array, "n h w c"]:
    """`sum(weights[i] * gradient at points(i))`, in single precision at least.

    Args:
        f: the network.
        images: what is explained.
        indices: the outputs that are explained.
        rule: the backward rule.
        points: from a number below `m` to one point for each image.
        weights: of the points.
        batch_size: how many points go through `f` at a time, at least one for each image.

    Returns:
        The sum, in the dtype of `images`.
    """
    num_images, num_points = images.shape[0], weights.shape[0]
    count, size = chunks(num_points, max(1, batch_size // num_images))
    dtype = jnp.promote_types(images.dtype, jnp.float32)
    # A chunk holds `size` points of each image, next to each other: a batch that is sharded stays so.
    repeated = jnp.repeat(jnp.asarray(indices), size)

    # XLA computes the gradients of convolutions slowly inside of a loop on a CPU.
    explain = channels_last(lambda at: gradient(grown(f, num_images), at, repeated, rule))

    def add(total: Array, numbers: Int[Array, " size"]) -> tuple[Array, None]:
        at = jax.vmap(points, out_axes=1)(jnp.minimum(numbers, num_points - 1)).astype(images.dtype)
        found = explain(at.reshape(num_images * size, *images.shape[1:]))
        weight = jnp.where(numbers < num_points, weights[numbers], 0).astype(dtype)
        return total + jnp.einsum("s,ns...->n...", weight, found.reshape(at.shape).astype(dtype)), None

    numbers = jnp.arange(count * size).reshape(count, size)
    return jax.lax.scan(add, jnp.zeros_like(images, dtype), numbers)[0].astype(images.dtype)
