"""What a layer has to be for its first axis to be read as the batch, and the others as rows, columns and channels."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax

from jaxviz._core.jaxpr.axes import BATCH, COLS, ROWS, UNKNOWN, Axes, Axis
from jaxviz._core.jaxpr.descent import Descent
from jaxviz._core.jaxpr.interpret import trace
from jaxviz._core.jaxpr.primitives import jaxpr_of
from jaxviz._core.jaxpr.where import where_to_cut, where_to_tap
from jaxviz._core.map_layout import LAST, PLAIN, MapLayout


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
    if axes and axes[0].size == num_images and _stands_for(axes[0], BATCH):
        return
    batch = [place for place, axis in enumerate(axes) if place and axis.origins == {BATCH}]
    if batch or (axes and axes[0].size == num_images):
        found = f"whose batch is axis {batch[0]}" if batch else "whose axis 0 is not the batch"
        raise ValueError(
            f"`layer` must have the batch first, got {layer!r} of {activation.shape}, {found}. In the model, bring it "
            "to the front, name that value with jax.ad_checkpoint.checkpoint_name, and go on from it."
        )
    raise ValueError(
        f"`layer` must have one activation for each image, got {layer!r} of {activation.shape} for {num_images} "
        "images. Choose another, or name a value that has."
    )


def check_channels_axis(activation: Activation, layer: str, num_images: int, layout: MapLayout) -> tuple[int, ...]:
    """The shape of a layer once its channels stand last, whatever its other axes but the first are.

    Raises:
        ValueError: the batch is not first, or there is no such axis, or it is one of rows, columns or places.
    """
    shape, axes = activation.shape, activation.axes.axes
    if len(shape) < 2:
        raise ValueError(
            f"`layer` must have channels, got {layer!r} of {shape}. Choose another, or name a value of that form."
        )
    check_batch(activation, layer, num_images)
    if len(shape) < 3:
        return shape
    _check_axis(shape, layer, layout)
    if layout.of_tokens(shape):
        return check_maps(activation, layer, num_images, layout)
    chosen = axes[layout.channel_axis]
    if chosen.size > 1 and chosen.origins & {ROWS, COLS}:
        free = [place for place, axis in enumerate(axes) if place and not axis.origins & {ROWS, COLS}]
        way_out = (
            f"Give channel_axis={free[0]}." if len(free) == 1 else "Give the axis of the channels as channel_axis."
        )
        raise ValueError(
            f"`layer` must have channels in axis {layout.channel_axis % len(shape)}, got {layer!r} of {shape}, where "
            f"that is an axis of rows or columns. {way_out}"
        )
    return _turned(shape, layout)


def check_maps(
    activation: Activation, layer: str, num_images: int, layout: MapLayout = PLAIN
) -> tuple[int, int, int, int]:
    """The shape of a layer's maps; refuses one whose axes, laid out so, are not the batch, rows, columns and channels.

    Raises:
        ValueError: as the first line says.
    """
    shape = activation.shape
    if len(shape) == 3:
        _check_tokens(activation, layer, layout)
    elif len(shape) != 4:
        raise ValueError(
            f"`layer` must have activations of shape (n, h, w, c), got {shape} for {layer!r}. Use a convolutional "
            "layer; a unit of a dense one is explained by saliency(upto(f, layer), images, unit)."
        )
    else:
        _check_axis(shape, layer, layout)
    check_batch(activation, layer, num_images)
    axes = _of_maps(activation, layout).axes
    if _stands_for(axes[1], ROWS) and _stands_for(axes[2], COLS):
        return tuple(axis.size for axis in axes)  # type: ignore[return-value]
    raise ValueError(_no_maps(activation, layer, layout))


def _of_maps(activation: Activation, layout: MapLayout) -> Axes:
    """What the axes of the maps stand for: the layout itself is followed, as a part of the network would be."""
    if layout.is_plain(activation.shape):
        return activation.axes
    program = trace(layout.maps, jax.ShapeDtypeStruct(activation.shape, jax.numpy.float32))
    return Descent(program, [activation.axes]).outputs[0]


def _turned(shape: tuple[int, ...], layout: MapLayout) -> tuple[int, ...]:
    place = layout.channel_axis % len(shape)
    return (*shape[:place], *shape[place + 1 :], shape[place])


def _check_axis(shape: tuple[int, ...], layer: str, layout: MapLayout) -> None:
    if not -len(shape) < layout.channel_axis < len(shape):
        raise ValueError(
            f"`channel_axis` must be one of the axes 1 to {len(shape) - 1} of {layer!r} of {shape}, got "
            f"{layout.channel_axis}."
        )


def _check_tokens(activation: Activation, layer: str, layout: MapLayout) -> None:
    shape, parts = activation.shape, [axis.parts for axis in activation.axes.axes]
    sizes = [tuple(size for size, _ in of_axis) for of_axis in parts]
    known = [size for size, of in zip(sizes, parts, strict=True) if [o for _, o in of] == [{ROWS}, {COLS}]]
    if layout.grid is None:
        way_out = (
            f"Give grid={known[0]}." if len(known) == 1 else "Give the rows and columns of its tokens: grid=(14, 14)."
        )
        raise ValueError(
            f"`layer` must have maps (n, rows, cols, channels), got {layer!r} of {shape}. {way_out} A unit of a layer "
            "without places is explained by saliency(upto(f, layer), images, unit)."
        )
    if math.prod(layout.grid) > shape[1]:
        raise ValueError(
            f"`grid` must have at most {shape[1]} places, the tokens of {layer!r} of {shape}, got {layout.grid}. "
            "Divide the rows and columns of the images by those of a patch."
        )


def _no_maps(activation: Activation, layer: str, layout: MapLayout) -> str:
    shape, axes = activation.shape, activation.axes.axes
    if len(shape) == 3:
        return (
            f"`grid` must be the rows and columns of the tokens, got {layout.grid} for {layer!r} of {shape}, whose "
            "tokens do not stand for the places of the images in that order. Divide the rows and columns of the images "
            "by those of a patch, and leave out what stands behind the places."
        )
    rows, cols = ([place for place, axis in enumerate(axes) if axis.origins == {name}] for name in (ROWS, COLS))
    (rest,) = {1, 2, 3} - {*rows, *cols} if len({1, 2, 3} - {*rows, *cols}) == 1 else (None,)
    said = "" if layout.channel_axis == LAST else f" with channel_axis={layout.channel_axis}"
    if len(rows) == len(cols) == 1:
        found = f"whose rows and columns are axes {rows[0]} and {cols[0]}"
        way_out = f"Give channel_axis={rest}."
        if rest is None or rows > cols:
            way_out = (
                "In the model, bring them to axes 1 and 2, name that value with jax.ad_checkpoint.checkpoint_name, and "
                "go on from it."
            )
    else:
        found = "whose axes 1 and 2 are not the rows and columns of the images"
        way_out = "Choose another, or name a value of that form."
    return f"`layer` must have maps (n, rows, cols, channels), got {layer!r} of {shape}{said}, {found}. {way_out}"


def _stands_for(axis: Axis, origin: str) -> bool:
    # A pooled map, or a batch of one, has a single place, which may have come from anywhere.
    return axis.origins in ({origin}, {UNKNOWN}) or (axis.size == 1 and axis.origins <= {origin})
