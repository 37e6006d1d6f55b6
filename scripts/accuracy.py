"""Puts labeled photos into classes, and reports how many land right.

Command: JAXVIZ_PHOTOS=folder python -m scripts.accuracy squeezenet
Takes 15 s on two cores for 115 photos. The folder holds imagenet/photos.json, a list of {"file", "class", ...}.
Photos that a network may have been trained on check its weights and preprocessing; they are no validation set.
"""

import json
import os
import sys
from pathlib import Path
from typing import Annotated

import jax
import jax.numpy as jnp
import numpy as np
import tyro
from tqdm import tqdm

import models
from scripts import _photo


def accuracy(network: models.Network, folder: Path) -> dict[str, float]:
    """Shares of photos whose class is the first, or among the first five."""
    photos = json.loads((folder / "photos.json").read_text())
    logits = jax.jit(lambda network, images: network(images))
    ranks = []
    for photo in tqdm(photos, unit="photo", file=sys.stderr):
        image = network.preprocess(_photo.load(str(folder / photo["file"])).pixels)
        scores = logits(network, image)[0]
        ranks.append(int(jnp.sum(scores > scores[photo["class"]])))
    return {
        "photos": len(ranks),
        "top1": float(np.mean(np.array(ranks) < 1)),
        "top5": float(np.mean(np.array(ranks) < 5)),
    }


def main(network: Annotated[str, tyro.conf.Positional] = "squeezenet", photos: Path | None = None) -> None:
    """Prints the accuracies as JSON.

    Args:
        network: a name from `models.names()`.
        photos: folder with photos.json; by default imagenet/ in $JAXVIZ_PHOTOS.
    """
    folder = photos or Path(os.environ.get("JAXVIZ_PHOTOS", ".")) / "imagenet"
    if not (folder / "photos.json").is_file():
        sys.exit(f"`photos` must be a folder with photos.json, got {folder}. Set JAXVIZ_PHOTOS or give --photos.")
    print(json.dumps({"network": network, **accuracy(models.load(network), folder)}))


if __name__ == "__main__":
    tyro.cli(main)
