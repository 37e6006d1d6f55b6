"""The user's photos with their classes, as a network sees them."""

import hashlib
from pathlib import Path
from typing import NamedTuple

import numpy as np

import models
from scripts._harness import photo as _photo
from scripts._harness import photo_folder as _photo_folder


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


def labeled(network: models.Network, folder: Path | None = None) -> Labeled:
    """All photos of a folder, by default the environment's, in its order.

    Raises:
        ValueError: there is no such folder, or the network has other classes than the photos.
    """
    entries = _photo_folder.entries(_photo_folder.folder_of(folder))
    classes = _photo_folder.classes(entries, network.labels, network.name)
    pixels = np.stack([network.crop(_photo.load(str(entry.path)).pixels) for entry in entries])
    # Three equal channels where the network sees one: `normalize` takes both, and pictures are drawn in color.
    pixels = np.broadcast_to(pixels, (*pixels.shape[:3], 3))
    return Labeled(pixels, np.array(classes), tuple(entry.path.stem for entry in entries))
