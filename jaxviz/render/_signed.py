"""Signed, image-shaped attributions and projections as pictures."""

import numpy as np
from jaxtyping import Float, UInt8

from jaxviz.render import _check
from jaxviz.render._scale import Scale, share_beyond


def channel_sum(attribution: Float[np.ndarray, "h w c"]) -> Float[np.ndarray, "h w"]:
    """The attribution of a pixel: the sum over its channels, so that what adds up to a score still does.

    Example:
        >>> channel_sum(np.array([[[1.0, -3.0, 1.0]]])).tolist()
        [[-1.0]]

    Args:
        attribution: of one image.

    Returns:
        One signed map.
    """
    array = np.asarray(attribution, dtype=np.float64)
    if array.ndim != 3:
        raise ValueError(
            f"`attribution` must be of one image, (height, width, channels), got shape {array.shape}. "
            "Pick one image of the batch."
        )
    return array.sum(axis=-1)


def gray_scale(projection: Float[np.ndarray, "h w c"], *, percentile: float = 99.5, label: str = "") -> Scale:
    """The scale of `gray_centered`, for a color bar: from black over the middle gray to full color.

    Example:
        >>> scale = gray_scale(np.array([[[0.0, 1.0, -2.0]]]), percentile=100)
        >>> scale.low, scale.high
        (-2.0, 2.0)

    Args:
        projection: signed.
        percentile: of the absolute values that are not zero, taken as the ends: a small patch in an empty image has the
            contrast of the patch.
        label: what the numbers are, with their unit.

    Returns:
        The scale; -1 to 1 where everything is zero.
    """
    size = np.abs(_check.finite(np.asarray(projection, dtype=np.float64), "projection"))
    present = size[size > 0]
    limit = float(np.percentile(present, percentile)) if present.size else 1.0
    return Scale(-limit, limit, "gray", label, share_beyond(size, limit))


def gray_centered(
    projection: Float[np.ndarray, "h w 3"], *, limit: float | None = None, percentile: float = 99.5
) -> UInt8[np.ndarray, "h w 3"]:
    """A signed image in color, where the middle gray is zero: the form in which deconvnet projections are printed.

    Example:
        >>> gray_centered(np.array([[[0.0, 1.0, -1.0]]])).tolist()
        [[[128, 255, 0]]]

    Args:
        projection: signed, its channels in the order red, green, blue.
        limit: the absolute value that becomes black or full color. The default is `percentile` of the absolute
            values that are not zero: a small patch in an empty image has the contrast of the patch.
        percentile: see `limit`.

    Returns:
        The picture.
    """
    array = np.asarray(projection, dtype=np.float64)
    if array.ndim != 3 or array.shape[-1] != 3:
        raise ValueError(
            f"`projection` must have shape (height, width, 3), got {array.shape}. "
            "Use `channel_sum` for other numbers of channels."
        )
    if limit is None:
        limit = gray_scale(array, percentile=percentile).high
    return np.rint(np.clip(127.5 + 127.5 * array / limit, 0, 255)).astype(np.uint8)
