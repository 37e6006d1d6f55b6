"""Images of a network's own range, of what a caller has."""

from collections.abc import Callable, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxviz._core.check import check_images
from jaxviz._core.network import brought
from jaxviz.explanation._view import Range, check_range


def images_of(
    f: Any, image: Any, normalize: Callable | None, input_range: Range | None
) -> list[Float[Array, "1 h w c"]]:
    """Each image as a batch of one.

    Raises:
        ValueError: one that has another shape than an image, or is not finite.
        TypeError: bytes, and nothing says how they become an image of the network's range.
    """
    many = isinstance(image, Sequence) and not isinstance(image, str)
    found = [_images(f, each, normalize, input_range) for each in (image if many else [image])]
    if not found:
        raise ValueError("`images` must hold at least one image, got none. Give an image, or a list of them.")
    return [images[place : place + 1] for images in found for place in range(len(images))]


def _images(f: Any, image: Any, normalize: Callable | None, input_range: Range | None) -> Float[Array, "n h w c"]:
    array = image if hasattr(image, "dtype") else np.asarray(image)
    if array.dtype == np.uint8:
        array = _of_bytes(f, np.asarray(array), normalize, input_range)
    if array.ndim == 3:
        array = array[None]
    if array.ndim != 4:
        raise ValueError(
            f"`images` must have shape (h, w, c), or (n, h, w, c) for several, got {array.shape}. Add the axes that "
            "are missing: image[..., None] for a gray image."
        )
    images = check_images(array, "images")
    if not bool(jnp.isfinite(images).all()):
        raise ValueError("`images` must be finite, got NaN or infinite values. Look for them in the preprocessing.")
    return images


def _of_bytes(f: Any, photo: np.ndarray, normalize: Callable | None, input_range: Range | None) -> Array:
    pixels = (photo if photo.ndim == 4 else photo[None]) / np.float32(255)
    if normalize is not None:
        return normalize(pixels)
    if input_range is not None:
        low, high = check_range(input_range)
        return jnp.asarray(low + (high - low) * pixels)
    if (preprocess := brought(f, "preprocess")) is not None:
        return preprocess(photo)
    raise TypeError(
        "`images` must be floating point in the network's own range where nothing says how bytes get there, got uint8. "
        "Give `input_range`, the values of black and of white, or `normalize`."
    )
