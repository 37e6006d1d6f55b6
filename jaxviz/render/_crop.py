"""The part of a picture that a unit sees."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Integer, Shaped


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


def field_boxes(
    fields: Integer[np.ndarray, "*axes 4"],
    units: Integer[np.ndarray, "u axes"],
    shape: tuple[int, int],
    *,
    side: int | None = None,
) -> list[Box]:
    """What each of some units of a layer sees, as squares of one size: crops of one row look alike.

    Example:
        >>> fields = np.array([[[0, 0, 2, 2], [0, 1, 2, 3]], [[1, 0, 3, 2], [1, 1, 3, 3]]])[:, :, None]
        >>> field_boxes(fields, np.array([[1, 1, 0]]), (3, 3))
        [Box(top=1, left=1, bottom=3, right=3)]

    Args:
        fields: of all units of the layer, from `receptive_field`.
        units: the place of each along the axes of the layer.
        shape: height and width of the image.
        side: of the largest field, from `field_side`, for who asks more than once: it takes a look at all of them.

    Returns:
        A box for each unit, all as large as the layer's largest, moved into the image.
    """
    side = field_side(fields) if side is None else side
    boxes = []
    for top, left, bottom, right in fields[tuple(np.asarray(units).T)].tolist():
        row, col = (top + bottom - side) // 2, (left + right - side) // 2
        boxes.append(Box(row, col, row + side, col + side).square(shape))
    return boxes


def field_side(fields: Integer[np.ndarray, "*axes 4"]) -> int:
    """Height or width of the largest receptive field of a layer, from `receptive_field`, in pixels.

    Example:
        >>> field_side(np.array([[[0, 0, 2, 2], [0, 1, 2, 3]], [[1, 0, 3, 2], [1, 1, 3, 3]]])[:, :, None])
        2
    """
    return int(max((fields[..., 2] - fields[..., 0]).max(), (fields[..., 3] - fields[..., 1]).max()))


def responding_box(
    projection: Float[np.ndarray, "h w c"], field: Box, *, share: float = 0.9, smallest: int = 16
) -> Box:
    """The square within a unit's receptive field that holds nearly all of its projection.

    A deep unit may see the whole image and respond to a corner of it, which would be specks on gray.

    Example:
        >>> projection = np.zeros((64, 64, 3))
        >>> projection[40:44, 10:12] = 1.0
        >>> responding_box(projection, Box(0, 0, 64, 64), smallest=4)
        Box(top=40, left=9, bottom=44, right=13)

    Args:
        projection: of the unit, as large as the image.
        field: what the unit sees.
        share: of the projection, as for `bounding_box`.
        smallest: side of the square at least, in pixels, where the field is as large.
    """
    tight = bounding_box(field(projection), share=share)
    side = field.bottom - field.top
    least = min(side, smallest)
    # Grown about its middle where it would be but a few pixels.
    grow = max(0, least - max(tight.bottom - tight.top, tight.right - tight.left))
    grown = Box(tight.top, tight.left, tight.bottom + grow, tight.right + grow)
    inner = grown.square((side, field.right - field.left))
    return Box(field.top + inner.top, field.left + inner.left, field.top + inner.bottom, field.left + inner.right)
