"""A picture that an ascent has made, as one shows it."""

import numpy as np
from jaxtyping import Float, UInt8

_GRAY = 0.5


def contrast_stretch(
    pixels: Float[np.ndarray, "h w c"],
    *,
    opacity: Float[np.ndarray, "h w"] | None = None,
    percentiles: tuple[float, float] = (1.0, 99.0),
) -> UInt8[np.ndarray, "h w 3"]:
    """A picture with its own range of values as the range of a screen, and faded where it does not count.

    All channels are stretched alike, so that hues stay. What it shows of two pictures says nothing about which of them
    has more contrast.

    Example:
        >>> pixels = np.array([0.25, 0.5, 0.75]).reshape(1, 3, 1)
        >>> contrast_stretch(pixels, percentiles=(0, 100))[0, :, 0].tolist()
        [0, 128, 255]
        >>> contrast_stretch(pixels, opacity=np.array([[1.0, 1.0, 0.0]]), percentiles=(0, 100))[0, :, 0].tolist()
        [0, 255, 128]

    Args:
        pixels: of one channel or three, such as those of `maximize.render`.
        opacity: how much each pixel counts, in [0, 1], such as that of `maximize.render(opacity=True)`: the picture
            where it is 1, middle gray where it is 0.
        percentiles: the values that become black and white, taken where `opacity` is at least a half.

    Returns:
        The picture. One value alone stays as bright as it is.

    Raises:
        ValueError: for arrays of other shapes, pixels that are not finite, an opacity outside of [0, 1], or percentiles
            that are not in order in 0..100.

    References:
        Fel et al., [Unlocking Feature Visualization for Deeper Networks with MAgnitude Constrained
        Optimization](https://arxiv.org/abs/2306.06805), 2023, section 3.3. Differs from it in: hues stay, and the
        percentiles are those of what is seen.
    """
    pixels = np.asarray(pixels, np.float64)
    if pixels.ndim != 3 or pixels.shape[-1] not in (1, 3):
        raise ValueError(f"`pixels` must be (h, w, 1) or (h, w, 3), got {pixels.shape}.")
    if not np.isfinite(pixels).all():
        raise ValueError("`pixels` must be finite numbers, got NaN or infinity. Look in what made the picture.")
    low, high = percentiles
    if not 0 <= low < high <= 100:
        raise ValueError(f"`percentiles` must be two in order in 0..100, got {percentiles}.")
    mask = np.ones(pixels.shape[:2]) if opacity is None else np.asarray(opacity, np.float64)
    if mask.shape != pixels.shape[:2]:
        raise ValueError(f"`opacity` must be {pixels.shape[:2]} as the pixels are, got {mask.shape}.")
    if not ((mask >= 0) & (mask <= 1)).all():
        raise ValueError(f"`opacity` must be in [0, 1], got {mask.min():.3g} to {mask.max():.3g}.")
    seen = pixels[mask >= _GRAY]
    black, white = np.percentile(seen if seen.size else pixels, (low, high))
    stretched = np.clip((pixels - black) / (white - black) if white > black else pixels, 0, 1)
    shown = mask[..., None] * stretched + (1 - mask[..., None]) * _GRAY
    return np.broadcast_to(np.rint(255 * shown).astype(np.uint8), (*pixels.shape[:2], 3)).copy()
