"""The arguments of `scripts.maximize`."""

import dataclasses
from pathlib import Path
from typing import Annotated, Literal

import tyro

from scripts._harness.ascent_options import Ascent
from scripts._harness.ranges import Count, Folder, Natural, Range

_Ascent = Annotated[Ascent, tyro.conf.arg(name="")]


@dataclasses.dataclass(frozen=True)
class Classes:
    """What classes ask for, animated, and in several orientations."""

    classes: tuple[str, ...] = ()
    """Numbers or labels. By default the great white shark, the bald eagle and the assault rifle."""
    objective: Literal["both", "logit", "log_probability"] = "both"
    """What grows: the class alone, the class against all others, or the sum of the two."""
    orientations: Natural = 4
    """How many images of a class that must differ; 0 for none."""
    diversity: Annotated[float, Range(0)] = 50.0
    """How much it counts that they differ, against the objective."""
    diversity_layer: str | None = None
    """Where they must differ. One of the deep layers by default."""
    ascent: _Ascent = Ascent()
    out: Folder | None = None
    """The folder of the results. By default one of its own under runs/."""


@dataclasses.dataclass(frozen=True)
class Filters:
    """What filters ask for; with JAXVIZ_PHOTOS also which photos excite them most."""

    layers: tuple[str, ...] = ()
    """By default the first two convolutions, four deeper ones and the dense layers."""
    first: Count = 64
    """How many channels of the first two layers."""
    random: Count = 16
    """How many channels of each other layer, drawn by the seed."""
    size: Count = 128
    """Height and width of the images in pixels, where the network takes any."""
    photos: Path | None = None
    """A folder of photos, labeled or not; $JAXVIZ_PHOTOS by default, and none without it."""
    num_photos: Count = 4
    """How many photos beside each image."""
    ascent: _Ascent = Ascent(steps=128)
    out: Folder | None = None
    """The folder of the results. By default one of its own under runs/."""


@dataclasses.dataclass(frozen=True)
class Sweep:
    """A class under several weights of total variation; and two classes, each alone and both in one image."""

    target: str | None = None
    """The class, its number or its label. The great white shark by default."""
    tv_weights: Annotated[tuple[float, ...], Range(0)] = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
    """What a mean difference of one gray level (of 255) between neighbors costs, in logits."""
    certain: Annotated[float, Range(0, 1, open=True)] = 0.9
    """Of the images whose class has this probability in unseen views, the smoothest is picked."""
    ascent: _Ascent = Ascent()
    out: Folder | None = None
    """The folder of the results. By default one of its own under runs/."""


@dataclasses.dataclass(frozen=True)
class Photo:
    """What units saw in a photo, and what they ask for."""

    photo: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="PHOTO")]
    """A path, or a sample of scikit-image: astronaut, chelsea, coffee, rocket."""
    layers: tuple[str, ...] = ()
    """Four from shallow to deep by default."""
    units: Count = 5
    """How many units of a layer: those that the photo excites most, relative to other photos."""
    photos: Path | None = None
    """The folder of those; $JAXVIZ_PHOTOS by default, and without it the samples of scikit-image."""
    ascent: _Ascent = Ascent(steps=128)
    out: Folder | None = None
    """The folder of the results. By default one of its own under runs/."""


Config = Classes | Filters | Sweep | Photo
