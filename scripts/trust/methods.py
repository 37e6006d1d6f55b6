"""What the maps that `scripts.trust` compares are called, and two maps that know nothing of the network."""

import numpy as np
import skimage.filters

from jaxviz.attribution import METHODS

FLOORS = {"edges": "Edges (Sobel)", "random": "Random map"}


def titles(name: str) -> str:
    """What a reader calls it."""
    return FLOORS.get(name) or METHODS[name].title


def floor(name: str, pixels: np.ndarray, seed: tuple[int, int]) -> np.ndarray:
    """A map of the photos `(n, h, w, 3)` alone: their edges, or numbers drawn anew for each `seed`."""
    if name == "edges":
        gray = pixels.mean(-1) / 255
        return np.stack([skimage.filters.sobel(photo) for photo in gray]).astype(np.float32)
    return np.random.default_rng(seed).random(pixels.shape[:3], dtype=np.float32)
