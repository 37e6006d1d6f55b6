"""The layers and channels that a study is about."""

from collections.abc import Callable, Sequence
from typing import Any

import jax

from jaxviz._core.integers import integers
from jaxviz._core.map_layout import MapLayout
from jaxviz._core.maps import Activation, check_batch, check_channels_axis, check_maps, inspected


def check_names(layers: Sequence[str]) -> tuple[str, ...]:
    """Several layers, which one name is not.

    Raises:
        TypeError: a string.
        ValueError: none, or one twice.
    """
    if isinstance(layers, str):
        raise TypeError(f"`layers` must be a sequence of names, got {layers!r}. Give a list: [{layers!r}].")
    names = tuple(layers)
    if not names or len(set(names)) < len(names):
        raise ValueError(f"`layers` must be different names, at least one, got {list(names)}. See layers(f, images).")
    return names


def check_layers(f: Callable, names: tuple[str, ...], images: Any) -> dict[str, tuple[int, ...]]:
    """The shapes of layers of which an image has its own activation.

    Raises:
        ValueError: no layer, an unknown one, or one whose activation is no batch.
    """
    layers = _inspected(f, names, images)
    for name, found in layers.items():
        check_batch(found, name, _count(images))
    return {name: found.shape for name, found in layers.items()}


def check_placed(f: Callable, names: tuple[str, ...], images: Any, layout: MapLayout) -> dict[str, tuple[int, ...]]:
    """The shapes `(n, rows, cols, channels)` or `(n, channels)` of layers that have to be maps or vectors.

    Raises:
        ValueError: as for `check_layers`, or values that are neither where they are laid out so.
    """
    shapes = {}
    for name, found in _inspected(f, names, images).items():
        if len(found.shape) == 2:
            check_batch(found, name, _count(images))
        shapes[name] = found.shape if len(found.shape) == 2 else check_maps(found, name, _count(images), layout)
    return shapes


def check_channeled(f: Callable, names: tuple[str, ...], images: Any, layout: MapLayout) -> dict[str, tuple[int, ...]]:
    """The shapes of layers once their channels stand last: maps, vectors, or tokens, which need no grid.

    Raises:
        ValueError: as for `check_layers`, or the axis of the channels is another.
    """
    shapes = {}
    for name, found in _inspected(f, names, images).items():
        check = check_maps if len(found.shape) == 4 else check_channels_axis
        shapes[name] = check(found, name, _count(images), layout)
    return shapes


def _count(images: Any) -> int:
    """Of examples that may be several arrays each."""
    return jax.tree.leaves(images)[0].shape[0]


def _inspected(f: Callable, names: tuple[str, ...], images: Any) -> dict[str, Activation]:
    return inspected(f, images, names)[1]


def check_channels(channels: Sequence[int] | None, total: int, layer: str) -> tuple[int, ...]:
    """The channels as a tuple of numbers; `None` stands for all of them.

    Raises:
        ValueError: none, one that does not exist, or one twice.
        TypeError: not integers.
    """
    if channels is None:
        return tuple(range(total))
    # An empty list has no integers in it, and is refused below.
    array = integers(channels, "channels", "A channel is a number from 0 on.") if len(channels) else channels
    chosen = tuple(int(channel) for channel in array)
    wrong = [channel for channel in chosen if not 0 <= channel < total]
    if wrong or not chosen or len(set(chosen)) < len(chosen):
        found = wrong[0] if wrong else list(chosen)
        raise ValueError(f"`channels` must be different ones in 0..{total - 1} of {layer!r}, got {found}.")
    return chosen
