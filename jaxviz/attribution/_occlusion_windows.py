"""What a network says for some windows of a grid at once: the body of a sweep, incremental or dense."""

import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxviz._core.batch import default_batch
from jaxviz._core.incremental.flat import flat_program
from jaxviz._core.incremental.plan import plan
from jaxviz._core.incremental.reads import Clean, Lookups, Place
from jaxviz._core.incremental.spans import Spans
from jaxviz.attribution._occlusion_grid import Grid
from jaxviz.transforms import channels_last

# On a CPU more windows at a time leave the cache: 8 was fastest, or close to it, for SqueezeNet and ResNet-18. But
# every chunk reads the weights once: for the 553 MB of VGG16, 28 at a time took 6.5 s where 8 took 7.5 s.
_CPU_WINDOWS = 8
_CPU_BYTES = 2**27
_MOST_CPU_WINDOWS = 28
# An accelerator wants as many as its memory bears: on an H100 256 at a time took 0.6 to 0.9 of the time of 64 for five
# networks, and all 729 at once 0.8 to 0.9 of that for SqueezeNet. No more than this, and no more than this memory.
_DEVICE_WINDOWS = 1024
_DEVICE_BYTES = 2**30


class Sweeper(NamedTuple):
    """How some windows are computed, and how many at a time.

    Attributes:
        run: from rows of the table, one per window, to outputs `(windows, n, k)`.
        most: how many windows at a time.
        lookups: makes the table.
    """

    run: Callable[[Int[Array, "windows columns"]], Float[Array, "windows n k"]]
    most: int
    lookups: Lookups


def sweeper(
    f: Callable, images: Array, baseline: Array, grid: Grid, most: int | None, dense: bool, cap: float = 1.0
) -> Sweeper:
    """How to compute windows of a grid: the whole network for each (`dense`), or what the windows change.

    A `cap` of less than 1 cuts what a window reaches, see `GrowthCap`.
    """
    made = _dense(f, images, baseline, grid, most) if dense else _incremental(f, images, baseline, grid, most, cap)
    return made._replace(run=channels_last(made.run))


def _incremental(f: Callable, images: Array, baseline: Array, grid: Grid, most: int | None, cap: float) -> Sweeper:
    program, flat, source = flat_program(f, images)
    chosen = plan(flat, source, grid.spans(), cap)
    fields = chosen.fields(flat.run(program.leaves, chosen.wanted()))
    cover = _cover(images, baseline, grid.spans(), chosen.lookups)
    return Sweeper(
        lambda table: chosen.run(cover(table), fields, table)[0],
        most or _suitable(chosen.bytes_per_window, flat.held_bytes(), images.shape[0]),
        chosen.lookups,
    )


def _dense(f: Callable, images: Array, baseline: Array, grid: Grid, most: int | None) -> Sweeper:
    lookups = Lookups()
    place = _Inside(grid.spans(), lookups, whole=True)

    def run(table: Array) -> Array:
        return jax.vmap(f)(jnp.where(place.mask(table), baseline, images))

    return Sweeper(run, most or max(1, default_batch(f, images) // images.shape[0]), lookups)


def _suitable(bytes_per_window: int, weights: int, num_images: int) -> int:
    """How many windows at a time suit the device."""
    if jax.default_backend() == "cpu":
        most = min(_MOST_CPU_WINDOWS, _CPU_WINDOWS * max(1, math.ceil(weights / _CPU_BYTES)))
        return max(1, most // num_images)
    fitting = max(1, min(_DEVICE_WINDOWS // num_images, _DEVICE_BYTES // max(1, bytes_per_window)))
    return 2 ** (fitting.bit_length() - 1)


class _Inside:
    """Which pixels of what is kept around a window (or of the whole image) the window covers."""

    def __init__(self, spans: Spans, lookups: Lookups, whole: bool):
        self.along = {axis: span.length if whole else span.size for axis, span in spans.items()}
        self.low, self.high = (
            {
                axis: lookups.place({axis: (span.source, edge - (0 if whole else span.start))})
                for (axis, span), edge in zip(spans.items(), edges, strict=True)
            }
            for edges in ([span.lo for span in spans.values()], [span.hi for span in spans.values()])
        )

    def mask(self, table: Array) -> Array:
        """Of shape `(windows, 1, rows, cols, 1)`."""
        num_axes = 2 + len(self.along)
        mask = jnp.ones((1,) * (1 + num_axes), bool)
        for axis, length in self.along.items():
            low, high = _positions(self.low[axis], table), _positions(self.high[axis], table)
            inside = (jnp.arange(length) >= low) & (jnp.arange(length) < high)
            mask = mask & inside.reshape([-1, *[length if a == axis else 1 for a in range(num_axes)]])
        return mask


def _positions(place: Place, table: Array) -> Array:
    return jnp.array(place.fixed)[None] if place.fixed is not None else place.look_up(table)


def _cover(images: Array, baseline: Array, spans: Spans, lookups: Lookups) -> Callable[[Array], Array]:
    """What is kept around each window, covered."""
    place = lookups.place({axis: (span.source, span.start) for axis, span in spans.items()})
    window = Clean(0, place, tuple(span.size for span in spans.values()))
    shape = (images.shape[0], *window.size, images.shape[-1])
    cut = any((span.hi - span.lo < span.size).any() for span in spans.values())
    inside = _Inside(spans, lookups, whole=False)

    def cover(table: Array) -> Array:
        if baseline.ndim <= len(spans) or all(size == 1 for size in baseline.shape[-1 - len(spans) : -1]):
            patch = jnp.broadcast_to(baseline, shape)
        else:
            patch, _ = window.get(None, [jnp.broadcast_to(baseline, images.shape)], table)
        if cut:
            patch = jnp.where(inside.mask(table), patch, window.get(None, [images], table)[0])
        return jnp.broadcast_to(patch, (table.shape[0], *shape))

    return cover
