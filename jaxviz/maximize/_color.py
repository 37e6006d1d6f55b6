"""From independent numbers to colors as photos have them, and back."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

_SQRT_COVARIANCE = np.array([[0.26, 0.09, 0.02], [0.27, 0.00, -0.05], [0.27, -0.09, 0.03]], np.float32)
COLORS = _SQRT_COVARIANCE / np.linalg.norm(_SQRT_COVARIANCE, axis=0).max()
"""Rows: red, green, blue; columns: light, blue against red, green against both. From the colors of ImageNet."""
_MARGIN = 1e-3


def to_pixels(values: Float[Array, "h w c"], decorrelated: bool) -> Float[Array, "h w c"]:
    """A sigmoid of the values, which for three channels are first turned from independent axes into RGB."""
    if decorrelated and values.shape[-1] == 3:
        values = values @ COLORS.T
    return jax.nn.sigmoid(values)


def from_pixels(pixels: Float[Array, "h w c"], decorrelated: bool) -> Float[Array, "h w c"]:
    """The values that `to_pixels` makes these pixels of; black and white are moved into its range by 0.001."""
    pixels = jnp.clip(pixels, _MARGIN, 1 - _MARGIN)
    values = jnp.log(pixels) - jnp.log1p(-pixels)
    return values @ np.linalg.inv(COLORS).T if decorrelated and values.shape[-1] == 3 else values
