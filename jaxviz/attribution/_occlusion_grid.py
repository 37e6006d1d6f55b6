"""Where the windows of an occlusion map lie."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Int

from jaxviz.transforms._incremental_spans import Span, fit


class Grid(NamedTuple):
    """The windows of an occlusion map over images of `height` and `width`; see `occlusion_grid`."""

    height: int
    width: int
    window: tuple[int, int]
    stride: tuple[int, int]
    centered: bool

    def corners(self) -> tuple[np.ndarray, np.ndarray]:
        """First row and first column of every window."""
        rows, cols = (
            _corners(length, size, step, self.centered)
            for length, size, step in zip((self.height, self.width), self.window, self.stride, strict=True)
        )
        return rows, cols

    def spans(self) -> dict[int, Span]:
        """What the windows cover along axes 1 and 2 of a batch of images."""
        lengths = (self.height, self.width)
        return {
            axis + 1: fit(axis, first, first + self.window[axis], lengths[axis])
            for axis, first in enumerate(self.corners())
        }


def occlusion_grid(
    shape: Sequence[int], window: int | tuple[int, int], stride: int | tuple[int, int], *, centered: bool = False
) -> tuple[Int[np.ndarray, " rows"], Int[np.ndarray, " cols"]]:
    """First row and first column of every window that `occlusion` uses.

    Every window lies inside of the image: windows start at 0, `stride`, `2 * stride` and so on, and where the last of
    them would leave pixels at the bottom or on the right uncovered, one more window ends with the image. So there are
    `ceil((length - window) / stride) + 1` windows along an axis, and only the last two may be closer than `stride`.

    Example:
        >>> rows, cols = occlusion_grid((10, 8, 3), window=4, stride=4)
        >>> rows.tolist(), cols.tolist()
        ([0, 4, 6], [0, 4])

    Args:
        shape: of the image `(h, w, c)` or of a batch `(n, h, w, c)`.
        window: rows and columns of the window in pixels (one number: square).
        stride: pixels between windows (one number: the same in both directions).
        centered: whether windows are centered on every `stride`-th pixel instead, from the first one on, and cut at
            the border; their first rows and columns are then given as if they were not cut, and may be negative.

    Returns:
        First rows, and first columns.

    Raises:
        ValueError: the window does not fit inside of the image, or window or stride are less than one pixel.
    """
    return check_grid(tuple(shape), window, stride, centered).corners()


def check_grid(
    shape: tuple[int, ...], window: int | tuple[int, int], stride: int | tuple[int, int], centered: bool
) -> Grid:
    """The grid, where its numbers make sense."""
    height, width = shape[-3:-1]
    grid = Grid(height, width, _pair(window, "window"), _pair(stride, "stride"), centered)
    if grid.window[0] > height or grid.window[1] > width:
        raise ValueError(
            f"`window` must fit inside the image, got window={window} for an image of {height}x{width}. Use at most "
            f"{min(height, width)}."
        )
    return grid


def _pair(value: int | tuple[int, int], name: str) -> tuple[int, int]:
    pair = tuple(value) if isinstance(value, Sequence) else (value, value)
    if len(pair) != 2 or any(isinstance(n, bool) or not isinstance(n, int | np.integer) for n in pair):
        raise TypeError(f"`{name}` must be an int or a pair of ints, got {value!r}. Give it in whole pixels.")
    if min(pair) < 1:
        raise ValueError(f"`{name}` must be at least 1, got {value}.")
    return int(pair[0]), int(pair[1])


def _corners(length: int, size: int, stride: int, centered: bool) -> np.ndarray:
    if centered:
        return np.arange(0, length, stride) - size // 2
    first = np.arange(0, length - size + 1, stride)
    return first if first[-1] == length - size else np.append(first, length - size)
