"""Turning and zooming images by amounts that are drawn inside a program, and the gradient of that.

The gradient of a lookup is a scatter, which XLA runs on one CPU core and which takes as long as a third of the network.
A turn by a small angle can be looked up the other way round: an entry of the source receives from few entries of the
result, which lie around the place that it was turned to.
"""

import functools
import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


def warp(
    images: Float[Array, "n h w c"],
    factor: Float[Array, ""],
    angle: Float[Array, ""],
    *,
    reach: float,
    fill: float,
) -> Float[Array, "n h w c"]:
    """Images enlarged by a factor and turned counterclockwise about their center, bilinear.

    Args:
        images: of any range.
        factor: above 1 enlarges. The gradient with respect to it, and to the angle, is zero.
        angle: in radians.
        reach: at least `reach_of(factor, angle)`, of all that can be drawn.
        fill: what lies outside of the images.
    """
    count, height, width, channels = images.shape
    # An entry of all images at a time: the same place is looked up in each.
    entries = jnp.moveaxis(images - fill, 0, 2).reshape(height, width, count * channels)
    warped = jnp.asarray(_warp(entries, factor, angle, math.ceil(2 * reach)))
    return jnp.moveaxis(warped.reshape(height, width, count, channels), 2, 0) + fill


def reach_of(factor: float, angle: float) -> float:
    """How far from the place that it is moved to a pixel can be seen, in rows and in columns."""
    return factor * (abs(math.cos(angle)) + abs(math.sin(angle)))


@functools.partial(jax.custom_vjp, nondiff_argnums=(3,))
def _warp(entries: Float[Array, "h w k"], factor: Array, angle: Array, taps: int) -> Float[Array, "h w k"]:
    del taps
    rows, cols = _moved(entries.shape, 1 / factor, -angle)
    top, left = jnp.floor(rows), jnp.floor(cols)
    return _gather(
        entries,
        [
            (top + row, left + col, _tent(rows - top - row) * _tent(cols - left - col))
            for row in (0, 1)
            for col in (0, 1)
        ],
    )


def _forward(entries: Array, factor: Array, angle: Array, taps: int) -> tuple[Array, tuple[Array, Array]]:
    return _warp(entries, factor, angle, taps), (factor, angle)


def _backward(taps: int, moves: tuple[Array, Array], slopes: Float[Array, "h w k"]) -> tuple[Array, Array, Array]:
    factor, angle = moves
    height, width, _ = slopes.shape
    rows, cols = _moved(slopes.shape, factor, angle)
    top, left = jnp.ceil(rows - taps / 2), jnp.ceil(cols - taps / 2)
    places = []
    for number in range(taps * taps):
        row, col = top + number // taps, left + number % taps
        # Where the result has looked for its entry at this place: how much of it came from here.
        seen_row, seen_col = _turned(row - (height - 1) / 2, col - (width - 1) / 2, 1 / factor, -angle)
        here = _tent(seen_row - _centered(height)[:, None]) * _tent(seen_col - _centered(width))
        places.append((row, col, here))
    return _gather(slopes, places), jnp.zeros_like(factor), jnp.zeros_like(angle)


_warp.defvjp(_forward, _backward)


def _centered(size: int) -> Float[Array, " size"]:
    return jnp.arange(size) - (size - 1) / 2


def _turned(rows: Array, cols: Array, factor: Array, angle: Array) -> tuple[Array, Array]:
    """Places relative to the center, counterclockwise as seen in a picture, whose rows go down."""
    cos, sin = factor * jnp.cos(angle), factor * jnp.sin(angle)
    return cos * rows - sin * cols, cos * cols + sin * rows


def _moved(shape: tuple[int, ...], factor: Array, angle: Array) -> tuple[Float[Array, "h w"], Float[Array, "h w"]]:
    """Where each place of an image is moved to."""
    rows, cols = _turned(_centered(shape[0])[:, None], _centered(shape[1])[None], factor, angle)
    return rows + (shape[0] - 1) / 2, cols + (shape[1] - 1) / 2


def _tent(distance: Array) -> Array:
    return jnp.maximum(1 - jnp.abs(distance), 0)


def _gather(entries: Float[Array, "h w k"], places: list[tuple[Array, Array, Array]]) -> Float[Array, "h w k"]:
    """The weighted sum of what lies at some places for each place; nothing lies outside."""
    height, width, _ = entries.shape
    padded = jnp.pad(entries, ((1, 1), (1, 1), (0, 0))).reshape((height + 2) * (width + 2), -1)
    total = jnp.zeros((height * width, entries.shape[-1]), entries.dtype)
    for rows, cols, weights in places:
        index = (jnp.clip(rows, -1, height) + 1) * (width + 2) + jnp.clip(cols, -1, width) + 1
        found = padded.at[index.astype(jnp.int32).ravel()].get(mode="promise_in_bounds")
        total = total + weights.ravel()[:, None].astype(entries.dtype) * found
    return total.reshape(entries.shape)
