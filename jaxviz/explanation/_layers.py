"""Which layers a page shows: those that are asked for, or four from shallow to deep."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import numpy as np
from jaxtyping import Array

from jaxviz._core.check import check_maps
from jaxviz._core.choices import unknown
from jaxviz._core.maps import check_maps as check_activation
from jaxviz._core.maps import inspected
from jaxviz._core.program import once
from jaxviz.transforms import RuleName, matches, upto
from jaxviz.transforms import layers as layers_of


def maps_of(f: Callable, images: Array) -> dict[str, tuple[int, ...]]:
    """The layers of more than one place that are maps, with their shapes (1, rows, cols, channels)."""
    shapes = {name: found.shape for name, found in layers_of(f, images).items()}
    names = tuple(name for name, shape in shapes.items() if len(shape) == 4 and min(shape[1:3]) > 1)
    if len(names) == 1:
        return {name: shapes[name] for name in names if _can_be_cut(f, images, name)}
    # All at once: a network may have hundreds of them.
    activations = once(inspected, f, images, names)[1] if names else {}
    return {name: shapes[name] for name in names if _are_maps(activations[name], name)}


def choose(
    f: Callable, images: Array, asked: Sequence[str] | None, num_outputs: int
) -> tuple[tuple[str, ...], dict[str, tuple[int, ...]]]:
    """The layers from shallow to deep, and the shapes of all maps.

    Args:
        f: the network.
        images: what it sees.
        asked: the layers to show, all of `f`; None chooses some.
        num_outputs: of `f`.

    Raises:
        ValueError: one that is no layer of maps.
        NotImplementedError: one where `f` cannot be cut.
    """
    maps = maps_of(f, images)
    names = list(maps)
    for layer in asked or ():
        if layer not in maps:
            raise ValueError(unknown("layers", layer, names))
        check_maps(f, images, layer)
    if asked is not None:
        return tuple(sorted(set(asked), key=names.index)), maps
    while (chosen := spread_over(names, maps, num_outputs)) and (
        uncut := [layer for layer in chosen if not _can_be_cut(f, images, layer)]
    ):
        names = [name for name in names if name not in uncut]
    return chosen, maps


def spread_over(
    maps: Sequence[str], shapes: Mapping[str, tuple[int, ...]], num_classes: int, num: int = 4
) -> tuple[str, ...]:
    """Layers from shallow to deep; not the maps of the classes themselves, where there are others.

    Args:
        maps: the layers to choose from, in order of computation.
        shapes: of each.
        num_classes: layers of as many channels are maps of the classes.
        num: how many to choose, at most.
    """
    inner = [name for name in maps if shapes[name][-1] != num_classes] or list(maps)
    places = np.rint(np.linspace(0, len(inner) - 1, num + 1)[1:]).astype(int) if inner else ()
    return tuple(dict.fromkeys(inner[place] for place in places))


def rules_below(f: Callable, images: Array, layer: str) -> tuple[RuleName, ...]:
    """The rules by which a unit of a layer is projected; without a ReLU below it the gradient alone."""
    return ("deconvnet", "guided") if has_relus(upto(f, layer), images) else ("gradient",)


def has_relus(f: Callable, images: Array) -> bool:
    """Whether there is something for a rule to change."""
    try:
        return bool(matches(f, jax.ShapeDtypeStruct(images.shape, images.dtype), "guided"))
    except (ValueError, NotImplementedError):
        return False


def _are_maps(activation: Any, name: str) -> bool:
    try:
        check_activation(activation, name, 1)
    except ValueError:
        return False
    return True


def _can_be_cut(f: Callable, images: Array, layer: str) -> bool:
    try:
        check_maps(f, images, layer)
    except (ValueError, NotImplementedError):
        return False
    return True
