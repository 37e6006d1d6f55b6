"""All windows of a grid in chunks, as one program, spread over the devices of a mesh."""

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxviz._core.chunks import chunks
from jaxviz._core.jaxpr.interpret import split
from jaxviz._core.meshes import automatic
from jaxviz._core.program import one_program
from jaxviz.attribution._occlusion_grid import Grid
from jaxviz.attribution._occlusion_windows import sweeper


@one_program
def sweep(
    f: Callable,
    images: Float[Array, "n ..."],
    baseline: Array,
    numbers: tuple[Int[Array, " windows"], ...],
    *,
    grid: Grid,
    batch_size: int | None,
    dense: bool,
    cap: float = 1.0,
) -> Float[Array, "windows n k"]:
    """The outputs for some windows of a grid, given by their numbers along each axis of it."""
    total = numbers[0].shape[0]

    def shard(operands: Any, *numbers: Array) -> Array:
        f, images, baseline = operands
        run, most = sweeper(f, images, baseline, grid, batch_size, dense, cap)
        count, size = chunks(numbers[0].shape[0], most)
        windows = jnp.stack([filled(index, count * size) for index in numbers], axis=-1)
        if count == 1:
            return run(windows)[: numbers[0].shape[0]]
        outs = jax.lax.map(run, windows.reshape(count, size, -1))
        return outs.reshape(count * size, *outs.shape[2:])[: numbers[0].shape[0]]

    def spread(f: Callable, images: Array, baseline: Array, *numbers: Array) -> Array:
        return _over_devices(shard, (f, images, baseline), numbers)[:total]

    return automatic(spread, images, batch_axis=1)(f, images, baseline, *numbers)


def filled(index: Array, total: int) -> Array:
    """With copies of the last entry, whose results are thrown away: a remainder would need a program of its own."""
    return jnp.pad(index, (0, total - index.shape[0]), mode="edge")


def _over_devices(shard: Callable, operands: Any, numbers: tuple[Array, ...]) -> Array:
    """`shard`, the windows spread over the devices of the mesh that is set, if one is."""
    mesh = jax.sharding.get_abstract_mesh()
    if mesh.empty or mesh.size == 1:
        return shard(operands, *numbers)
    arrays, join = split(operands)
    each = math.ceil(numbers[0].shape[0] / mesh.size)

    def local(arrays: list[Array], numbers: list[Array]) -> Array:
        # Each device picks its own, so that nothing depends on how the mesh types its axes.
        first = jax.lax.axis_index(mesh.axis_names) * each
        outs = shard(join(arrays), *(jax.lax.dynamic_slice_in_dim(index, first, each) for index in numbers))
        return jax.lax.all_gather(outs, mesh.axis_names, tiled=True)

    mapped = jax.shard_map(local, in_specs=jax.P(), out_specs=jax.P(), axis_names=set(mesh.axis_names), check_vma=False)
    return mapped(arrays, [filled(index, each * mesh.size) for index in numbers])
