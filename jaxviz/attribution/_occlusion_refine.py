"""A sweep that computes a coarse map first, and more only where that one changes."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxviz._core.chunks import chunks
from jaxviz._core.meshes import automatic
from jaxviz._core.program import one_program
from jaxviz.attribution._approximations import CoarseToFine
from jaxviz.attribution._occlusion_grid import Grid
from jaxviz.attribution._occlusion_windows import sweeper


class Between(NamedTuple):
    """The coarse windows on both sides of each window along an axis, and how far the window is to the second."""

    coarse: np.ndarray
    before: np.ndarray
    after: np.ndarray
    share: np.ndarray


@one_program
def refined_sweep(
    f: Callable,
    images: Float[Array, "n h w c"],
    baseline: Array,
    *,
    grid: Grid,
    batch_size: int | None,
    dense: bool,
    refinement: CoarseToFine,
) -> Float[Array, "windows n k"]:
    """The outputs for all windows of the grid, row by row; on one device."""

    def refined(f: Callable, images: Array, baseline: Array) -> Array:
        return _refined(f, images, baseline, grid, batch_size, dense, refinement)

    return automatic(refined, images, batch_axis=1)(f, images, baseline)


def _refined(
    f: Callable,
    images: Float[Array, "n h w c"],
    baseline: Array,
    grid: Grid,
    batch_size: int | None,
    dense: bool,
    refinement: CoarseToFine,
) -> Float[Array, "windows n k"]:
    rows, cols = (_between(corners, refinement.step) for corners in grid.corners())
    shape = len(rows.before), len(cols.before)
    first = (rows.coarse[:, None] * shape[1] + cols.coarse).ravel()
    run, most = sweeper(f, images, baseline, grid, batch_size, dense)
    count, size = chunks(len(first), most)
    total = shape[0] * shape[1]
    length = max(count * size, -(-total // size) * size)
    coarse = np.pad(first, (0, length - len(first)), mode="edge")
    known = np.zeros(total, bool)
    known[first] = True

    def corners(outs: Array) -> tuple[Array, ...]:
        grid_outs = outs.reshape(*shape, *outs.shape[1:])[rows.coarse][:, cols.coarse]
        return tuple(grid_outs[r][:, c] for r in (rows.before, rows.after) for c in (cols.before, cols.after))

    def open_places(outs: Array) -> Array:
        """The windows whose neighbors differ; known ones do not count."""
        around = jnp.stack(corners(outs))
        spread = jnp.ptp(outs[first], axis=0).max(-1)  # of the output that varies most, per image
        change = (jnp.ptp(around, axis=0).max(-1) / jnp.where(spread > 0, spread, 1)).max(-1)
        # Where an output is NaN, nothing can be said of the places between.
        return ~(change.ravel() <= refinement.tolerance) & ~known

    # One body for both stages, so that the network is compiled once.
    def stage(number: Array, state: tuple[Array, Array]) -> tuple[Array, Array]:
        outs, _ = state
        wanted = open_places(outs)
        order = jnp.argsort(~wanted, stable=True)
        order = jnp.where(number == 0, coarse, jnp.pad(order, (0, length - total), mode="edge"))
        needed = jnp.where(number == 0, count, -(-wanted.sum() // size))

        def chunk(index: Array, outs: Array) -> Array:
            chosen = jax.lax.dynamic_slice_in_dim(order, index * size, size)
            return outs.at[chosen].set(run(jnp.stack([chosen // shape[1], chosen % shape[1]], axis=-1)))

        return jax.lax.fori_loop(0, needed, chunk, outs), jnp.where(number == 0, known, known | wanted)

    result = jax.eval_shape(f, images)
    empty = jnp.zeros((total, *result.shape), result.dtype)
    outs, computed = jax.lax.fori_loop(0, 2, stage, (empty, jnp.zeros(total, bool)))
    a, b, c, d = corners(outs)
    down, right = (jnp.asarray(axis.share, outs.dtype) for axis in (rows, cols))
    down, right = down[:, None, None, None], right[:, None, None]
    between = (1 - down) * ((1 - right) * a + right * b) + down * ((1 - right) * c + right * d)
    return jnp.where(computed[:, None, None], outs, between.reshape(outs.shape))


def _between(corners: np.ndarray, step: int) -> Between:
    numbers = np.arange(len(corners))
    coarse = np.unique(np.append(numbers[::step], numbers[-1]))
    after = np.searchsorted(coarse, numbers)
    before = np.where(coarse[after] == numbers, after, after - 1)
    low, high = corners[coarse[before]], corners[coarse[after]]
    share = (corners - low) / np.maximum(high - low, 1)
    return Between(coarse, before, after, share)
