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

    def square(self, shape: tuple[int, int]) -> "Box":
        """The box made square within an image of that height and width, so that crops of one row look alike.

        Example:
            >>> Box(0, 2, 2, 8).square((9, 9))
            Box(top=0, left=2, bottom=6, right=8)
        """
        side = min(max(self.bottom - self.top, self.right - self.left), *shape)
        top = min(max((self.top + self.bottom - side) // 2, 0), shape[0] - side)
        left = min(max((self.left + self.right - side) // 2, 0), shape[1] - side)
        return Box(top, left, top + side, left + side)


def bounding_box(projection: Float[np.ndarray, "h w c"], *, share: float = 1.0) -> Box:
    """The smallest box around what a unit responds to in an image.

    Example:
        >>> projection = np.zeros((8, 8, 3))
        >>> projection[2:4, 5] = -1.0
        >>> bounding_box(projection)
        Box(top=2, left=5, bottom=4, right=6)

    Args:
        projection: of one unit, zero outside of its receptive field.
        share: of the sum of the absolute values, to keep along each axis. At 1 the box holds all that is not zero; a
            little less leaves out the faint rim of a deep unit's receptive field.

    Returns:
        The box; the whole image where everything is zero.

    Raises:
        ValueError: an entry of `projection` is not finite, or `share` is not in (0, 1].
    """
    if not 0 < share <= 1:
        raise ValueError(f"`share` must be in (0, 1], got {share}.")
    size = np.abs(np.asarray(projection, dtype=np.float64)).sum(axis=-1)
    if not np.isfinite(size).all():
        raise ValueError(
            f"`projection` must be finite, got {size[~np.isfinite(size)][0]}. Look for it in the weights and the image."
        )
    if not size.any():
        return Box(0, 0, *size.shape)
    top, bottom = _middle(size.sum(axis=1), share)
    left, right = _middle(size.sum(axis=0), share)
    return Box(top, left, bottom, right)


def _middle(sizes: np.ndarray, share: float) -> tuple[int, int]:
    """First and last place of the middle that holds the share, the last not included."""
    if share == 1.0:
        places = np.flatnonzero(sizes)
        return int(places[0]), int(places[-1]) + 1
    rising = np.cumsum(sizes) / sizes.sum()
    rest = (1.0 - share) / 2
    return int(np.searchsorted(rising, rest, side="right")), int(np.searchsorted(rising, 1.0 - rest)) + 1
