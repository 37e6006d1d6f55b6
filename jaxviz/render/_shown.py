"""A map as a notebook shows it: a small picture with its scale."""

import dataclasses

import numpy as np
from jaxtyping import Array, Float, UInt8

from jaxviz.render._encode import png
from jaxviz.render._grid import framed
from jaxviz.render._overlay import overlay
from jaxviz.render._resample import upsample
from jaxviz.render._scale import diverging, sequential
from jaxviz.render._signed import channel_sum

_MOST = 8


@dataclasses.dataclass(frozen=True, repr=False)
class Shown:
    """What a notebook draws where it stands at the end of a cell.

    Attributes:
        picture: with its title and color bar.
    """

    picture: UInt8[np.ndarray, "h w 3"]

    def __repr__(self) -> str:
        """A line, where there are no pictures."""
        height, width, _ = self.picture.shape
        return f"Shown({width} x {height} pixels; .picture is the array)"

    def _repr_png_(self) -> bytes:
        return png(self.picture)


def shown(
    maps: Float[Array | np.ndarray, "..."], photo: UInt8[np.ndarray, "h w 3"] | None = None, *, title: str = ""
) -> Shown:
    """An attribution as a picture with its scale, to look at in a notebook.

    Example:
        >>> shown(np.array([[0.0, 1.0], [2.0, 3.0]]), title="places").picture.dtype
        dtype('uint8')

    Args:
        maps: of one image or a batch: with channels, `(h, w, 1)`, `(h, w, 3)` or `(n, h, w, c)`, which are summed and
            drawn around zero; or without, `(h, w)` or `(n, h, w)` with another width than 1 and 3, from zero up where
            nothing is negative. Of a batch at most eight, side by side on one scale.
        photo: what a map without channels is laid over; it is stretched to it.
        title: a line above.

    Returns:
        The picture. A notebook shows it; `.picture` are its pixels.

    Raises:
        ValueError: `maps` have other axes, or are none.
    """
    values = np.asarray(maps)
    if values.ndim not in (2, 3, 4) or not values.size:
        raise ValueError(f"`maps` must be (h, w), (h, w, c), or a batch of these, got shape {values.shape}.")
    with_channels = values.ndim == 4 or (values.ndim == 3 and values.shape[-1] in (1, 3))
    batch = values if values.ndim == 4 or (values.ndim == 3 and not with_channels) else values[None]
    flat = [channel_sum(one) if with_channels else one for one in batch[:_MOST]]
    under = None if with_channels else photo
    if under is not None:
        flat = [upsample(one, under.shape[:2]) for one in flat]
    rows = np.concatenate(flat)
    scale = diverging(rows) if rows.min() < 0 else sequential(rows)
    parts = [scale(one) if under is None else overlay(under, one, scale) for one in flat]
    return Shown(framed(np.concatenate(parts, 1), title=title, scale=scale, width=2.6 * min(len(parts), 3)))
