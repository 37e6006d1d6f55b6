"""Which part of an image a unit is shown by, and the part as a small square picture."""

import numpy as np
from PIL import Image

from jaxviz.microscope._plan import Plan
from jaxviz.render import Box, field_boxes
from jaxviz.transforms import receptive_field

TILE = 56
"""Pixels of a patch on a unit's page at most: a smaller field is kept pixel by pixel, and enlarged by the browser."""
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
        whole = min(self._shape)
        self.side = whole
        if self._fields is not None:
            ends = self._fields.reshape(-1, 4)
            self.side = int(min(whole, max((ends[:, 2] - ends[:, 0]).max(), (ends[:, 3] - ends[:, 1]).max())))
        self.tile = max(1, min(TILE, self.side))

    @property
    def small(self) -> bool:
        """Whether a patch is shown pixel by pixel."""
        return self.side <= TILE

    def boxes(self, positions: np.ndarray, channels: np.ndarray) -> list[Box]:
        """The field of each unit at its row and column."""
        if self._fields is None:
            return [Box(0, 0, *self._shape)] * len(positions)
        return field_boxes(self._fields, np.concatenate([positions, channels[:, None]], 1), self._shape)

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


def thumbnails(plan: Plan, layer: str, fields: Fields, indices: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """The strongest patch of each unit `(c, THUMBNAIL, THUMBNAIL, 3)`: of a large field its middle third."""
    channels = np.array(plan.channels[layer])
    boxes = fields.boxes(positions, channels)
    out = np.full((len(indices), THUMBNAIL, THUMBNAIL, 3), 128, np.uint8)
    order = np.argsort(indices, kind="stable")
    last, picture = -1, None
    for unit in order:
        if indices[unit] < 0:
            continue
        if indices[unit] != last:
            last = int(indices[unit])
            picture = plan.look(last)
        assert picture is not None
        box = boxes[unit] if fields.small else fields.middle(boxes[unit], max(TILE, fields.side // 3))
        out[unit] = resized(box(picture), THUMBNAIL)
    return out
