"""Small maps stretched over a picture."""

import numpy as np
from jaxtyping import ArrayLike, Bool, Float, Int

from jaxviz.render import _check


def upsample(maps: ArrayLike, shape: tuple[int, int]) -> Float[np.ndarray, "*n h w"]:
    """Maps of a layer, such as a Grad-CAM, stretched over the picture: linear between the middles of their cells.

    Each cell is taken to stand in the middle of its share of the picture,
    which is where its receptive field lies up to the padding of the layers below.

    Example:
        >>> upsample(np.array([[0.0, 1.0]]), (1, 4)).tolist()
        [[0.0, 0.25, 0.75, 1.0]]

    Args:
        maps: one, `(rows, cols)`, or several, `(n, rows, cols)`.
        shape: height and width of the picture, in pixels.

    Returns:
        The maps at every pixel.

    Raises:
        ValueError: `maps` have other axes, or none of one of them.
    """
    array = np.asarray(maps)
    if array.ndim not in (2, 3) or 0 in array.shape:
        raise ValueError(
            f"`maps` must have shape (rows, cols) or (n, rows, cols), got {array.shape}. Sum the channels."
        )
    rows, cols = array.shape[-2:]
    height, width = shape
    return _linear(
        array, (np.arange(height) + 0.5) * rows / height - 0.5, (np.arange(width) + 0.5) * cols / width - 0.5
    )


def spread(
    heatmap: Float[np.ndarray, "rows cols"],
    shape: tuple[int, int],
    corners: tuple[Int[np.ndarray, " rows"], Int[np.ndarray, " cols"]],
    window: tuple[int, int],
) -> Float[np.ndarray, "h w"]:
    """The map of a sliding window over a picture, every value in the middle of its window.

    Example:
        >>> spread(np.array([[0.0, 1.0]]), (1, 5), corners=(np.array([0]), np.array([0, 2])), window=(1, 3)).tolist()
        [[0.0, 0.0, 0.5, 1.0, 1.0]]

    Args:
        heatmap: one value per window, such as an occlusion map.
        shape: height and width of the picture, in pixels.
        corners: the first row of the windows in each row of the map, and their first column in each of its columns.
        window: height and width of the window, in pixels.

    Returns:
        The map at every pixel, linear between the middles. Beyond those of the outermost windows it goes on as it is
        there. Along an axis where windows leave gaps nothing is known between them: there it has steps, and `gaps` are
        what to mark.
    """
    places = [
        _between(length, np.asarray(first), size) for length, first, size in zip(shape, corners, window, strict=True)
    ]
    return _linear(_check.plane(heatmap), *places)


def gaps(
    shape: tuple[int, int],
    corners: tuple[Int[np.ndarray, " rows"], Int[np.ndarray, " cols"]],
    window: tuple[int, int],
) -> Bool[np.ndarray, "h w"]:
    """The pixels that no window covers, because the stride is larger than the window.

    Example:
        >>> gaps((1, 5), corners=(np.array([0]), np.array([0, 3])), window=(1, 2)).tolist()
        [[False, False, True, False, False]]

    Args:
        shape: height and width of the picture, in pixels.
        corners: as for `spread`.
        window: height and width of the window, in pixels.

    Returns:
        True where nothing was ever covered.
    """
    rows, cols = (
        _covered(length, np.asarray(first), size) for length, first, size in zip(shape, corners, window, strict=True)
    )
    return ~np.outer(rows, cols)


def _covered(length: int, first: np.ndarray, size: int) -> np.ndarray:
    places = np.arange(length)[:, None]
    return np.asarray(((places >= first) & (places < first + size)).any(axis=1))


def _between(length: int, first: np.ndarray, size: int) -> np.ndarray:
    """Where each pixel lies among the windows, as a fraction of their numbers."""
    pixels, middles = np.arange(length), first + (size - 1) / 2
    if (np.diff(first) > size).any():
        return np.abs(pixels[:, None] - middles).argmin(axis=1).astype(float)
    return np.interp(pixels, middles, np.arange(len(first)))


def _linear(maps: np.ndarray, rows: np.ndarray, cols: np.ndarray) -> np.ndarray:
    grid = np.asarray(maps, dtype=np.float64)
    for axis, places in ((-2, rows), (-1, cols)):
        places = np.clip(places, 0, grid.shape[axis] - 1)
        first = np.floor(places).astype(int)
        second = np.minimum(first + 1, grid.shape[axis] - 1)
        weight = (places - first).reshape(-1, *[1] * (-1 - axis))
        grid = (1 - weight) * np.take(grid, first, axis) + weight * np.take(grid, second, axis)
    return grid
