"""Which part of an image a unit is shown by, and the part as a small square picture."""

from collections.abc import Sequence

import numpy as np
from PIL import Image

from jaxviz.microscope._plan import Plan
from jaxviz.render import Box, field_boxes, field_side
from jaxviz.transforms import receptive_field

TILE = 56
"""Pixels of a patch on a unit's page at most: a smaller field is kept pixel by pixel, and enlarged by the browser."""
_WHOLE = 2 * TILE  # pixels of a field that is shown whole: of a larger one most would be what the unit does not answer
THUMBNAIL = 36


class Fields:
    """What the units of a layer see.

    Args:
        plan: of the site.
        layer: one of its layers.

    Attributes:
        side: of the receptive field in pixels, the largest in the layer.
        tile: pixels of a picture of a patch.
    """

    def __init__(self, plan: Plan, layer: str):
        height, width = plan.image.shape[1:3]
        self._shape = (height, width)
        self._fields = None
        if len(plan.shapes[layer]) == 4 and plan.layout.is_plain(plan.shapes[layer]):
            try:
                self._fields = receptive_field(plan.f, plan.image, layer)
            except NotImplementedError:
                # Where it cannot be told, a unit may see all of the image.
                self._fields = None
        self._largest = min(self._shape) if self._fields is None else field_side(self._fields)
        self.side = min(*self._shape, self._largest)
        self.tile = max(1, min(TILE, self.side))

    @property
    def small(self) -> bool:
        """Whether a patch is the whole field."""
        return self.side <= _WHOLE

    def boxes(self, positions: np.ndarray, channels: np.ndarray) -> list[Box]:
        """The field of each unit at its row and column."""
        if self._fields is None:
            return [Box(0, 0, *self._shape)] * len(positions)
        units = np.concatenate([positions, channels[:, None]], 1)
        return field_boxes(self._fields, units, self._shape, side=self._largest)

    def shown(self, box: Box) -> Box:
        """What is shown of a field where no projection says what in it responds: of a large one its middle third."""
        return box if self.small else self.middle(box, max(TILE, self.side // 3))

    def middle(self, box: Box, side: int) -> Box:
        """A smaller square about the middle of a field, within the image."""
        side = max(1, min(side, self.side, *self._shape))
        top = min(max((box.top + box.bottom - side) // 2, 0), self._shape[0] - side)
        left = min(max((box.left + box.right - side) // 2, 0), self._shape[1] - side)
        return Box(top, left, top + side, left + side)


def resized(picture: np.ndarray, side: int) -> np.ndarray:
    """A picture as a square of so many pixels: means where it is larger, its own pixels enlarged where smaller."""
    if picture.shape[:2] == (side, side):
        return picture
    larger = min(picture.shape[:2]) >= side
    method = Image.Resampling.BOX if larger else Image.Resampling.NEAREST
    return np.asarray(Image.fromarray(np.ascontiguousarray(picture)).resize((side, side), method))


def tiled(pictures: Sequence[np.ndarray] | np.ndarray, side: int, cols: int) -> np.ndarray:
    """Squares of so many pixels in rows, the rest of the last one gray."""
    sheet = np.full((-(-len(pictures) // cols) * side, cols * side, 3), 128, np.uint8)
    for number, picture in enumerate(pictures):
        row, col = divmod(number, cols)
        sheet[row * side : (row + 1) * side, col * side : (col + 1) * side] = picture
    return sheet


def thumbnails(plan: Plan, layer: str, fields: Fields, indices: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """The strongest patch of each unit `(c, THUMBNAIL, THUMBNAIL, 3)`: of a large field its middle third."""
    channels = np.array(plan.channels[layer])
    boxes = fields.boxes(positions, channels)
    out = np.full((len(indices), THUMBNAIL, THUMBNAIL, 3), 128, np.uint8)
    # Those of one image one after the other, of which no more have to be at hand than a few.
    order = np.argsort(indices, kind="stable")
    for unit in order[indices[order] >= 0]:
        picture = plan.look(int(indices[unit]))
        out[unit] = resized(fields.shown(boxes[unit])(picture), THUMBNAIL)
    return out
