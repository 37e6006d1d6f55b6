"""How images of a network's own range look: what undoes its preprocessing, or what is taken for that."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, UInt8

from jaxviz._core.network import brought

Range = tuple[float, float]


class View(NamedTuple):
    """From images to pictures.

    Attributes:
        denormalize: from images to RGB in [0, 1].
        note: what was assumed, in words; nothing where the network or the caller has said it.
    """

    denormalize: Callable
    note: str = ""

    def photo(self, images: Float[Array, "1 h w c"]) -> UInt8[np.ndarray, "h w 3"]:
        """The image as a photo."""
        return np.rint(255 * np.clip(np.asarray(self.denormalize(images))[0], 0, 1)).astype(np.uint8)

    def color(
        self, images: Float[Array, "1 h w c"], projection: Float[np.ndarray, "h w c"]
    ) -> Float[np.ndarray, "h w 3"]:
        """A signed array of the network's range in red, green, blue, still signed."""
        mean = jnp.broadcast_to(images.mean((0, 1, 2)), images.shape)
        return signed_color(self.denormalize, mean, projection)


def signed_color(
    denormalize: Callable, at: Float[Array, "1 h w c"], projection: Float[np.ndarray, "h w c"]
) -> Float[np.ndarray, "h w 3"]:
    """A signed array of a network's range in red, green, blue: the derivative of `denormalize` at an image.

    The image has to be one of colors that `denormalize` does not cut off, such as a gray one.
    """
    return np.asarray(jax.jvp(denormalize, (at,), (jnp.asarray(projection[None], at.dtype),))[1][0])


def view_of(f: Any, images: Float[Array, "1 h w c"], denormalize: Callable | None, input_range: Range | None) -> View:
    """What the caller gives, what the network brings, or the image's own range.

    Raises:
        ValueError: what `denormalize` gives is no picture, or a range that is none.
        TypeError: `denormalize` is not written in JAX.
    """
    given = denormalize or (None if input_range else brought(f, "denormalize"))
    if given is not None:
        _check(given, images)
        return View(lambda x: _rgb(given(x)))
    if input_range is not None:
        low, high = check_range(input_range)
        return View(lambda x: _rgb((x - low) / (high - low)))
    low, high = float(images.min()), float(images.max())
    note = "Nothing says what is black and what is white: shown from its smallest value to its largest."
    return View(lambda x: _rgb((x - low) / ((high - low) or 1.0)), note)


def check_range(input_range: Range) -> Range:
    """The values of black and of white, where they are two.

    Raises:
        ValueError: they are not.
    """
    pair = np.asarray(input_range, np.float64)
    if pair.shape != (2,) or not np.isfinite(pair).all() or not pair[0] < pair[1]:
        raise ValueError(
            f"`input_range` must be the values of black and of white, the smaller first, got {input_range}. Use (0, 1) "
            "for pixels divided by 255."
        )
    return float(pair[0]), float(pair[1])


def _check(denormalize: Callable, images: Array) -> None:
    try:
        shape = jax.eval_shape(denormalize, jax.ShapeDtypeStruct(images.shape, images.dtype)).shape
    except jax.errors.TracerArrayConversionError as error:
        raise TypeError(
            "`denormalize` must be a JAX function, got one that asks for a NumPy array. Write it with jax.numpy."
        ) from error
    if len(shape) != 4 or shape[:3] != images.shape[:3] or shape[3] not in (1, 3):
        raise ValueError(
            f"`denormalize` must give pictures (n, h, w, 3), got {shape} for images of {images.shape}. Its values are "
            "red, green, blue in [0, 1]."
        )


def _rgb(pixels: Array) -> Array:
    """Three channels; other numbers of them are averaged to gray."""
    if pixels.shape[-1] == 3:
        return pixels
    return jnp.repeat(pixels.mean(-1, keepdims=True), 3, axis=-1)
