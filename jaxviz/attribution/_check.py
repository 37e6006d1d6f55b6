"""What bad input to an attribution gets: an error before anything is computed."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float

from jaxviz._core import _maps
from jaxviz._core._map_layout import PLAIN, MapLayout
from jaxviz._core._program import once, shape_of


def check_images(images: ArrayLike, name: str = "images") -> Float[Array, "n h w c"]:
    """`images` as an array of the form that every attribution takes."""
    shape = jnp.shape(images)
    if len(shape) != 4:
        raise ValueError(f"`{name}` must have shape (n, h, w, c), got {shape}. {_into_batch(shape, name)}")
    if 0 in shape:
        raise ValueError(f"`{name}` must hold at least one pixel of one image, got {shape}. Leave an empty batch out.")
    return check_float(images, name)


def check_image(image: ArrayLike) -> Float[Array, "h w c"]:
    """`image` as an array of one image."""
    shape = jnp.shape(image)
    if len(shape) != 3:
        way_out = "Take one image of a batch: images[0]." if len(shape) == 4 else _into_image(shape)
        raise ValueError(f"`image` must have shape (h, w, c), got {shape}. {way_out}")
    if 0 in shape:
        raise ValueError(f"`image` must hold at least one pixel, got {shape}. Leave an empty one out.")
    return check_float(image, "image")


def check_image_or_batch(image: ArrayLike) -> Float[Array, "..."]:
    """`image` as an array of one image or of a batch."""
    shape = jnp.shape(image)
    if len(shape) not in (3, 4):
        raise ValueError(f"`image` must have shape (h, w, c) or (n, h, w, c), got {shape}. {_into_image(shape)}")
    return check_images(image, "image") if len(shape) == 4 else check_image(image)


def _into_batch(shape: tuple[int, ...], name: str) -> str:
    """How what is no batch of images becomes one."""
    if len(shape) == 3:
        return (
            f"Add the axes that are missing: {name}[None] for one image, {name}[..., None] for gray ones, and for "
            f"signals (n, t, c) {name}[:, None] with `lambda x: f(x[:, 0])`."
        )
    if len(shape) == 2:
        return (
            f"Add the axes that are missing: {name}[None, ..., None] for one gray image, and for a table with a row "
            f"for each example {name}[:, None, None] with `lambda x: f(x[:, 0, 0])`."
        )
    if len(shape) == 5:
        n, d, h, w, c = shape
        return (
            f"Lay the slices of volumes (n, d, h, w, c) one below the other: {name}.reshape({n}, {d * h}, {w}, {c}) "
            f"with `lambda x: f(x.reshape(-1, {d}, {h}, {w}, {c}))`."
        )
    return "Bring it into rows, columns and channels, with a function that brings it back for `f`."


def _into_image(shape: tuple[int, ...]) -> str:
    """How what is no image becomes one."""
    if len(shape) == 2:
        return (
            "Add the axis that is missing: image[..., None] for a gray image, and for a signal (t, c) image[None] with "
            "`lambda x: f(x[:, 0])`."
        )
    return "Bring it into rows, columns and channels, with a function that brings it back for `f`."


def check_float(array: ArrayLike, name: str) -> Array:
    """An array that can be differentiated."""
    if not jnp.issubdtype(jnp.result_type(array), jnp.floating):
        raise TypeError(
            f"`{name}` must be floating point, got {jnp.result_type(array)}. Bring it into the range that the network "
            "was trained on, for example with Network.preprocess."
        )
    return jnp.asarray(array)


def check_outputs(f: Callable, images: Array) -> int:
    """The number of outputs of `f`, which has to give one row of them per image."""
    return _num_outputs(shape_of(_outputs, f, images), images.shape[0])


def check_layer(
    f: Callable, images: Array, layer: str, layout: MapLayout = PLAIN
) -> tuple[int, tuple[int, int, int, int]]:
    """The number of outputs of `f`, and the shape of a layer's maps, which it has to have."""
    outputs, shape = _inspected(f, images, layer, layout)
    return _num_outputs(outputs, images.shape[0]), shape


def check_maps(f: Callable, images: Array, layer: str, layout: MapLayout = PLAIN) -> tuple[int, int, int, int]:
    """The shape of a layer's maps, which it has to have, of a function that may return anything."""
    return _inspected(f, images, layer, layout)[1]


def _inspected(f: Callable, images: Array, layer: str, layout: MapLayout) -> tuple[Any, tuple[int, int, int, int]]:
    outputs, found = once(_maps.inspected, f, images, (layer,))
    return outputs, _maps.check_maps(found[layer], layer, images.shape[0], layout)


def _outputs(f: Callable, images: Array) -> Array:
    return f(images)


def check_baseline(baseline: ArrayLike, shape: tuple[int, ...], name: str) -> Array:
    """A baseline that can stand in for the pixels of an array of `shape`."""
    try:
        fits = np.broadcast_shapes(jnp.shape(baseline), shape) == shape
    except ValueError:
        fits = False
    # Two axes are no pixel and no image: a row of pixels would have to be told from a column.
    if not fits or jnp.ndim(baseline) == 2:
        each = f", or {shape} for one image each" if len(shape) == 4 else ""
        raise ValueError(
            f"`baseline` must broadcast to `{name}` of {shape}, got {jnp.shape(baseline)}. Give a number, or an array "
            f"of shape {shape[-1:]} for one pixel, {shape[-3:]} for one image{each}."
        )
    return jnp.asarray(baseline)


def check_count(number: int, name: str) -> int:
    """How many of something."""
    if isinstance(number, bool) or not isinstance(number, int | np.integer):
        raise TypeError(f"`{name}` must be an int, got {type(number).__name__}.")
    if number < 1:
        raise ValueError(f"`{name}` must be at least 1, got {number}.")
    return int(number)


def _num_outputs(outputs: jax.ShapeDtypeStruct, num_images: int) -> int:
    shape = getattr(outputs, "shape", None)
    if shape is None or len(shape) != 2 or shape[0] != num_images:
        raise ValueError(
            f"`f` must return an array of shape ({num_images}, k) for {num_images} images, got "
            f"{jax.tree.structure(outputs) if shape is None else shape}. Wrap it in a function that does."
        )
    return shape[1]
