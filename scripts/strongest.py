"""What excites the channels of a network most in a data set, and what of it does: Zeiler and Fergus 2014, figure 2.

    JAXVIZ_PHOTOS=folder python -m scripts.strongest squeezenet
    TFDS_DATA_DIR=folder python -m scripts.strongest cifar_small
    TFDS_DATA_DIR=folder python -m scripts.strongest cifar_small --filters conv1:3 conv2:30 --num 5 --score norm

For each layer `LAYER.png`: channels by the seed, each with deconvnet projections of its strongest responses beside the
patches of the images that its units see, and `strongest.json`, which images and places those are.

Takes two minutes of CPU time with SqueezeNet on 115 photos, and 16 seconds with `cifar_small` on 10,000 images. Of 256
channels of fire5 one is silent, of 64 of conv1 none.
"""

import dataclasses
from typing import Annotated, Literal

import tyro

from scripts._clock import Clock
from scripts._command import checking, keep_compiled, start
from scripts._ranges import Count, Seed
from scripts._scan._options import Options, Scanning, join


@dataclasses.dataclass(frozen=True)
class Config:
    """Which channels, and how images are ranked."""

    network: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="NETWORK")] = "squeezenet"
    """One of models.names()."""
    layers: tuple[str, ...] = ()
    """All with maps by default, but for pools."""
    channels: Count = 16
    """How many of each layer, drawn by the seed among those that anything excites."""
    filters: tuple[str, ...] = ()
    """Instead of those: LAYER:CHANNEL, as in conv1:3, in one picture `filters.png`."""
    num: Count = 9
    """Images of each channel."""
    score: Literal["max", "mean", "norm"] = "max"
    """What images are ranked by: the strongest response; or the mean, or the norm, of the channel's whole map, of which
    the projection is then made."""
    rule: Literal["deconvnet", "guided"] = "deconvnet"
    """How the projection passes a ReLU."""
    seed: Seed = 0
    """Of the channels."""
    scan: Options = dataclasses.field(default_factory=Scanning)


def main(config: Config) -> None:
    """One pass over the data, then the projections of each layer."""
    clock = Clock()
    with clock("imports"):
        with checking():
            join(config.scan.distributed)
        from scripts._strongest import _measure, _show
    with clock("arguments"), checking():
        study = _measure.prepare(config)
    keep_compiled()
    with clock("measure"):
        steps = _measure.measure(study)
    study.run.finish(lambda: _show.files(study, steps), lambda: _show.table(study, steps), clock)


if __name__ == "__main__":
    start(main, Config, __doc__)
