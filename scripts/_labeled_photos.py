"""The user's photos with their classes: a folder named by the environment, with imagenet/photos.json."""

import hashlib
import json
import os
from pathlib import Path
from typing import NamedTuple

import numpy as np

import models
from scripts import _photo


class Labeled(NamedTuple):
    """Photos as a network sees them, uint8 `(n, h, w, 3)`, the class of each, and its name."""

    pixels: np.ndarray
    classes: np.ndarray
    names: tuple[str, ...]

    def pick(self, index: np.ndarray) -> "Labeled":
        """Some of them."""
        return Labeled(self.pixels[index], self.classes[index], tuple(self.names[place] for place in index))

    def sha256(self) -> str:
        """What tells them from other photos."""
        return hashlib.sha256(self.classes.tobytes() + self.pixels.tobytes()).hexdigest()


def labeled(network: models.Network) -> Labeled:
    """All photos of the folder, in its order.

    Raises:
        ValueError: there is no such folder, or the network has other classes than the photos.
    """
    folder = Path(os.environ.get("JAXVIZ_PHOTOS", ".")) / "imagenet"
    if not (folder / "photos.json").is_file():
        raise ValueError(
            f"`JAXVIZ_PHOTOS` must be a folder with imagenet/photos.json, a list of {{file, class, label}}, got "
            f"{os.environ.get('JAXVIZ_PHOTOS')!r}. Set it to yours."
        )
    entries = json.loads((folder / "photos.json").read_text("utf-8"))
    for entry in entries:
        if entry["class"] >= len(network.labels) or network.labels[entry["class"]] != entry["label"]:
            raise ValueError(
                f"`--network` must know the classes of the photos, got {network.name} without {entry['label']!r}."
            )
    pixels = np.stack([network.crop(_photo.load(str(folder / entry["file"])).pixels) for entry in entries])
    # Three equal channels where the network sees one: `normalize` takes both, and pictures are drawn in color.
    pixels = np.broadcast_to(pixels, (*pixels.shape[:3], 3))
    return Labeled(
        pixels, np.array([entry["class"] for entry in entries]), tuple(Path(entry["file"]).stem for entry in entries)
    )
