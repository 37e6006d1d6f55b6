"""Puts labeled photos into classes, and reports how many land right.

    JAXVIZ_PHOTOS=folder python -m scripts.accuracy squeezenet
    python -m scripts.accuracy vgg16 --weights hub --photos folder

Takes 15 s on two cores for 115 photos. What a folder of photos has to hold: python -m scripts.photos --help.
Photos that a network may have been trained on check its weights and preprocessing; they are no validation set. One that
does not know the classes of the photos is refused.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from scripts._harness.command import checking, keep_compiled, start

if TYPE_CHECKING:
    import models
from scripts.accuracy.config import Config


def accuracy(network: "models.Network", paths: Sequence[Path], classes: Sequence[int]) -> dict[str, float]:
    """Shares of photos whose class is the first, or among the first five."""
    import jax
    import jax.numpy as jnp
    import numpy as np
    from tqdm import tqdm

    import jaxviz as jv
    from scripts._harness import photo as _photo

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
        from scripts._harness import photo_folder as _photo_folder
        from scripts._harness.networks import network_of

        network = network_of(config.network, config.weights, "NETWORK")
        entries = _photo_folder.entries(_photo_folder.folder_of(config.photos))
        classes = _photo_folder.classes(entries, network.labels, network.name)
    keep_compiled()
    paths = [entry.path for entry in entries]
    print(json.dumps({"network": config.network, **accuracy(network, paths, classes)}))


if __name__ == "__main__":
    start(main, Config, __doc__)
