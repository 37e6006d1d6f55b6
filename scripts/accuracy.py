"""Puts labeled photos into classes, and reports how many land right.

    JAXVIZ_PHOTOS=folder python -m scripts.accuracy squeezenet
    python -m scripts.accuracy vgg16 --weights hub --photos folder

Takes 15 s on two cores for 115 photos. What a folder of photos has to hold: python -m scripts.photos --help.
Photos that a network may have been trained on check its weights and preprocessing; they are no validation set. One that
does not know the classes of the photos is refused.
"""

import dataclasses
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from scripts._command import checking, keep_compiled, start

if TYPE_CHECKING:
    import models


@dataclasses.dataclass(frozen=True)
class Config:
    """Which network, and which photos."""

    network: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="NETWORK")] = "squeezenet"
    """One of models.names()."""
    weights: str | None = None
    """A file of weights, or `hub`, for a network without committed ones."""
    photos: Path | None = None
    """a folder of labeled photos; $JAXVIZ_PHOTOS by default."""


def accuracy(network: "models.Network", paths: Sequence[Path], classes: Sequence[int]) -> dict[str, float]:
    """Shares of photos whose class is the first, or among the first five."""
    import jax
    import jax.numpy as jnp
    import numpy as np
    from tqdm import tqdm

    import jaxviz as jv
    from scripts import _photo

    logits = jax.jit(jv.fast_on_cpu(lambda network, images: network(images)))
    ranks = []
    for path, number in zip(tqdm(paths, unit="photo", file=sys.stderr), classes, strict=True):
        scores = logits(network, network.preprocess(_photo.load(str(path)).pixels))[0]
        ranks.append(int(jnp.sum(scores > scores[number])))
    return {
        "photos": len(ranks),
        "top1": float(np.mean(np.array(ranks) < 1)),
        "top5": float(np.mean(np.array(ranks) < 5)),
    }


def main(config: Config) -> None:
    """Prints the accuracies as JSON."""
    with checking():
        from scripts import _photo_folder
        from scripts._networks import network_of

        network = network_of(config.network, config.weights, "NETWORK")
        entries = _photo_folder.entries(_photo_folder.folder_of(config.photos))
        classes = _photo_folder.classes(entries, network.labels, network.name)
    keep_compiled()
    paths = [entry.path for entry in entries]
    print(json.dumps({"network": config.network, **accuracy(network, paths, classes)}))


if __name__ == "__main__":
    start(main, Config, __doc__)
