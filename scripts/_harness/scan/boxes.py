"""The parts of an image that units see."""

import jax
import numpy as np

import jaxviz as jv
import models
from jaxviz import render


def fields_of(network: models.Network, layer: str, units: np.ndarray) -> list[render.Box]:
    """The receptive field of each unit `(u, 3)`, all as large as the layer's largest, moved into the image."""
    height, width, _ = network.input_shape
    fields = jv.receptive_field(network, jax.ShapeDtypeStruct((1, *network.input_shape), np.float32), layer)
    side = int(max((fields[..., 2] - fields[..., 0]).max(), (fields[..., 3] - fields[..., 1]).max()))
    boxes = []
    for top, left, bottom, right in fields[tuple(units.T)].tolist():
        row, col = (top + bottom - side) // 2, (left + right - side) // 2
        boxes.append(render.Box(row, col, row + side, col + side).square((height, width)))
    return boxes
