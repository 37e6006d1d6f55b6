"""A network by the name that the command line gives it."""

from pathlib import Path

import jax
import numpy as np

import jaxviz as jv
import models
from scripts._harness.errors import checking
from scripts._harness.words import unknown


def network_of(name: str, weights: str | Path | None = None, option: str = "--network") -> models.Network:
    """The network, with the weights of a file where it has none of its own.

    Args:
        name: of `models.names()`.
        weights: a file of them, or `hub`.
        option: that gave the name, for the error.

    Raises:
        ValueError: an unknown name.
        UsageError: weights that are not there or do not fit.
    """
    if name not in models.names():
        raise ValueError(unknown(option, name, models.names()))
    with checking(weights="--weights"):
        return models.load(name, weights)


def check_size(network: models.Network, option: str) -> None:
    """Whether images of the network's size leave something in every layer.

    Raises:
        ValueError: they are too small.
    """
    size = min(network.input_shape[:2])
    try:
        layers = jv.layers(network, jax.ShapeDtypeStruct((1, *network.input_shape), np.float32))
        fits = all(min(layer.shape) > 0 for layer in layers.values())
    except (ValueError, TypeError):  # of an operation that has nothing to work on
        fits = False
    if not fits:
        raise ValueError(f"`{option}` must be large enough for all layers of {network.name}, got {size}.")
