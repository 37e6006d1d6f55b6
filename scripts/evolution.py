"""How what the channels of a network respond to came about in its training: Zeiler and Fergus 2014, section 4.

    TFDS_DATA_DIR=folder python -m scripts.evolution cifar_small
    TFDS_DATA_DIR=folder python -m scripts.evolution cifar_small --checkpoints runs/train-cifar_small

`evolution.png`: a row per channel, a column per epoch, in each the projection of the strongest response of all images
beside the patch it came from; the same animated, `evolution.webp` and `evolution.gif`. `settling.png`: how far each
layer's activations are ordered as in the trained network, and the loss under it. And the JSON of all of them.

Takes four minutes of CPU time with `cifar_small`, 6 epochs and 10,000 images. Rank correlations after epoch 2: conv1
0.805, conv2 0.649, conv3 0.554.
"""

import dataclasses
from pathlib import Path
from typing import Annotated

import tyro

from scripts._clock import Clock
from scripts._command import checking, keep_compiled, start
from scripts._ranges import Count, Seed
from scripts._scan._options import Options, Scanning, join


@dataclasses.dataclass(frozen=True)
class Config:
    """Which training, and which channels."""

    network: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="NETWORK")] = "cifar_small"
    """One of models.names()."""
    checkpoints: Path = Path("checkpoints")
    """A folder with NETWORK-epoch-04.safetensors and others, or what scripts.train wrote: weights-epoch-04.safetensors.
    The last epoch is the trained network."""
    layers: tuple[str, ...] = ()
    """Of the channels. The convolutions by default."""
    channels: Count = 6
    """How many of each layer, drawn by the seed."""
    seed: Seed = 0
    """Of the channels."""
    scan: Options = dataclasses.field(default_factory=Scanning)


def main(config: Config) -> None:
    """Passes with every checkpoint, then the figures."""
    clock = Clock()
    with clock("imports"):
        with checking():
            join(config.scan.distributed)
        from scripts._evolution import _measure, _show
    with clock("arguments"), checking():
        study = _measure.prepare(config)
    keep_compiled()
    with clock("measure"):
        steps = _measure.measure(study)
    study.run.finish(lambda: _show.files(study, steps), lambda: _show.table(study, steps), clock)


if __name__ == "__main__":
    start(main, Config, __doc__)
