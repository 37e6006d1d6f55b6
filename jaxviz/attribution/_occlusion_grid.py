"""Where the windows of an occlusion map lie."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Int

from jaxviz._core.incremental.axes import axes_of_windows, by, check_axes, sizes_of


class Grid(NamedTuple):
    """The windows of an occlusion map over images of these lengths (rows and columns); see `occlusion_grid`."""

    lengths: tuple[int, ...]
    window: tuple[int, ...]
    stride: tuple[int, ...]
    centered: bool

    def corners(self) -> tuple[np.ndarray, ...]:
        """Where every window starts, along each axis."""
        return tuple(
            _corners(length, size, step, self.centered)
            for length, size, step in zip(self.lengths, self.window, self.stride, strict=True)
        )

    def inside(self) -> tuple[np.ndarray, ...]:
        """Where a whole window that lies inside starts, so that it holds what is left of one that is cut."""
        return tuple(
            np.clip(first, 0, length - size)
            for first, length, size in zip(self.corners(), self.lengths, self.window, strict=True)
        )


def occlusion_grid(
    shape: Sequence[int], window: int | Sequence[int], stride: int | Sequence[int], *, centered: bool = False
) -> tuple[Int[np.ndarray, "..."], ...]:
    """First row and first column of every window that `occlusion` uses.

    Every window lies inside of the image: windows start at 0, `stride`, `2 * stride` and so on, and where the last of
    them would leave pixels at the bottom or on the right uncovered, one more window ends with the image. So there are
    `ceil((length - window) / stride) + 1` windows along an axis, and only the last two may be closer than `stride`.

    Example:
        >>> rows, cols = occlusion_grid((10, 8, 3), window=4, stride=4)
        >>> rows.tolist(), cols.tolist()
        ([0, 4, 6], [0, 4])

    Args:
        shape: of the image `(h, w, c)` or of a batch `(n, h, w, c)`; or of what has another number of axes.
        window: rows and columns of the window in pixels (one number: square), as for `occlusion`.
        stride: pixels between windows (one number: the same in all directions).
        centered: whether windows are centered on every `stride`-th pixel instead, from the first one on, and cut at
            the border; their first rows and columns are then given as if they were not cut, and may be negative.

    Returns:
        First rows, and first columns; of signals and volumes the first places along each of their axes.

    Raises:
        ValueError: the window does not fit inside of the image, or window or stride are less than one pixel.
    """
    return check_grid(tuple(shape), window, stride, centered).corners()


def check_grid(
    shape: tuple[int, ...], window: int | Sequence[int], stride: int | Sequence[int], centered: bool
) -> Grid:
    """The grid, where its numbers make sense."""
    num_axes = axes_of_windows(len(shape)) if isinstance(window, int | np.integer) else len(window)
    check_axes(shape, num_axes)
    lengths = tuple(shape[-1 - num_axes : -1])
    grid = Grid(lengths, sizes_of(window, "window", num_axes), sizes_of(stride, "stride", num_axes), centered)
    if any(size > length for size, length in zip(grid.window, lengths, strict=True)):
        raise ValueError(
            f"`window` must fit inside the image, got window={window} for an image of {by(lengths)}. Use at most "
            f"{min(lengths)}."
        )
    return grid


def _corners(length: int, size: int, stride: int, centered: bool) -> np.ndarray:
    if centered:
        return np.arange(0, length, stride) - size // 2
    first = np.arange(0, length - size + 1, stride)
    return first if first[-1] == length - size else np.append(first, length - size)
