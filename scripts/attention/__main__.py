"""Where a network looks: Grad-CAM, guided Grad-CAM and the gradient of five photos, and what of each is on the object.

    JAXVIZ_PHOTOS=folder python -m scripts.attention
    python -m scripts.attention --photos my.jpg --boxes 40,60,200,220

Writes `attention.png` and its numbers; the share of a map's energy in a box around the object stands beside the share
of the picture that the box covers. Takes half a minute on two CPU cores. For the soccer ball, SqueezeNet's Grad-CAM
has 49% of its energy in a box of 27% of the picture, guided Grad-CAM 73% and the gradient 33%.
"""

from scripts._harness.clock import Clock
from scripts._harness.command import checking, keep_compiled, start
from scripts.attention.config import Config


def main(config: Config) -> None:
    """Measure, draw, and print the table."""
    clock = Clock()
    with clock("imports"):
        from scripts._harness.networks import network_of
        from scripts._harness.photo_study import photos as _photos
        from scripts._harness.photo_study import study as _study
        from scripts.attention import study as _attention
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
    study.folder.finish(_attention.headline(step), _attention.table(step), clock)


if __name__ == "__main__":
    start(main, Config, __doc__)
