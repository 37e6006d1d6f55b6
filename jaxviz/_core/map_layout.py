"""How a layer's value holds maps: which axis is that of the channels, and which tokens are places.

Methods read maps `(n, rows, cols, channels)`. A `MapLayout` makes them of a layer's value, and puts maps back into it;
no method moves axes by itself.
"""

import dataclasses
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

LAST = -1


@dataclasses.dataclass(frozen=True)
class MapLayout:
    """Where the values of layers, the batch first, hold their maps.

    Attributes:
        channel_axis: the axis of the channels.
        grid: rows and columns of tokens, for values `(n, tokens, channels)`: the last `rows * cols` tokens, row by row.
            What stands before them (a class token, registers) is no part of the maps. None where tokens are no places.
    """

    channel_axis: int = LAST
    grid: tuple[int, int] | None = None

    def of_tokens(self, shape: tuple[int, ...]) -> bool:
        """Whether a value of this shape holds tokens that are laid out in the grid."""
        return self.grid is not None and len(shape) == 3

    def is_plain(self, shape: tuple[int, ...]) -> bool:
        """Whether a value of this shape is its maps."""
        return not self.of_tokens(shape) and (len(shape) < 3 or self.channel_axis in (LAST, len(shape) - 1))

    def maps(self, value: Any) -> Any:
        """The maps in a value, channels last; a value of two axes as it is."""
        if self.is_plain(value.shape):
            return value
        if self.grid is None or value.ndim != 3:
            return jnp.moveaxis(value, self.channel_axis, LAST)
        rows, cols = self.grid
        tokens = value[:, value.shape[1] - rows * cols :]
        return tokens.reshape(value.shape[0], rows, cols, value.shape[2])

    def put(self, maps: Array, value: Array) -> Array:
        """The value with other maps in it: what `maps` takes apart, put together again."""
        if self.is_plain(value.shape):
            return maps
        if self.grid is None or value.ndim != 3:
            return jnp.moveaxis(maps, LAST, self.channel_axis)
        places = maps.shape[1] * maps.shape[2]
        tokens = maps.reshape(maps.shape[0], places, maps.shape[3])
        return jnp.concatenate([value[:, : value.shape[1] - places], tokens], axis=1)


PLAIN = MapLayout()
"""Channels last."""


def map_layout(f: Any, channel_axis: int | None, grid: tuple[int, int] | None) -> MapLayout:
    """What the caller says of the layers of `f`, or else what `f` or the function in it says itself.

    That is an attribute `channel_axis`, which adapters give to functions; transforms keep the function as their `f`,
    and a `Partial` as its `func`.

    Raises:
        ValueError: a grid of no places, or a first axis, which is that of the batch.
        TypeError: what is no axis, and no pair of numbers.
    """
    given: Any = channel_axis
    if given is None:
        while not hasattr(f, "channel_axis") and callable(inner := getattr(f, "f", getattr(f, "func", None))):
            f = inner
        given = getattr(f, "channel_axis", LAST)
    if not _is_int(given):
        raise TypeError(f"`channel_axis` must be an int, got {type(given).__name__}. Count from 0.")
    if given == 0:
        raise ValueError("`channel_axis` must not be that of the batch, got 0. Give 1 for (n, channels, rows, cols).")
    return MapLayout(int(given), None if grid is None else _check_grid(grid))


def _check_grid(grid: Any) -> tuple[int, int]:
    if not isinstance(grid, tuple | list) or len(grid) != 2 or not all(map(_is_int, grid)):
        raise TypeError(f"`grid` must be rows and columns, got {grid!r}. Give two ints: (14, 14).")
    if min(grid) < 1:
        raise ValueError(f"`grid` must have at least one row and one column, got {tuple(grid)}.")
    return int(grid[0]), int(grid[1])


def _is_int(value: Any) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)
