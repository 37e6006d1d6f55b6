"""What a network says for some windows of a grid at once: the body of a sweep, incremental or dense."""

import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Bool, Float, Int

from jaxviz._core.batch import default_batch
from jaxviz.attribution._occlusion_grid import Grid
from jaxviz.transforms import channels_last, incremental


class Sweeper(NamedTuple):
    """How some windows are computed, and how many at a time.

    Attributes:
        run: from the numbers of the windows along each axis of the grid to outputs `(windows, n, k)`.
        most: how many windows at a time.
    """

    run: Callable[[Int[Array, "windows axes"]], Float[Array, "windows n k"]]
    most: int


def sweeper(
    f: Callable, images: Array, baseline: Array, grid: Grid, most: int | None, dense: bool, cap: float = 1.0
) -> Sweeper:
    """How to compute windows of a grid: the whole network for each (`dense`), or what the windows change.

    A `cap` of less than 1 cuts what a window reaches, see `GrowthCap`.
    """
    made = _dense(f, images, baseline, grid, most) if dense else _incremental(f, images, baseline, grid, most, cap)
    return made._replace(run=channels_last(made.run))


def _incremental(f: Callable, images: Array, baseline: Array, grid: Grid, most: int | None, cap: float) -> Sweeper:
    patched = incremental(f, images, num_axes=len(grid.window))
    windows = patched.windows(grid.window, grid.inside(), share=cap)
    cover = _cover(images, baseline, grid)
    return Sweeper(lambda numbers: windows(cover(numbers), numbers), most or windows.batch_size)


def _dense(f: Callable, images: Array, baseline: Array, grid: Grid, most: int | None) -> Sweeper:
    def run(numbers: Array) -> Array:
        covered = _covered(grid.corners(), grid.window, grid.lengths, numbers)
        return jax.vmap(f)(jnp.where(covered, baseline, images))

    return Sweeper(run, most or max(1, default_batch(f, images) // images.shape[0]))


def _cover(images: Array, baseline: Array, grid: Grid) -> Callable[[Array], Array]:
    """What lies at each window once it is covered, `(windows, n, *window, c)`: where it is cut, the image beside it."""
    shape = (images.shape[0], *grid.window, images.shape[-1])
    inside = grid.inside()
    beyond = tuple(first - start for first, start in zip(grid.corners(), inside, strict=True))
    one_color = baseline.ndim <= len(grid.window) or math.prod(baseline.shape[-1 - len(grid.window) : -1]) == 1

    def part(whole: Array, numbers: Array) -> Array:
        def one(numbers: Array) -> Array:
            places = [jnp.asarray(start)[number] for start, number in zip(inside, numbers, strict=True)]
            return lax.dynamic_slice(whole, [0, *places, 0], shape)

        return jax.vmap(one)(numbers)

    def cover(numbers: Array) -> Array:
        patch = baseline if one_color else part(jnp.broadcast_to(baseline, images.shape), numbers)
        if any(map(np.any, beyond)):
            patch = jnp.where(_covered(beyond, grid.window, grid.window, numbers), patch, part(images, numbers))
        return jnp.broadcast_to(patch, (len(numbers), *shape))

    return cover


def _covered(
    first: tuple[np.ndarray, ...], window: tuple[int, ...], lengths: tuple[int, ...], numbers: Array
) -> Bool[Array, "windows 1 ..."]:
    """Which of `lengths` pixels windows that start at these places cover, `(windows, 1, rows, cols, 1)`."""
    masks = []
    for axis, (starts, size, length) in enumerate(zip(first, window, lengths, strict=True)):
        start = jnp.asarray(starts)[numbers[:, axis], None]
        pixels = jnp.arange(length)
        masks.append((pixels >= start) & (pixels < start + size))
    covered = masks[0]
    for mask in masks[1:]:
        covered = covered[..., None] & mask.reshape(len(mask), *[1] * (covered.ndim - 1), -1)
    return covered[:, None, ..., None]
