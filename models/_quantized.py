"""Weights in eight bits a number, with one scale for each output channel."""

from collections.abc import Mapping

import numpy as np

SCALE = ".scale"
"""What the name of a kernel's scales ends with, beside the kernel itself."""
_LARGEST = 127


def quantized(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The arrays with every kernel (of two axes or more, the last one its outputs) as bytes and scales.

    A byte times its channel's scale is the weight, to half a scale; the largest of a channel is kept exactly. Arrays of
    one axis (biases, statistics) stay as they are.
    """
    found: dict[str, np.ndarray] = {}
    for key, array in arrays.items():
        if array.ndim < 2:
            found[key] = array
            continue
        largest = np.abs(array).max(tuple(range(array.ndim - 1)))
        scale = np.where(largest > 0, largest, 1).astype(np.float32) / _LARGEST
        found[key] = np.rint(array / scale).astype(np.int8)
        found[key + SCALE] = scale
    return found


def restored(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The arrays with those that have scales beside them in single precision.

    Raises:
        ValueError: scales that are none of an array's last axis.
    """
    found: dict[str, np.ndarray] = {}
    for key, array in arrays.items():
        if key.endswith(SCALE) and key.removesuffix(SCALE) in arrays:
            continue
        scale = arrays.get(key + SCALE)
        if scale is None:
            found[key] = array
            continue
        if array.dtype != np.int8 or scale.shape != array.shape[-1:]:
            raise ValueError(f"{key + SCALE} of shape {scale.shape} is no scale of {array.dtype} {key} {array.shape}")
        found[key] = array.astype(np.float32) * scale
    return found
