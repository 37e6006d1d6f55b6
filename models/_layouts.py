"""Whose names and shapes the arrays of a file have, and how they become the parameters of a network.

A table says it for one network and one origin: the key in the file, the path of the parameter, and the form that turns
the one into the other. An entry of None is a key that such files hold and the network does not need.
"""

import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from models.network import Spec

Shape = tuple[int, ...]


class Form(NamedTuple):
    """How an array lies in a file.

    Attributes:
        shape: from the parameter's shape to that of the array in the file, so that it is checked before it is moved.
        values: from the array in the file to the parameter.
    """

    shape: Callable[[Shape], Shape]
    values: Callable[[np.ndarray], np.ndarray]


Table = Mapping[str, tuple[str, Form] | None]


@dataclasses.dataclass(frozen=True)
class Layout:
    """Files of one origin: their table, and the preprocessing that their weights were trained with."""

    table: Callable[[], Table]
    spec: Callable[[], Spec]


SAME = Form(lambda shape: shape, lambda array: array)
CONV = Form(lambda s: (s[3], s[2], s[0], s[1]), lambda array: array.transpose(2, 3, 1, 0))  # from (out, in, h, w)
DENSE = Form(lambda shape: shape[::-1], lambda array: array.T)  # from (out, in)
POINT = Form(lambda s: (s[1], s[0], 1, 1), lambda array: array[:, :, 0, 0].T)  # a 1x1 convolution of one place


def flat(rows: int, cols: int) -> Form:
    """Of a dense layer on a map that was flattened channels first, where ours is flattened channels last."""

    def values(array: np.ndarray) -> np.ndarray:
        return array.reshape(len(array), -1, rows, cols).transpose(2, 3, 1, 0).reshape(-1, len(array))

    return Form(DENSE.shape, values)


def window(rows: int, cols: int) -> Form:
    """Of a dense layer that was written as a convolution as large as its map."""
    return Form(
        lambda s: (s[1], s[0] // (rows * cols), rows, cols),
        lambda array: array.transpose(2, 3, 1, 0).reshape(math.prod(array.shape[1:]), len(array)),
    )


def nearest(arrays: Mapping[str, np.ndarray], layouts: tuple[Layout, ...]) -> Layout:
    """The layout that knows most of the file's keys, and the first of several that do."""
    return max(layouts, key=lambda layout: len(layout.table().keys() & arrays.keys()))
