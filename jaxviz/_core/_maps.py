"""What a layer has to be for its first axis to be read as the batch, and the others as rows, columns and channels."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax

from jaxviz.transforms._axes import BATCH, COLS, ROWS, UNKNOWN, Axes, Axis
from jaxviz.transforms._cut import where_to_cut
from jaxviz.transforms._interpret import trace
from jaxviz.transforms._primitives import jaxpr_of
from jaxviz.transforms._taps import where_to_tap


class Activation(NamedTuple):
    """A layer's shape, and what its axes stand in the place of."""

    shape: tuple[int, ...]
    axes: Axes


def inspected(f: Callable, images: Any, names: tuple[str, ...]) -> tuple[Any, dict[str, Activation]]:
    """The shapes of what `f` returns, and its layers of these names; nothing is computed.

    Raises:
        ValueError: an unknown layer, or one that does not depend on the images.
        NotImplementedError: a layer where `f` cannot be cut (a single one) or tapped (several).
    """
    program = trace(f, images)
    layers = [where_to_cut(program, names[0])] if len(names) == 1 else where_to_tap(program, names)
    outputs = [jax.ShapeDtypeStruct(v.aval.shape, v.aval.dtype) for v in jaxpr_of(program.body).outvars]
    found = {}
    for name, layer in zip(names, layers, strict=True):
        shape = layer.shape().shape
        found[name] = Activation(shape, layer.axes.resized(shape))
    return jax.tree.unflatten(program.out_tree, outputs), found


def check_batch(activation: Activation, layer: str, num_images: int) -> None:
    """Refuses a layer whose first axis is not the batch."""
    axes = activation.axes.axes
    if axes[0].size == num_images and _stands_for(axes[0], BATCH):
        return
    batch = [place for place, axis in enumerate(axes) if place and axis.origins == {BATCH}]
    if batch or axes[0].size == num_images:
        found = f"whose batch is axis {batch[0]}" if batch else "whose axis 0 is not the batch"
        raise ValueError(
            f"`layer` must have the batch first, got {layer!r} of {activation.shape}, {found}. In the model, bring it "
            "to the front, name that value with jax.ad_checkpoint.checkpoint_name, and go on from it."
        )
    raise ValueError(
        f"`layer` must have one activation for each image, got {layer!r} of {activation.shape} for {num_images} "
        "images. Choose another, or name a value that has."
    )


def check_maps(activation: Activation, layer: str, num_images: int) -> None:
    """Refuses a layer of four axes that are not the batch, rows, columns and channels."""
    check_batch(activation, layer, num_images)
    axes = activation.axes.axes
    if _stands_for(axes[1], ROWS) and _stands_for(axes[2], COLS):
        return
    rows, cols = ([place for place, axis in enumerate(axes) if axis.origins == {name}] for name in (ROWS, COLS))
    if len(rows) == len(cols) == 1:
        found = f"whose rows and columns are axes {rows[0]} and {cols[0]}"
        way_out = (
            "In the model, bring them to axes 1 and 2, name that value with jax.ad_checkpoint.checkpoint_name, and go "
            "on from it."
        )
    else:
        found = "whose axes 1 and 2 are not the rows and columns of the images"
        way_out = "Choose another, or name a value of that form."
    raise ValueError(
        f"`layer` must have maps (n, rows, cols, channels), got {layer!r} of {activation.shape}, {found}. {way_out}"
    )


def _stands_for(axis: Axis, origin: str) -> bool:
    # A pooled map, or a batch of one, has a single place, which may have come from anywhere.
    return axis.origins in ({origin}, {UNKNOWN}) or (axis.size == 1 and axis.origins <= {origin})
