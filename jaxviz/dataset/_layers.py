"""The activations of the layers that a study is about."""

from collections.abc import Callable
from typing import Any

from jaxtyping import Array

from jaxviz._core.map_layout import MapLayout
from jaxviz.transforms import tap, upto


def activations(f: Callable, names: tuple[str, ...], images: Any) -> dict[str, Array]:
    """Activations by layer; where it is one, what lies above is not in the program."""
    return {names[0]: upto(f, names[0])(images)} if len(names) == 1 else tap(f, *names)(images)[1]


def placed(activation: Array, layout: MapLayout) -> Array:
    """The maps of a layer, of which a dense one has one row and one column."""
    return activation[:, None, None, :] if activation.ndim == 2 else layout.maps(activation)
