"""Networks by name: those of `models`, with the weights that are asked for, and the user's own."""

import importlib
import os
import sys
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

import models
from scripts._harness.depends import of_network, traced
from scripts._harness.words import unknown

_COMMITTED = "committed"


def load(name: str, weights: str = _COMMITTED) -> Callable[..., Any]:
    """The network of a name, or what a factory `module:factory` returns.

    Args:
        name: one of `models.names()`, or a module that can be imported, also from the current folder, with a function
            in it that takes no arguments.
        weights: a file, `hub`, `random`, or `committed`.

    Raises:
        ValueError: an unknown name, or weights that do not fit.
        FileNotFoundError: no such file, or a network without committed weights.
        ConnectionError: the hub is out of reach.
    """
    if ":" in name:
        if weights != _COMMITTED:
            raise ValueError(f"`--weights` must not be given for {name}, whose factory loads its own, got {weights!r}.")
        return _made(name)
    if name not in models.names():
        raise ValueError(f"{unknown('--network', name, models.names())} Or give your own as module:factory.")
    if weights == "random":
        return models.initialize(name)
    try:
        return models.load(name, None if weights == _COMMITTED else weights)
    except (FileNotFoundError, ValueError) as error:
        # The library speaks of its own argument, and of another function for random weights.
        text = str(error).replace("`weights`", "`--weights`").split(", or take models.initialize")[0]
        text = text.replace("Give 'hub'", "Give --weights hub").replace("Give a file", "Give --weights FILE")
        ways = ", or --weights random for an untrained one." if "models.initialize" in str(error) else ""
        raise type(error)(text + ways) from error


def digest(f: Callable, images: jax.Array) -> str:
    """What tells a network from others, its weights included."""
    if isinstance(f, models.Network):
        return of_network(f)
    try:
        found = traced(f, jax.ShapeDtypeStruct(images.shape, images.dtype))
    except NotImplementedError:
        # It calls Python, and nothing tells what it does there: no result of another run is taken for its own.
        return os.urandom(8).hex()
    return f"{found.function[:8]}{found.weights[:8]}"


def preprocessing(f: Callable, size: int | None, input_range: tuple[float, float], photo: np.ndarray) -> Any:
    """What takes photos to the network's images, and back: the network itself, where it can."""
    if hasattr(f, "preprocess"):
        return f
    rows, cols, channels = getattr(f, "input_shape", None) or (size or photo.shape[0], size or photo.shape[1], 3)
    low, high = input_range
    if not low < high:
        raise ValueError(
            f"`--input-range` must be the values of black and of white, the smaller first, got {low} {high}."
        )
    if size is not None and size < 1:
        raise ValueError(f"`--size` must be at least 1, got {size}.")
    # From [0, 1] to [low, high] is a scale and a mean.
    spec = models.Spec("photo", (rows, cols, channels), (), mean=(-low,), scale=high - low, resize=min(rows, cols))
    return models.Network(None, None, spec)


def _made(name: str) -> Callable[..., Any]:
    module_name, factory_name = name.split(":", 1)
    if (here := os.getcwd()) not in sys.path:
        sys.path.insert(0, here)
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
            raise
        raise ValueError(f"`--network` must name a module that can be imported, got {name!r}: {error}.") from error
    factory = getattr(module, factory_name, None)
    if not callable(factory):
        known = [each for each, value in vars(module).items() if callable(value) and not each.startswith("_")]
        raise ValueError(f"{unknown('--network', factory_name, known)} It is what {module_name} has to make a network.")
    network = factory()
    if not callable(network):
        raise ValueError(
            f"`--network` must name a factory that returns a function, got {name!r}, which returns "
            f"{type(network).__name__}."
        )
    return network
