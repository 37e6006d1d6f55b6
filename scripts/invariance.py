"""How a network's features and its class survive shifts, zooms, turns, blur and more or less light.

    JAXVIZ_PHOTOS=folder python -m scripts.invariance
    python -m scripts.invariance --photos my.jpg other.jpg --network vgg16 --weights vgg16-397923af.pth

Writes `invariance.png`, curves for each photo after Zeiler and Fergus 2014, figure 5, and its numbers. Takes about half
a minute on two CPU cores for SqueezeNet, 5 photos and 141 amounts of 6 transformations: 705 passes in one program.
Areas under the curves are printed; for SqueezeNet and vertical translation
0.93 at conv1, 0.98 at fire5, 0.17 at the logits, which a shift moves least; blur moves all: 0.51, 0.71, 0.44.
"""

import dataclasses

from scripts._clock import Clock
from scripts._command import checking, keep_compiled, start
from scripts._ranges import Count, Finite, Folder


@dataclasses.dataclass(frozen=True)
class Config:
    """Which photos, and which layers of which network."""

    photos: tuple[str, ...] = ("great_white_shark", "bald_eagle", "Egyptian_cat", "killer_whale", "soccer_ball")
    """Names in $JAXVIZ_PHOTOS/imagenet/photos.json, or paths of photos."""
    network: str = "squeezenet"
    """The network, one of models.names()."""
    weights: str | None = None
    """A file of weights, or `hub`, for a network without committed ones."""
    layers: tuple[str, ...] = ()
    """A first, a middle and the top layer by default; `logits` are the outputs. For VGG16 conv1_2 and conv5_2, which
    are 2 and 27 (with its ReLU) as torchvision counts its `features`, and fc2."""
    border: Finite = 0.0
    """What comes in from outside, in the network's own range: 0 is the mean color."""
    batch_size: Count = 16
    """Images that go through the network at a time."""
    out: Folder | None = None
    """The folder of the results. By default one of its own under runs/."""


def main(config: Config) -> None:
    """Measure everything in one call, draw it, print the areas."""
    clock = Clock()
    with clock("imports"):
        from scripts._networks import network_of
        from scripts._paper import _invariance, _photos, _study
    with clock("arguments"), checking():
        network = network_of(config.network, config.weights)
        layers = _study.check_layers(network, config.layers or _invariance.default_layers(network))
        photos = _photos.load(config.photos, network)
        study = _study.prepare("invariance", config, photos, network, layers=layers)
    keep_compiled()
    with clock("measure"):
        step = study.folder.load("invariance") if study.folder.finished("invariance") else None
        if step is None:
            step = _invariance.measure(study, layers)
            study.folder.save("invariance", step)
    with clock("draw"):
        study.folder.write("invariance.png", _invariance.draw(study, step))
    study.folder.finish(_invariance.table(step), clock)


if __name__ == "__main__":
    start(main, Config, __doc__)
