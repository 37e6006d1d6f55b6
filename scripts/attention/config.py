"""The arguments of `scripts.attention`."""

import dataclasses

from scripts._harness.ranges import Folder


@dataclasses.dataclass(frozen=True)
class Config:
    """Which photos, where their objects are, and which network."""

    photos: tuple[str, ...] = ("Egyptian_cat", "soccer_ball", "miniskirt", "ox", "bald_eagle")
    """Names in $JAXVIZ_PHOTOS/imagenet/photos.json, or paths of photos."""
    boxes: tuple[str, ...] = ()
    """top,left,bottom,right of the object in pixels of the file, one for each photo. Those of scripts/_paper/marks.json
    by default."""
    network: str = "squeezenet"
    """The network, one of models.names()."""
    weights: str | None = None
    """A file of weights, or `hub`, for a network without committed ones."""
    layer: str | None = None
    """For Grad-CAM. The last one with maps that are not the classes themselves by default."""
    out: Folder | None = None
    """The folder of the results. By default one of its own under runs/."""
