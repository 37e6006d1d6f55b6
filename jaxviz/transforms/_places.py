"""The places of the maxima in windows of any size, as one program that does not grow with them.

A place is an index into the axes that windows move along, counted row by row. A reduction carries it along with the
maximum; values are then read there, or written there by the transposed reading.
"""

import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from jaxviz._core.jaxpr.windows import Windows

_NOWHERE = np.int32(np.iinfo(np.int32).max)  # larger than any place, so that padding loses against it


def find(x: Array, windows: Windows) -> Array:
    """Where each window's first maximum lies, counted over the axes that windows move along; of NaNs the last one."""
    axes = windows.moving()
    counted = jnp.arange(math.prod(x.shape[axis] for axis in axes), dtype=np.int32)
    found = x, jnp.broadcast_to(counted.reshape([n if axis in axes else 1 for axis, n in enumerate(x.shape)]), x.shape)
    nothing = jnp.array(-jnp.inf, x.dtype), jnp.array(_NOWHERE)
    for axis in axes:  # one after the other: work grows with the side of a window, not with its area

        def along(of: Sequence[Any], other: Any, axis: int = axis) -> list[Any]:
            return [n if place == axis else other for place, n in enumerate(of)]

        found = jax.lax.reduce_window(
            found,
            nothing,
            _first_maximum,
            along(windows.size, 1),
            along(windows.strides, 1),
            along(windows.padding, (0, 0)),
            window_dilation=along(windows.dilation, 1),
        )
    values, places = found
    # The first of equal ones, and so it may be padding.
    return jnp.where(values == -jnp.inf, _NOWHERE, places)


def _first_maximum(a: tuple[Array, Array], b: tuple[Array, Array]) -> tuple[Array, Array]:
    """Of two values with their places: the larger one, of equal ones the first, of NaNs the last."""
    (value, place), (other, there) = a, b
    nan, other_nan = value != value, other != other
    larger = jnp.where(nan | other_nan, nan & ~(other_nan & (there > place)), value > other)
    wins = larger | ((value == other) & (place < there))
    return jnp.where(wins, value, other), jnp.where(wins, place, there)


def read(x: Array, places: Array, windows: Windows) -> Array:
    """The values at places; what points nowhere is padding."""
    axes = windows.moving()
    first = axes[0] if axes else 0
    order = [*range(first), *axes, *(axis for axis in range(first, x.ndim) if axis not in axes)]

    def flat(array: Array) -> Array:
        shape = [array.shape[axis] for axis in order]
        return array.transpose(order).reshape([*shape[:first], -1, *shape[first + len(axes) :]])

    found = jnp.take_along_axis(flat(x), flat(places), first, mode="fill", fill_value=-jnp.inf)
    return found.reshape([places.shape[axis] for axis in order]).transpose(np.argsort(order))


def switches_of(places: Array, shape: Sequence[int], windows: Windows) -> Array:
    """From places to indices in the window."""
    switches, rest = jnp.zeros_like(places), places
    scale = 1
    for axis in reversed(windows.moving()):
        rest, place = jnp.divmod(rest, shape[axis])
        start = jax.lax.broadcasted_iota(np.int32, places.shape, axis) * windows.strides[axis]
        offset = (place + windows.padding[axis][0] - start) // windows.dilation[axis]
        switches, scale = switches + offset * scale, scale * windows.size[axis]
    return jnp.where(places == _NOWHERE, 0, switches)


def places_of(switches: Array, shape: Sequence[int], windows: Windows) -> Array:
    """From indices in the window to places; those in the padding are nowhere."""
    places, inside, rest = jnp.zeros(switches.shape, np.int32), True, switches.astype(np.int32)
    scale = 1
    for axis in reversed(windows.moving()):
        rest, offset = jnp.divmod(rest, windows.size[axis])
        start = jax.lax.broadcasted_iota(np.int32, switches.shape, axis) * windows.strides[axis]
        place = start - windows.padding[axis][0] + offset * windows.dilation[axis]
        inside = inside & (place >= 0) & (place < shape[axis])
        places, scale = places + place * scale, scale * shape[axis]
    return jnp.where(inside & (rest == 0), places, _NOWHERE)
