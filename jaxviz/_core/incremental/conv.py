"""Convolution of many small patches, in the form that is fastest on a CPU."""

import itertools
from collections.abc import Callable
from typing import Any

import jax
from jax import lax
from jaxtyping import Array

from jaxviz._core.incremental.flat import Op

# XLA's convolution packs its input once per kernel position; from this many channels on that costs more than sums of
# matrix products do (256 channels on two cores: 70 against 75 GFLOP/s; 512: 60 against 83).
_MANY_CHANNELS = 256


def convolution(op: Op, padding: tuple[tuple[int, int], ...]) -> Callable[[Array, Array], list[Any]]:
    """The convolution with another padding, as matrix products where those are faster."""
    params = op.params
    numbers = params["dimension_numbers"]
    plain = (
        jax.default_backend() == "cpu"
        and numbers.lhs_spec == numbers.out_spec == (0, 3, 1, 2)
        and numbers.rhs_spec == (3, 2, 0, 1)
        and params["feature_group_count"] == params["batch_group_count"] == 1
        and all(step == 1 for name in ("window_strides", "lhs_dilation") for step in params[name])
    )
    rows, cols, channels, _ = op.inputs[1].shape if plain else (0, 0, 0, 0)
    if not plain or (rows * cols > 1 and channels < _MANY_CHANNELS) or rows * cols > 9:
        return lambda image, kernel: op.bind(image, kernel, padding=padding)
    dilation = params["rhs_dilation"]

    def products(image: Array, kernel: Array) -> list[Array]:
        if any(map(any, padding)):
            image = lax.pad(image, image.dtype.type(0), [(0, 0, 0), *[(*pads, 0) for pads in padding], (0, 0, 0)])
        height = image.shape[1] - (rows - 1) * dilation[0]
        width = image.shape[2] - (cols - 1) * dilation[1]
        total = None
        for row, col in itertools.product(range(rows), range(cols)):
            part = lax.slice_in_dim(image, row * dilation[0], row * dilation[0] + height, axis=1)
            part = lax.slice_in_dim(part, col * dilation[1], col * dilation[1] + width, axis=2)
            term = lax.dot_general(
                part,
                kernel[row, col],
                (((3,), (0,)), ((), ())),
                precision=params["precision"],
                preferred_element_type=params["preferred_element_type"],
            )
            total = term if total is None else total + term
        assert total is not None  # a kernel has at least one element
        return [total]

    return products
