"""Labels from a caller: class numbers, and nothing that would silently become some."""

import numpy as np
from jaxtyping import ArrayLike, Int


def class_numbers(labels: ArrayLike, name: str = "labels") -> Int[np.ndarray, " n"]:
    """One number for each image.

    Raises:
        ValueError: rows, such as one-hot ones.
        TypeError: names or fractions.
    """
    array = np.asarray(labels)
    if array.ndim != 1:
        raise ValueError(
            f"`{name}` must be one class number for each image, got shape {array.shape}. Take the indices of one-hot "
            f"rows: {name}.argmax(-1)."
        )
    if not np.issubdtype(array.dtype, np.integer):
        got = repr(array.tolist()[0]) if array.dtype.kind in "USO" and array.size else array.dtype
        raise TypeError(f"`{name}` must be class numbers, got {got}. Give the place of each name: names.index(name).")
    return array
