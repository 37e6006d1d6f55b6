"""The arguments of `scripts.compression`."""

import dataclasses
from typing import Annotated

from scripts._harness.photo_study.options import Options
from scripts._harness.ranges import Range


@dataclasses.dataclass(frozen=True)
class Config(Options):
    """Which photos, how strongly compressed, and which layers of which network."""

    photos: tuple[str, ...] = ("great_white_shark", "bald_eagle", "Egyptian_cat", "killer_whale", "soccer_ball")
    """Names in $JAXVIZ_PHOTOS/imagenet/photos.json, or paths of photos."""
    qualities: Annotated[tuple[int, ...], Range(1, 95)] = (95, 75, 50, 30, 20, 15, 10, 7, 5, 3, 1)
    """JPEG qualities, from 1 to 95."""
    layers: tuple[str, ...] = ()
    """Whose features are followed: a first, a middle and the top layer by default; `logits` are the outputs."""
