"""Turning and zooming images by numbers that are drawn inside a program."""

import jax.numpy as jnp
from jax.scipy.ndimage import map_coordinates
from jaxtyping import Array, Float


def warp(images: Float[Array, "n h w c"], factor: Float[Array, ""], angle: Float[Array, ""]) -> Float[Array, "n h w c"]:
    """Images enlarged by a factor and turned counterclockwise about their centre, bilinear, continued at the edges.

    Args:
        images: of any range.
        factor: above 1 enlarges.
        angle: in radians.
    """
    count, height, width, channels = images.shape
    rows = jnp.arange(height)[:, None] - (height - 1) / 2
    cols = jnp.arange(width)[None] - (width - 1) / 2
    cos, sin = jnp.cos(angle) / factor, jnp.sin(angle) / factor
    at = jnp.stack([cos * rows + sin * cols + (height - 1) / 2, cos * cols - sin * rows + (width - 1) / 2])
    stacked = jnp.moveaxis(images, 0, -2).reshape(height, width, count * channels)
    import jax

    warped = jax.vmap(lambda plane: map_coordinates(plane, list(at), 1, "nearest"), -1, -1)(stacked)
    return jnp.moveaxis(warped.reshape(height, width, count, channels), -2, 0)
