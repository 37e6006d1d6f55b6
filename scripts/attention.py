"""Where a network looks: Grad-CAM, guided Grad-CAM and the gradient of five photos, and what of each is on the object.

    JAXVIZ_PHOTOS=folder python -m scripts.attention
    python -m scripts.attention --photos my.jpg --boxes 40,60,200,220

Writes `attention.png` and its numbers; the share of a map's energy in a box around the object stands beside the share
of the picture that the box covers. Takes half a minute on two CPU cores. For the soccer ball, SqueezeNet's Grad-CAM
has 49% of its energy in a box of 27% of the picture, guided Grad-CAM 73% and the gradient 33%.
"""

import dataclasses

from scripts._clock import Clock
from scripts._command import checking, keep_compiled, start
from scripts._ranges import Folder


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


def main(config: Config) -> None:
    """Measure, draw, and print the table."""
    clock = Clock()
    with clock("imports"):
        from scripts._networks import network_of
        from scripts._paper import _attention, _photos, _study
    with clock("arguments"), checking():
        network = network_of(config.network, config.weights)
        layer = _study.cam_layer(network, config.layer)
        photos = _photos.load(config.photos, network)
        boxes = _attention.boxes_of(config.boxes, photos, network)
        study = _study.prepare("attention", config, photos, network, layer=layer, places=[list(box) for box in boxes])
    keep_compiled()
    with clock("measure"):
        if not study.folder.finished("attention"):
            study.folder.save("attention", _attention.measure(study, layer, boxes))
        step = study.folder.load("attention")
    with clock("draw"):
        study.folder.write("attention.png", _attention.draw(study, step))
    study.folder.finish(_attention.table(step), clock)


if __name__ == "__main__":
    start(main, Config, __doc__)
