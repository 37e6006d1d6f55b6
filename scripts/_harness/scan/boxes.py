"""The parts of an image that units see."""

import jax
import numpy as np

import jaxviz as jv
import models
from jaxviz import render


def fields_of(network: models.Network, layer: str, units: np.ndarray) -> list[render.Box]:
    """The receptive field of each unit `(u, 3)`, all as large as the layer's largest, moved into the image."""
    fields = jv.receptive_field(network, jax.ShapeDtypeStruct((1, *network.input_shape), np.float32), layer)
    height, width, _ = network.input_shape
    return render.field_boxes(fields, units, (height, width))
