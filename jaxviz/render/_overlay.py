"""A heat map over its photo."""

import numpy as np
from jaxtyping import Bool, Float, UInt8

from jaxviz.render import _check
from jaxviz.render._scale import Scale

# Of the hatching: pixels from one stripe to the next, and the two grays.
_PERIOD, _STRIPES = 6, (40.0, 215.0)
_LUMA = np.array([0.299, 0.587, 0.114])


def overlay(
    photo: UInt8[np.ndarray, "h w 3"],
    heatmap: Float[np.ndarray, "h w"],
    scale: Scale,
    *,
    opacity: float = 0.6,
    unknown: Bool[np.ndarray, "h w"] | None = None,
) -> UInt8[np.ndarray, "h w 3"]:
    """The map's colors over the photo in gray.

    Gray, because the photo's own colors would mix with those of the map and no color bar could be read.

    Example:
        >>> photo = np.full((1, 2, 3), 128, np.uint8)
        >>> overlay(photo, np.array([[0.0, 1.0]]), Scale(0, 1, "viridis"), opacity=1).tolist()
        [[[68, 1, 84], [253, 231, 36]]]

    Args:
        photo: what the network saw.
        heatmap: one value per pixel: see `upsample` and `spread`.
        scale: limits and colors of the map.
        opacity: of the colors, in [0, 1].
        unknown: where the map has no value, such as the `gaps` between windows: hatched, without a color.

    Returns:
        The picture.

    Raises:
        ValueError: for a map of another size than the photo.
    """
    photo = _check.photo(photo)
    if np.shape(heatmap) != photo.shape[:2]:
        raise ValueError(
            f"`heatmap` must have the photo's size {photo.shape[:2]}, got {np.shape(heatmap)}. "
            "Use `upsample` or `spread` on it first."
        )
    gray = (photo @ _LUMA)[..., None]
    picture = (1 - opacity) * gray + opacity * scale(heatmap)
    if unknown is not None:
        rows, cols = np.indices(unknown.shape)
        stripe = (rows + cols) % _PERIOD < _PERIOD / 2
        hatched = 0.5 * gray + 0.5 * np.where(stripe, *_STRIPES)[..., None]
        picture = np.where(unknown[..., None], hatched, picture)
    return np.rint(picture).astype(np.uint8)
