"""What the pictures ask of their arrays."""

import numpy as np


def photo(value: np.ndarray, argument: str = "photo") -> np.ndarray:
    """The value, if it is a picture: uint8, `(height, width, 3)`."""
    array = np.asarray(value)
    if array.dtype != np.uint8 or array.ndim != 3 or array.shape[-1] != 3:
        raise ValueError(
            f"`{argument}` must be uint8 of shape (height, width, 3), got {array.dtype} of shape {array.shape}. "
            "Undo the network's preprocessing first."
        )
    return array


def plane(value: np.ndarray, argument: str = "heatmap") -> np.ndarray:
    """The value as float, if it is one finite map: `(rows, cols)`."""
    array = np.asarray(value, dtype=np.float64)
    if array.ndim != 2 or array.size == 0:
        raise ValueError(
            f"`{argument}` must be one map of shape (rows, cols), got shape {array.shape}. "
            "Pick one image of the batch, and reduce the channels."
        )
    return finite(array, argument)


def finite(array: np.ndarray, argument: str) -> np.ndarray:
    """The array, if it has no NaN and no infinity: they would be drawn as if they were values."""
    bad = int(array.size - np.count_nonzero(np.isfinite(array)))
    if bad:
        raise ValueError(
            f"`{argument}` must be finite, got {bad} NaN or infinite values of {array.size}. "
            "Look for them in the weights and in the image first."
        )
    return array
