"""The arguments of `scripts.attention`."""

import dataclasses

from scripts._harness.photo_study.options import Options


@dataclasses.dataclass(frozen=True)
class Config(Options):
    """Which photos, where their objects are, and which network."""

    photos: tuple[str, ...] = ("Egyptian_cat", "soccer_ball", "miniskirt", "ox", "bald_eagle")
    """Names in $JAXVIZ_PHOTOS/imagenet/photos.json, or paths of photos."""
    boxes: tuple[str, ...] = ()
    """top,left,bottom,right of the object in pixels of the file, one for each photo. Those of
    scripts/_harness/photo_study/marks.json by default."""
    layer: str | None = None
    """For Grad-CAM. The last one with maps that are not the classes themselves by default."""
