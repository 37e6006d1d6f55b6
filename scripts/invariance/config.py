"""The arguments of `scripts.invariance`."""

import dataclasses

from scripts._harness.photo_study.options import Options
from scripts._harness.ranges import Count, Finite


@dataclasses.dataclass(frozen=True)
class Config(Options):
    """Which photos, and which layers of which network."""

    photos: tuple[str, ...] = ("great_white_shark", "bald_eagle", "Egyptian_cat", "killer_whale", "soccer_ball")
    """Names in $JAXVIZ_PHOTOS/imagenet/photos.json, or paths of photos."""
    layers: tuple[str, ...] = ()
    """A first, a middle and the top layer by default; `logits` are the outputs. For VGG16 conv1_2 and conv5_2, which
    are 2 and 27 (with its ReLU) as torchvision counts its `features`, and fc2."""
    border: Finite = 0.0
    """What comes in from outside, in the network's own range: 0 is the mean color."""
    batch_size: Count = 16
    """Images that go through the network at a time."""
