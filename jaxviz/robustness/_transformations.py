"""What a picture can go through and still show the same: shifts, zooms, turns, blur, more or less light."""

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.ndimage import map_coordinates
from jaxtyping import Array, ArrayLike, Float

_SIDE = 224  # pixels: what amounts in pixels refer to, so that networks of other input sizes can be compared


@functools.partial(
    jax.tree_util.register_dataclass, data_fields=["function", "amounts"], meta_fields=["identity", "label"]
)
@dataclasses.dataclass(frozen=True, eq=False)
class Transformation:
    """A change of an image by some amount, and the amounts to try.

    Example:
        >>> import jax.numpy as jnp
        >>> contrast = Transformation(lambda image, amount: amount * image, jnp.linspace(0.5, 1.5, 11), 1.0, "contrast")

    Attributes:
        function: `(image (h, w, c), amount ()) -> image (h, w, c)`, traceable; a `jax.tree_util.Partial` where it holds
            arrays.
        amounts: `(a,)`, rising.
        identity: the amount that leaves the image as it is.
        label: what the amounts are, with their unit.
    """

    function: Callable[[Any, Any], Any]
    amounts: Float[Array, " a"]
    identity: float = 0.0
    label: str = ""


def vertical_translation(amounts: Sequence[float] | None = None, *, border: ArrayLike = 0.0) -> Transformation:
    """Down, and by negative amounts up.

    Example:
        >>> image = jnp.zeros((224, 224, 1)).at[10, 20].set(1)
        >>> moved = vertical_translation().function(image, jnp.array(3.0))
        >>> np.argwhere(moved).tolist()
        [[13, 20, 0]]

    Args:
        amounts: in pixels of an image 224 high: in one of 448, 10 of them are 20. -60 to 60 in steps of 5 by default.
        border: what comes in from outside, in the network's own range: a number, or one pixel `(c,)`. Zero is the mean
            color for a network that subtracts it.

    Returns:
        The transformation, linear between pixels; what is read between the image and its border is a blend of both.
    """
    return _of(_down, amounts, np.arange(-60, 61, 5), 0.0, "shift down (pixels of 224)", border=border)


def horizontal_translation(amounts: Sequence[float] | None = None, *, border: ArrayLike = 0.0) -> Transformation:
    """To the right, and by negative amounts to the left; see `vertical_translation`.

    Example:
        >>> image = jnp.zeros((224, 224, 1)).at[10, 20].set(1)
        >>> moved = horizontal_translation().function(image, jnp.array(-3.0))
        >>> np.argwhere(moved).tolist()
        [[10, 17, 0]]
    """
    return _of(_right, amounts, np.arange(-60, 61, 5), 0.0, "shift to the right (pixels of 224)", border=border)


def enlargement(amounts: Sequence[float] | None = None, *, border: ArrayLike = 0.0) -> Transformation:
    """A zoom about the center of the image.

    Example:
        >>> image = jnp.zeros((9, 9, 1)).at[4, 4].set(1)
        >>> wide = enlargement().function(image, jnp.array(2.0))
        >>> bool(wide.sum() > 3 * image.sum()), float(wide[4, 4, 0]) > float(wide[4, 5, 0]) > 0
        (True, True)

    Args:
        amounts: factors; below 1 shrinks, antialiased. 1 to 1.8 in steps of 0.05 by default.
        border: what is seen around a shrunken image, as for `vertical_translation`.

    Returns:
        The transformation, linear between pixels, with antialiasing; borders as for `vertical_translation`.
    """
    return _of(_zoomed, amounts, np.linspace(1, 1.8, 17), 1.0, "scale", border=border)


def rotation(amounts: Sequence[float] | None = None, *, border: ArrayLike = 0.0) -> Transformation:
    """A turn about the center of the image, counterclockwise.

    Example:
        >>> image = jnp.zeros((9, 9, 1)).at[4, 7].set(1)
        >>> turned = rotation().function(image, jnp.array(90.0))
        >>> np.argwhere(turned > 0.99).tolist()
        [[1, 4, 0]]

    Args:
        amounts: in degrees. 0 to 350 in steps of 10 by default.
        border: what comes in at the corners, as for `vertical_translation`.

    Returns:
        The transformation: `jax.scipy.ndimage.map_coordinates`, bilinear. A turn shrinks nothing, so it needs no
        antialiasing.
    """
    return _of(_turned, amounts, np.arange(0, 360, 10), 0.0, "rotation (degrees)", border=border)


def blur(amounts: Sequence[float] | None = None) -> Transformation:
    """A Gaussian blur. At the edges the weights of the pixels that exist are scaled to a sum of one: no border.

    Example:
        >>> image = jnp.zeros((224, 224, 1)).at[100, 100].set(1)
        >>> soft = blur().function(image, jnp.array(2.0))
        >>> round(float(soft.sum()), 3), round(float(soft.max()), 3)  # of a Gaussian: 1 / (2 pi 2 ** 2)
        (1.0, 0.04)

    Args:
        amounts: standard deviations, in pixels of an image 224 high. 0 to 8 in steps of 0.5 by default.

    Returns:
        The transformation.
    """
    return _of(_blurred, amounts, np.linspace(0, 8, 17), 0.0, "blur (standard deviation, pixels of 224)")


def brightness(
    amounts: Sequence[float] | None = None, *, black: ArrayLike = 0.0, white: ArrayLike = 1.0
) -> Transformation:
    """More or less light: an amount is added to all pixels, and what is out of their range is cut off.

    Example:
        >>> lighter = brightness().function(jnp.array([[[0.25]], [[0.875]]]), jnp.array(0.25))
        >>> lighter.ravel().tolist()
        [0.5, 1.0]

    Args:
        amounts: of the way from black to white. -0.5 to 0.5 in steps of 0.05 by default.
        black: the darkest pixel in the network's own range: a number, or one pixel `(c,)`.
        white: the brightest one.

    Returns:
        The transformation.
    """
    label = "added light (share of white)"
    return _of(_lit, amounts, np.linspace(-0.5, 0.5, 21), 0.0, label, black=black, white=white)


def standard_transformations(border: ArrayLike = 0.0) -> dict[str, Transformation]:
    """Translation in both directions, scale and rotation, over the ranges of the paper.

    Example:
        >>> list(standard_transformations())
        ['vertical translation', 'horizontal translation', 'scale', 'rotation']

    Args:
        border: what comes in from outside, as for `vertical_translation`.

    Returns:
        The transformations by name; add your own to them.

    References:
        Zeiler and Fergus, [Visualizing and Understanding Convolutional Networks](https://arxiv.org/abs/1311.2901),
        2014, figure 5. Differs from it in: horizontal translation is added.
    """
    return {
        "vertical translation": vertical_translation(border=border),
        "horizontal translation": horizontal_translation(border=border),
        "scale": enlargement(border=border),
        "rotation": rotation(border=border),
    }


def _of(
    function: Callable,
    amounts: Sequence[float] | None,
    default: np.ndarray,
    identity: float,
    label: str,
    **pixels: ArrayLike,
) -> Transformation:
    for name, value in pixels.items():
        if np.ndim(value) > 1:
            raise ValueError(f"`{name}` must be a number or one pixel (c,), got shape {np.shape(value)}.")
    chosen = np.asarray(default if amounts is None else amounts, np.float32)
    # As leaves and not inside the function, so that a transformation made anew needs no program anew.
    leaves = {name: np.asarray(value, np.float32) for name, value in pixels.items()}
    return Transformation(jax.tree_util.Partial(function, **leaves), chosen, identity, label)  # pyright: ignore[reportArgumentType]


def _down(image: Float[Array, "h w c"], amount: Array, *, border: Array) -> Float[Array, "h w c"]:
    shift = amount * image.shape[0] / _SIDE
    return _moved(image, jnp.ones(2), jnp.stack([shift, jnp.zeros_like(shift)]), border)


def _right(image: Float[Array, "h w c"], amount: Array, *, border: Array) -> Float[Array, "h w c"]:
    shift = amount * image.shape[1] / _SIDE
    return _moved(image, jnp.ones(2), jnp.stack([jnp.zeros_like(shift), shift]), border)


def _zoomed(image: Float[Array, "h w c"], amount: Array, *, border: Array) -> Float[Array, "h w c"]:
    size = jnp.array(image.shape[:2], jnp.float32)
    return _moved(image, jnp.stack([amount, amount]), (1 - amount) * size / 2, border)


def _moved(image: Float[Array, "h w c"], scale: Array, shift: Array, border: Array) -> Float[Array, "h w c"]:
    rows, cols = (_read(image.shape[axis], scale[axis], shift[axis]) for axis in (0, 1))
    moved = jnp.einsum("ih,jw,hwc->ijc", rows, cols, image, precision=jax.lax.Precision.HIGHEST)
    # What is not read from the image is read from its border.
    outside = 1 - rows.sum(1)[:, None, None] * cols.sum(1)[:, None]
    return (moved + outside * border).astype(image.dtype)


def _read(length: int, scale: Array, shift: Array) -> Float[Array, "length length"]:
    """How much of each pixel goes into each place: a tent, as wide as a place where the image shrinks.

    `jax.image.scale_and_translate` scales the weights at the edges to a sum of one, and so sees no border in between.
    """
    places = jnp.arange(length, dtype=jnp.float32)
    centers, width = (places + 0.5 - shift) / scale - 0.5, jnp.maximum(1 / scale, 1)
    weights = jnp.maximum(1 - jnp.abs(centers[:, None] - places) / width, 0)
    # The sum over all pixels that there would be without edges, to the left and to the right of a center.
    left = centers - jnp.floor(centers)
    total = jnp.zeros_like(centers)
    for first in (left, 1 - left):
        count = jnp.maximum(jnp.ceil(width - first), 0)
        total += count - (count * first + count * (count - 1) / 2) / width
    return weights / total[:, None]


def _turned(image: Float[Array, "h w c"], amount: Array, *, border: Array) -> Float[Array, "h w c"]:
    cos, sin = jnp.cos(jnp.deg2rad(amount)), jnp.sin(jnp.deg2rad(amount))
    middle = (image.shape[0] - 1) / 2, (image.shape[1] - 1) / 2
    rows, cols = jnp.ogrid[: image.shape[0], : image.shape[1]]
    rows, cols = rows - middle[0], cols - middle[1]
    places = [cos * rows + sin * cols + middle[0], cos * cols - sin * rows + middle[1]]
    turned = jax.vmap(lambda channel: map_coordinates(channel, places, order=1, mode="constant"), 2, 2)(image - border)
    return (turned + border).astype(image.dtype)


def _blurred(image: Float[Array, "h w c"], amount: Array) -> Float[Array, "h w c"]:
    rows, cols = (_weights(length, amount * length / _SIDE) for length in image.shape[:2])
    blurred = jnp.einsum("ih,jw,hwc->ijc", rows, cols, image, precision=jax.lax.Precision.HIGHEST)
    return blurred.astype(image.dtype)


def _weights(length: int, deviation: Array) -> Float[Array, "length length"]:
    places = jnp.arange(length, dtype=jnp.float32)
    # Below a tenth of a pixel no neighbor weighs anything, and zero could not be divided by.
    scaled = (places[:, None] - places) / jnp.maximum(deviation, 0.05)
    weights = jnp.exp(-(scaled**2) / 2)
    return weights / weights.sum(1, keepdims=True)


def _lit(image: Float[Array, "h w c"], amount: Array, *, black: Array, white: Array) -> Float[Array, "h w c"]:
    low, high = jnp.minimum(black, white), jnp.maximum(black, white)
    return jnp.clip(image + amount * (white - black), low, high).astype(image.dtype)
