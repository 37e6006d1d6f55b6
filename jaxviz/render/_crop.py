"""The part of a picture that a unit sees."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Shaped


class Box(NamedTuple):
    """Rows `top` to `bottom` and columns `left` to `right` in pixels, the ends not included."""

    top: int
    left: int
    bottom: int
    right: int

    def __call__(self, picture: Shaped[np.ndarray, "h w *c"]) -> Shaped[np.ndarray, "h1 w1 *c"]:
        """The part of the picture in the box."""
        return picture[self.top : self.bottom, self.left : self.right]


def support(projection: Float[np.ndarray, "h w c"], *, margin: int = 0) -> Box:
    """The smallest box around all that is not zero: for a projection, the part of the image that the unit sees.

    Example:
        >>> projection = np.zeros((8, 8, 3))
        >>> projection[2:4, 5] = -1.0
        >>> support(projection, margin=1)
        Box(top=1, left=4, bottom=5, right=7)

    Args:
        projection: of one unit, zero outside of its receptive field.
        margin: pixels to add on every side, within the image.

    Returns:
        The box; the whole image where everything is zero.
    """
    seen = np.any(np.asarray(projection) != 0, axis=-1)
    height, width = seen.shape
    if not seen.any():
        return Box(0, 0, height, width)
    rows, cols = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
    return Box(
        max(int(rows[0]) - margin, 0),
        max(int(cols[0]) - margin, 0),
        min(int(rows[-1]) + 1 + margin, height),
        min(int(cols[-1]) + 1 + margin, width),
    )
