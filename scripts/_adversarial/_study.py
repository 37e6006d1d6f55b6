"""The arguments of `scripts.adversarial` turned into values: a network, a target, photos to make and judge a patch."""

from typing import TYPE_CHECKING, NamedTuple

import jax
import numpy as np
from PIL import Image

import jaxviz as jv
import models
from scripts._explain._study import class_index, spread_over, unknown
from scripts._labeled_photos import Labeled, labeled

if TYPE_CHECKING:
    from scripts.adversarial import Config


class Study(NamedTuple):
    """Everything that the steps of a run share.

    `made` are the photos that the patch is made with, `unseen` those that it is judged on; none is of the target.
    `example` is the middle of a photo of the target, uint8, as large as the patch.
    """

    config: "Config"
    network: models.Network
    target: int
    made: Labeled
    unseen: Labeled
    example: np.ndarray
    layer: str

    @property
    def label(self) -> str:
        """The target in words."""
        return self.network.labels[self.target].replace("_", " ")

    @property
    def degrees(self) -> tuple[float, float]:
        """The turns that a patch may take."""
        return -self.config.degrees, self.config.degrees

    def images(self, photos: Labeled) -> jax.Array:
        """Photos in the network's own range."""
        return self.network.normalize(photos.pixels / np.float32(255))


def prepare(config: "Config") -> Study:
    """Look at every argument before anything is computed or written.

    Raises:
        ValueError: for the first one that does not fit.
    """
    if config.network not in models.names():
        raise ValueError(unknown("--network", config.network, models.names()))
    network = models.load(config.network, config.weights)
    photos = labeled(network)
    target = class_index(config.target, tuple(label.replace("_", " ") for label in network.labels))
    of_target = np.flatnonzero(photos.classes == target)
    if not len(of_target):
        labels = [network.labels[index] for index in photos.classes]
        raise ValueError(unknown("--target", config.target, labels).replace("names", "classes that have a photo"))
    for name in ("size", "steps", "batch", "looked", "pgd_steps"):
        if getattr(config, name) < 1:
            raise ValueError(f"`--{name.replace('_', '-')}` must be at least 1, got {getattr(config, name)}.")
    others = np.flatnonzero(photos.classes != target)
    if not 0 < config.train < len(others):
        raise ValueError(f"`--train` must leave some of {len(others)} photos unseen, got {config.train}.")
    order = np.random.default_rng(config.seed).permutation(others)
    images = jax.ShapeDtypeStruct((1, *network.input_shape), np.float32)
    shapes = {name: shape.shape for name, shape in jv.layers(network, images).items()}
    maps = [name for name, shape in shapes.items() if len(shape) == 4 and min(shape[1:3]) > 1]
    return Study(
        config,
        network,
        target,
        photos.pick(np.sort(order[: config.train])),
        photos.pick(np.sort(order[config.train :])),
        _smaller(photos.pixels[of_target[0]], config.size),
        spread_over(maps, shapes, len(network.labels))[-1],
    )


def _smaller(photo: np.ndarray, size: int) -> np.ndarray:
    return np.asarray(Image.fromarray(photo).resize((size, size), Image.Resampling.BICUBIC))
