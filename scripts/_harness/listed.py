"""The networks and their layers, as lines of text."""

from collections.abc import Sequence

import jax
import numpy as np

import jaxviz as jv
import models
from models.registry import CHECKPOINTS
from scripts._harness.words import unknown


def networks() -> list[str]:
    """A line for each."""
    lines = []
    width = max(map(len, models.names()))
    for name in models.names():
        network = jax.eval_shape(lambda name=name: models.initialize(name))
        size = "x".join(map(str, network.input_shape)) + (" or larger" if network.spec.any_size else "")
        committed = (CHECKPOINTS / f"{name}.safetensors").is_file()
        weights = "weights committed" if committed else "weights by --weights"
        lines.append(f"  {name:<{width}}  {size:<20}  {len(network.labels):>4} classes  {weights}")
    return lines


def layers(names: Sequence[str]) -> list[str]:
    """A heading for each network, and a line for each of its layers.

    Raises:
        ValueError: an unknown network.
    """
    lines = []
    for name in names:
        if name not in models.names():
            raise ValueError(unknown("--layers", name, models.names()))
        # Shapes alone: neither weights nor arithmetic.
        network = jax.eval_shape(lambda name=name: models.initialize(name))
        image = jax.ShapeDtypeStruct((1, *network.input_shape), np.float32)
        found = {"image": image, **jv.layers(network, image)}
        width = max(map(len, found))
        lines.append(name)
        lines += [f"  {layer:<{width}}  {' x '.join(map(str, shape.shape[1:]))}" for layer, shape in found.items()]
    return lines
