"""The page of a unit: a sheet of small pictures in one file, and its numbers in another."""

import dataclasses
from typing import Any, NamedTuple

import numpy as np

from jaxviz import attribution
from jaxviz.microscope._crops import THUMBNAIL, Fields, resized, tiled
from jaxviz.microscope._plan import Plan
from jaxviz.render import Box, gray_centered, responding_box
from jaxviz.transforms import upto

QUANTILES = (0.95, 0.75, 0.5, 0.25, 0.0)
"""Where in the distribution the two examples each stand."""
_BINS = 24
_AT_A_TIME = 16
_CLIPPED = 98.0  # percentile of a projection's absolute values that becomes full color
_SHEET = 9  # tiles to a row


class Patches(NamedTuple):
    """What the units of a layer respond to most.

    Attributes:
        boxes: what is shown of the image, by unit and rank.
        patches: `(c, num, tile, tile, 3)`.
        projections: of the same size, each what excites the unit in its patch.
    """

    boxes: list[list[Box]]
    patches: np.ndarray
    projections: np.ndarray


def patches(plan: Plan, layer: str, fields: Fields, found: dict[str, np.ndarray], units: np.ndarray) -> Patches:
    """Patches and projections of some units, given by their places among those of the layer."""
    channels = np.array(plan.channels[layer])[units]
    indices, positions = found["top.indices"][units], found["top.positions"][units]
    num, tile = indices.shape[1], fields.tile
    flat, places = indices.ravel(), positions.reshape(-1, 2)
    owners = np.repeat(channels, num)
    boxes = fields.boxes(places, owners)
    pictures = np.full((len(flat), tile, tile, 3), 128, np.uint8)
    projections = pictures.copy()
    dense = len(plan.shapes[layer]) == 2
    place = np.concatenate([places, owners[:, None]], 1)
    activations = found["top.activations"][units].ravel()
    there = np.flatnonzero((flat >= 0) & (activations > 0))
    for first in range(0, len(there), _AT_A_TIME):
        some = there[np.minimum(np.arange(first, first + _AT_A_TIME), len(there) - 1)]
        images = plan.images(flat[some])
        if dense:
            # Without places the unit alone goes down: its gradient, by the rule, times its activation.
            down = _gradient(plan, layer, images, owners[some]) * activations[some, None, None, None]
        else:
            down = _project(plan, layer, images, place[some])
        colored = plan.colored(down)
        for number in range(min(_AT_A_TIME, len(there) - first)):
            slot = some[number]
            picture = plan.look(int(flat[slot]))
            if not fields.small:
                boxes[slot] = responding_box(down[number], boxes[slot])
            pictures[slot] = resized(boxes[slot](picture), tile)
            signed = _signed(boxes[slot](colored[number]), tile)
            projections[slot] = gray_centered(signed, percentile=_CLIPPED)
    shape = (len(units), num, tile, tile, 3)
    return Patches(
        [boxes[row * num : (row + 1) * num] for row in range(len(units))],
        pictures.reshape(shape),
        projections.reshape(shape),
    )


def _project(plan: Plan, layer: str, images: np.ndarray, units: np.ndarray) -> np.ndarray:
    layout = plan.layout
    options: dict[str, Any] = {"rule": plan.rules[layer], "channel_axis": layout.channel_axis, "grid": layout.grid}
    return np.asarray(attribution.project(plan.f, images, layer, units[:, None], **options))[:, 0]


def _gradient(plan: Plan, layer: str, images: np.ndarray, units: np.ndarray) -> np.ndarray:
    rule: Any = plan.rules[layer]
    return np.asarray(attribution.saliency(upto(plan.f, layer), images, units, rule=rule))


def _signed(projection: np.ndarray, tile: int) -> np.ndarray:
    """A projection smaller by whole pixels while it is signed: of the colors most would average out."""
    times = max(1, round(len(projection) / tile))
    rows, cols = (size // times * times for size in projection.shape[:2])
    small = projection[:rows, :cols].reshape(rows // times, times, cols // times, times, 3).mean((1, 3))
    index = [np.arange(tile) * size // tile for size in small.shape[:2]]
    return small[np.ix_(*index)]


@dataclasses.dataclass
class Sheet:
    """Tiles of one size in rows, and thumbnails below: all pictures of a unit's page in one file."""

    tile: int
    tiles: list[np.ndarray] = dataclasses.field(default_factory=list)
    thumbnails: list[np.ndarray] = dataclasses.field(default_factory=list)
    large: list[np.ndarray] = dataclasses.field(default_factory=list)

    def add(self, picture: np.ndarray) -> int:
        """The number of the tile."""
        self.tiles.append(picture)
        return len(self.tiles) - 1

    def add_thumbnail(self, picture: np.ndarray) -> int:
        """The number of the thumbnail."""
        self.thumbnails.append(picture)
        return len(self.thumbnails) - 1

    def draw(self) -> np.ndarray:
        """The sheet; places in it follow from the numbers, see `layout`."""
        width, height = self.size()
        sheet = np.full((height, width, 3), 128, np.uint8)
        for pictures, (side, top, cols) in zip((self.large, self.tiles, self.thumbnails), self.layout(), strict=True):
            if pictures:
                part = tiled(pictures, side, cols)
                sheet[top : top + len(part), : part.shape[1]] = part
        return sheet

    def layout(self) -> list[tuple[int, int, int]]:
        """Side, top and columns of the large pictures, the tiles and the thumbnails."""
        width, top, out = self._width(), 0, []
        for pictures, side in self._groups():
            cols = max(1, width // side)
            out.append((side, top, cols))
            top += -(-len(pictures) // cols) * side
        return out

    def size(self) -> tuple[int, int]:
        """Width and height."""
        side, top, cols = self.layout()[-1]
        return self._width(), max(1, top + -(-len(self.thumbnails) // cols) * side)

    def _width(self) -> int:
        return max(_SHEET * self.tile, 4 * THUMBNAIL if self.thumbnails else 1, len(self.large[0]) if self.large else 1)

    def _groups(self) -> list[tuple[list[np.ndarray], int]]:
        large = len(self.large[0]) if self.large else 1
        return [(self.large, large), (self.tiles, self.tile), (self.thumbnails, THUMBNAIL)]


class Histogram(NamedTuple):
    """Counts in bins of equal width from `low` to `high`."""

    low: float
    high: float
    counts: list[int]


def histogram(values: np.ndarray) -> Histogram:
    """Of the sample, from its lowest to its highest value, with zero."""
    low, high = float(min(values.min(), 0)), float(max(values.max(), 0))
    if low == high:
        return Histogram(low, high, [len(values)])
    counts, _ = np.histogram(values, _BINS, (low, high))
    return Histogram(low, high, counts.tolist())


def examples_at(values: np.ndarray) -> list[list[int]]:
    """Two places in the sample at each of the quantiles: the nearest below and above it."""
    order = np.argsort(values, kind="stable")
    last = len(order) - 1
    pairs = []
    for quantile in QUANTILES:
        place = min(round(quantile * last), max(last - 1, 0))
        pairs.append([int(order[place]), int(order[min(place + 1, last)])])
    return pairs


def flag(zeros: float, highest: float, lowest: float, silent: float) -> str:
    """`dead` where nothing ever excites it, `always` where no image leaves it at rest, or nothing."""
    if highest <= 0 or highest == lowest:
        return "dead"
    return "always" if silent == 0 and zeros == 0 and lowest > 0 else ""
