"""The arguments of `scripts.occlude`."""

import dataclasses
from typing import Annotated

from scripts._harness.photo_study.options import Options
from scripts._harness.ranges import Count, Range, Seed


@dataclasses.dataclass(frozen=True)
class Config(Options):
    """Which photos, what is covered, and which network."""

    photos: tuple[str, ...] = ("great_white_shark", "bald_eagle", "assault_rifle")
    """Names in $JAXVIZ_PHOTOS/imagenet/photos.json, or paths of photos."""
    boxes: tuple[str, ...] = ()
    """Boxes to cover together, on every photo. The two sets of scripts/_harness/photo_study/marks.json by default."""
    grid: Annotated[int, Range(2)] | None = None
    """Cells along each side, instead of boxes."""
    cover: Count = 3
    """How many cells of the grid are covered together."""
    draws: Count = 100
    """How many times boxes of the same sizes are covered at random places of the photo, for comparison."""
    layer: str | None = None
    """For Grad-CAM and the strongest channel. The last one with maps that are not the classes themselves by default."""
    window: Count = 32
    """Height and width of the sliding window of the heat map, in pixels of what the network sees."""
    stride: Count = 12
    """Pixels from one window to the next."""
    samples: Count = 25
    """Noisy copies for SmoothGrad."""
    seed: Seed = 0
    """For their noise, and for the random places."""
