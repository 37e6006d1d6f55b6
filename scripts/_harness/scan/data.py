"""The data that a study goes over, by name."""

import dataclasses
from typing import Any, NamedTuple

import jax
import numpy as np

import models
from models import datasets, training
from models._prepared import Source
from scripts._harness import labeled_photos as _labeled_photos
from scripts._harness.depends import of_data
from scripts._harness.errors import checking
from scripts._harness.scan.options import Scanning

PHOTOS = "photos"


class Data(NamedTuple):
    """Images as bytes, with their classes.

    `dataset` is what `jv.dataset.Scan` reads; `sha256` tells the data from others.
    """

    name: str
    split: str
    dataset: Any
    size: int
    labels: tuple[str, ...]
    sha256: str

    def picture(self, index: int) -> np.ndarray:
        """One image as uint8 (h, w, 3)."""
        image = self.dataset[0][index] if isinstance(self.dataset, tuple) else self.dataset[int(index)][0]
        return np.broadcast_to(image, (*image.shape[:2], 3))

    def label(self, index: int) -> int:
        """Its class."""
        return int(self.dataset[1][index] if isinstance(self.dataset, tuple) else self.dataset[int(index)][1])


@dataclasses.dataclass(frozen=True)
class Normalized:
    """From bytes to the range of a network: the same object for the same network, so that programs are reused."""

    spec: models.Spec

    def __call__(self, images: Any) -> jax.Array:
        """The batch as the network gets it."""
        return models.Network(None, None, self.spec).normalize(images / np.float32(255))


def default_name(network: models.Network) -> str:
    """The data that a network was trained on, or the user's photos."""
    recipe = training.RECIPES.get(network.name)
    return recipe.dataset if recipe else PHOTOS


def labeled(network: models.Network, scan: Scanning, *, keep: bool = False) -> Data:
    """The data, as `find` gives them, of classes that the network knows.

    Raises:
        ValueError: as for `find`, or data of other classes.
        UsageError: as for `find`.
    """
    data = find(network, scan, keep=keep)
    if data.labels != network.labels[: len(data.labels)]:
        raise ValueError(f"`--data` must have the classes of {network.name}, got {data.name}. Choose another.")
    return data


def find(network: models.Network, scan: Scanning, split: str | None = None, *, keep: bool = False) -> Data:
    """The data, read one example at a time as they are needed; or all of them now, which is quicker for small ones.

    Args:
        network: whose input the images must fit.
        scan: which data. Those that the network was trained on are kept in memory.
        split: of the set; that of `scan` by default.
        keep: whether another one is kept too, for studies that pass over it often.

    Raises:
        ValueError: photos that are not there, or of other classes.
        UsageError: a set or a split that is not there; more devices than there are.
    """
    if not 1 <= (scan.devices or 1) <= jax.local_device_count():
        raise ValueError(f"`--devices` must be in 1..{jax.local_device_count()}, got {scan.devices}.")
    if scan.photos is not None and scan.data not in (None, PHOTOS):
        raise ValueError(f"`--photos` must not be given with other `--data`, got {scan.data!r}. Drop one.")
    name = PHOTOS if scan.photos is not None else scan.data or default_name(network)
    if name == PHOTOS:
        photos = _labeled_photos.labeled(network, scan.photos)
        channels = network.input_shape[2]
        return Data(
            name,
            "",
            (photos.pixels[..., :channels], photos.classes),
            len(photos.classes),
            network.labels,
            photos.sha256(),
        )
    own = name == default_name(network)
    transform = None if own else network.crop
    option = "--split" if split is None else "--rank-on"
    split = split or scan.split
    with checking(name="--data", split=option):
        source = datasets.load(name, split, transform=transform) if keep or own else Source(name, split, transform)
    dataset = (source.images, source.labels) if isinstance(source, datasets.Examples) else source
    size = len(dataset[0]) if isinstance(dataset, tuple) else len(dataset)
    sha256 = of_data(dataset if isinstance(dataset, tuple) else dataset.fingerprint)
    return Data(name, split, dataset, size, datasets.labels(name), sha256)
