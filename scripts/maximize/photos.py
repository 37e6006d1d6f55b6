"""Photos at hand, and which parts of them excite the channels of a network."""

from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

import jaxviz as jv
import models
from jaxviz import render
from jaxviz.dataset import Scan, Strongest, strongest
from scripts._harness import photo as _photo
from scripts._harness import photo_folder as _photo_folder
from scripts._harness.ascent import Study

_AT_A_TIME = 16


class Photos(NamedTuple):
    """Photos as the network sees them, uint8 `(n, h, w, c)`, and where they come from."""

    source: str
    pixels: np.ndarray

    def images(self, network: models.Network, index: Any = ...) -> jax.Array:
        """Some of them, or all, in the network's own range."""
        return network.normalize(self.pixels[index] / np.float32(255))


def at_hand(network: models.Network, folder: Path | None) -> Photos:
    """Those of the user's folder, or else the samples of scikit-image.

    Raises:
        ValueError: as for `_photo_folder.entries`.
    """
    if folder is None and not _photo_folder.is_set():
        pixels = [_photo.load(name).pixels for name in _photo.SAMPLES]
        source = f"{len(pixels)} samples of scikit-image"
    else:
        entries = _photo_folder.entries(_photo_folder.folder_of(folder))
        pixels = [_photo.load(str(entry.path)).pixels for entry in entries]
        source = f"{len(pixels)} photos of " + ("--photos" if folder else "JAXVIZ_PHOTOS")
    return Photos(source, np.stack([network.crop(photo) for photo in pixels]))


def ranked(shared: Study, photos: Photos, layers: list[str], num: int) -> dict[str, Strongest]:
    """The photos that excite each channel of some layers most."""
    images = np.asarray(photos.images(shared.network))
    return strongest(shared.f, (images, None), layers, num=num, scan=Scan(batch_size=_AT_A_TIME, devices=1))


def sees(shared: Study, layer: str, units: np.ndarray) -> np.ndarray:
    """The part of the image that each unit `(..., row, col, channel)` can see, as a square: `(..., 4)`.

    Of a dense layer it is all of the image.
    """
    fields = jv.receptive_field(shared.f, jax.ShapeDtypeStruct((1, *shared.network.input_shape), np.float32), layer)
    boxes = fields[tuple(np.moveaxis(units, -1, 0))] if fields.ndim == 4 else fields[units[..., 2]]
    size = shared.network.input_shape[0], shared.network.input_shape[1]
    return np.apply_along_axis(lambda box: render.Box(*map(int, box)).square(size), -1, boxes)
