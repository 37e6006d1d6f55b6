"""What bad input gets: an error before anything is computed."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float, PyTree

from jaxviz._core import maps
from jaxviz._core.grown import has_rows, num_rows
from jaxviz._core.map_layout import PLAIN, MapLayout
from jaxviz._core.outputs import described, entries, is_output
from jaxviz._core.program import once, shape_of

Inputs = PyTree[Float[Array, "n ..."]]
"""What is explained: an array with the examples along its first axis (images, signals, volumes, rows of a table), or a
tree of such."""


def check_inputs(inputs: Any, name: str = "images") -> Inputs:
    """A tree of arrays that each hold the same examples along the first axis."""
    leaves = jax.tree.leaves(inputs)
    shapes = [jnp.shape(leaf) for leaf in leaves]
    if not shapes or any(not shape for shape in shapes):
        raise ValueError(
            f"`{name}` must have the examples along the first axis, got {described(inputs)}. Add it: {name}[None]."
        )
    for shape in shapes:
        if 0 in shape:
            raise ValueError(
                f"`{name}` must hold at least one pixel of one image, got {shape}. Leave an empty batch out."
            )
        if shape[0] != shapes[0][0]:
            raise ValueError(
                f"`{name}` must hold as many examples in each array, got {shapes[0]} and {shape}. Bind what is the "
                "same for all of them: jaxviz.bind."
            )
    return jax.tree.map(lambda leaf: check_float(leaf, name), inputs)


def check_images(images: ArrayLike, name: str = "images") -> Float[Array, "n h w c"]:
    """`images` as a batch with rows and columns, for what needs these."""
    shape = jnp.shape(images)
    if len(shape) != 4:
        axes = f" Add the axes that are missing: {name}[None] for one image, {name}[..., None] for gray ones."
        raise ValueError(f"`{name}` must have shape (n, h, w, c), got {shape}.{axes if len(shape) < 4 else ''}")
    return check_inputs(images, name)


def check_occluded(images: ArrayLike) -> Float[Array, "..."]:
    """`images` as an array with channels, and maybe a batch."""
    shape = jnp.shape(images)
    if 0 in shape:
        what, batch = ("pixel", "one") if len(shape) < 4 else ("pixel of one image", "batch")
        raise ValueError(f"`images` must hold at least one {what}, got {shape}. Leave an empty {batch} out.")
    return check_float(images, "images")


def check_float(array: ArrayLike, name: str) -> Array:
    """An array that can be differentiated."""
    if not jnp.issubdtype(jnp.result_type(array), jnp.floating):
        raise TypeError(
            f"`{name}` must be floating point, got {jnp.result_type(array)}. Bring it into the range that the network "
            "was trained on, for example with Network.preprocess."
        )
    return jnp.asarray(array)


def check_outputs(f: Callable, images: Inputs) -> int:
    """The number of outputs of `f`, which has to give one row of them per image."""
    number = num_rows(images)
    try:
        outputs = shape_of(_outputs, f, images, number=number)
    except Exception as error:  # of any kind: whatever a foreign function raises
        if (axes := _missing(f, images)) is not None:
            raise _too_few_axes(images, axes) from error
        raise
    if not has_rows(outputs, number) and (axes := _missing(f, images)) is not None:
        raise _too_few_axes(images, axes)
    return _num_outputs(outputs, number)


_MISSING: dict[str, tuple[Any, ...]] = {
    "None": (None,),
    "..., None": (..., None),
    "None, ..., None": (None, ..., None),
}


def _missing(f: Callable, images: Inputs) -> str | None:
    """How one image, or gray ones, become what `f` takes; None where they do not."""
    if len(jax.tree.leaves(images)) > 1:
        return None
    for axes, index in _MISSING.items():
        batch = jax.tree.map(lambda leaf, index=index: leaf[index], images)
        try:
            _num_outputs(jax.eval_shape(f, batch), num_rows(batch))
        except Exception:  # as above: it does not take this either
            continue
        return axes
    return None


def _too_few_axes(images: Inputs, axes: str) -> ValueError:
    return ValueError(
        f"`images` must have all axes that `f` takes, the examples first, got {described(jax.tree.leaves(images)[0])}. "
        f"Add those that are missing: images[{axes}]."
    )


def check_layer(
    f: Callable, images: Inputs, layer: str, layout: MapLayout = PLAIN
) -> tuple[int, tuple[int, int, int, int]]:
    """The number of outputs of `f`, and the shape of a layer's maps, which it has to have."""
    try:
        outputs, shape = _inspected(f, images, layer, layout)
    except TypeError:
        check_outputs(f, images)  # which says it better where that is what is wrong
        raise
    return _num_outputs(outputs, num_rows(images)), shape


def check_maps(f: Callable, images: Inputs, layer: str, layout: MapLayout = PLAIN) -> tuple[int, int, int, int]:
    """The shape of a layer's maps, which it has to have, of a function that may return anything."""
    return _inspected(f, images, layer, layout)[1]


def check_unit_axes(f: Callable, images: Inputs, layer: str, layout: MapLayout) -> tuple[int, ...]:
    """The shape of a layer whose units are counted along its axes: of images that of maps."""
    leaves = jax.tree.leaves(images)
    if len(leaves) == 1 and leaves[0].ndim == 4:
        return check_maps(f, images, layer, layout)
    _, found = once(maps.inspected, f, images, (layer,))
    return maps.check_channels_axis(found[layer], layer, num_rows(images), layout)


def _inspected(f: Callable, images: Inputs, layer: str, layout: MapLayout) -> tuple[Any, tuple[int, int, int, int]]:
    outputs, found = once(maps.inspected, f, images, (layer,))
    return outputs, maps.check_maps(found[layer], layer, num_rows(images), layout)


def _outputs(f: Callable, images: Inputs, *, number: int) -> Any:
    outputs = f(images)
    if not all(map(is_output, jax.tree.leaves(outputs))):
        raise _wrong_outputs(outputs, number)  # JAX would not take them
    return outputs


def check_baseline(baseline: ArrayLike, shape: tuple[int, ...], name: str, *, batch: bool | None = None) -> Array:
    """A baseline that can stand in for the pixels of an array of `shape`; a `batch` has the examples first."""
    batch = len(shape) == 4 if batch is None else batch
    try:
        fits = np.broadcast_shapes(jnp.shape(baseline), shape) == shape
    except ValueError:
        fits = False
    one = shape[1:] if batch else shape
    # Anything between a pixel and an image is none: a row of pixels would have to be told from a column.
    if not fits or jnp.ndim(baseline) not in (0, 1, len(one), len(shape)):
        each = f", or {shape} for one image each" if batch else ""
        raise ValueError(
            f"`baseline` must broadcast to `{name}` of {shape}, got {jnp.shape(baseline)}. Give a number, or an array "
            f"of shape {shape[-1:]} for one pixel, {one} for one image{each}."
        )
    return jnp.asarray(baseline)


def check_baselines(baseline: Any, inputs: Inputs, name: str) -> Any:
    """A baseline for each array of a tree, where one is given for all of them a copy of it each."""
    leaves, tree = jax.tree.flatten(inputs)
    each = [baseline] * len(leaves) if is_output(baseline) else jax.tree.leaves(baseline)
    if not is_output(baseline) and jax.tree.structure(baseline) != tree:
        raise ValueError(
            f"`baseline` must be a number, or have the arrays of `{name}`, got {described(baseline)} for "
            f"{described(inputs)}."
        )
    return tree.unflatten(
        [check_baseline(one, leaf.shape, name, batch=True) for one, leaf in zip(each, leaves, strict=True)]
    )


def check_count(number: int, name: str) -> int:
    """How many of something."""
    if isinstance(number, bool) or not isinstance(number, int | np.integer):
        raise TypeError(f"`{name}` must be an int, got {type(number).__name__}.")
    if number < 1:
        raise ValueError(f"`{name}` must be at least 1, got {number}.")
    return int(number)


def _num_outputs(outputs: Any, num_images: int) -> int:
    shape = getattr(outputs, "shape", None)
    if shape is None or len(shape) != 2 or shape[0] != num_images:
        raise _wrong_outputs(outputs, num_images)
    return shape[1]


def _wrong_outputs(outputs: Any, num_images: int) -> ValueError:
    return ValueError(
        f"`f` must return an array of shape ({num_images}, k) for {num_images} images, got {described(outputs)}. "
        f"{_into_rows(outputs, num_images)}"
    )


def _into_rows(outputs: Any, num_images: int) -> str:
    """How an output becomes one row for each image."""
    shape = getattr(outputs, "shape", None)
    if shape is None:
        found = entries(outputs)
        fitting = [name for name, part in found.items() if np.shape(part)[:1] == (num_images,) and np.ndim(part) == 2]
        choice = next(iter([*fitting, *found]), None)
        if choice is None:
            return "Say what of it counts: jaxviz.bind(f, select=lambda outputs: ...)."
        return f"Say what of it counts: jaxviz.bind(f, select={choice!r})."
    if shape == (num_images,):
        return "Add the axis: jaxviz.bind(f, select=lambda outputs: outputs[:, None])."
    if len(shape) > 2 and shape[0] == num_images:
        axes = tuple(range(1, len(shape) - 1))
        place = ", ".join(["0"] * len(axes))
        return (
            f"Take the mean over the places, jaxviz.bind(f, select=lambda outputs: outputs.mean({axes})), or one of "
            f"them: outputs[:, {place}]."
        )
    return "Wrap it in a function that does: one that takes a single image is jax.vmap(f)."


def start_of(images: Inputs, baseline: Any) -> Inputs:
    """The baseline of each image, in the shape and the dtype of the image."""
    return jax.tree.map(lambda leaf, start: jnp.broadcast_to(start, leaf.shape).astype(leaf.dtype), images, baseline)
