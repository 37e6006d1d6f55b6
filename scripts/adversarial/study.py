"""The arguments of `scripts.adversarial` turned into values: a network, a target, photos to make and judge a patch."""

import dataclasses
import functools
from typing import TYPE_CHECKING, NamedTuple

import jax
import numpy as np
from PIL import Image

import jaxviz as jv
import models
from scripts._harness.depends import of_data, of_network
from scripts._harness.errors import checking
from scripts._harness.labeled_photos import Labeled, labeled
from scripts._harness.networks import network_of
from scripts._harness.run_folder import RunFolder, opened
from scripts._harness.words import class_index, spread_over, unknown

if TYPE_CHECKING:
    from scripts.adversarial.config import Config


FACTORS = (0.5, 0.75, 1.0, 1.25, 1.5)
"""Of the size of the patch, by which it is judged."""


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
    folder: RunFolder

    @property
    def label(self) -> str:
        """The target in words."""
        return _words(self.network.labels[self.target])

    @property
    def degrees(self) -> tuple[float, float]:
        """The turns that a patch may take."""
        return -self.config.degrees, self.config.degrees

    def images(self, photos: Labeled) -> jax.Array:
        """Photos in the network's own range."""
        return self.network.normalize(photos.pixels / np.float32(255))


def prepare(config: "Config") -> Study:
    """Look at every argument before anything is computed or written, and take the folder.

    Raises:
        ValueError: for the first one that does not fit.
    """
    if config.scales[0] > config.scales[1]:
        raise ValueError(f"`--scales` must be the smaller factor first, got {config.scales[0]} and {config.scales[1]}.")
    network = network_of(config.network, config.weights)
    shape = jax.ShapeDtypeStruct((1, *network.input_shape), np.float32)
    for scales in (config.scales, (max(FACTORS), max(FACTORS))):
        _check_placement(config, shape, scales)
    photos = labeled(network, config.photos)
    target = class_index(config.target, tuple(map(_words, network.labels)), "--target")
    of_target = np.flatnonzero(photos.classes == target)
    if not len(of_target):
        labels = [network.labels[index] for index in photos.classes]
        raise ValueError(unknown("--target", config.target, labels).replace("names", "classes that have a photo"))
    others = np.flatnonzero(photos.classes != target)
    if len(others) < 2:
        raise ValueError(f"`--photos` must have two or more of other classes than {config.target}, got {len(others)}.")
    train = config.train or max(1, round(0.65 * len(others)))
    if train >= len(others):
        raise ValueError(f"`--train` must leave some of {len(others)} photos unseen, got {train}.")
    rest = len(others) - train
    if config.looked is not None and config.looked > rest:
        raise ValueError(f"`--looked` must be at most {rest}, the unseen photos, got {config.looked}.")
    config = dataclasses.replace(config, train=train, looked=config.looked or min(12, rest))
    order = np.random.default_rng(config.seed).permutation(others)
    shapes = {name: found.shape for name, found in jv.layers(network, shape).items()}
    maps = [name for name, shape in shapes.items() if len(shape) == 4 and min(shape[1:3]) > 1]
    layer = spread_over(maps, shapes, len(network.labels))[-1]
    made, unseen = photos.pick(np.sort(order[:train])), photos.pick(np.sort(order[train:]))
    example = _smaller(photos.pixels[of_target[0]], config.size)
    run = {"script": "adversarial", **dataclasses.asdict(config)}
    del run["out"], run["photos"]
    run |= {
        "target": _words(network.labels[target]),
        "weights_sha256": of_network(network),
        "sha256": of_data(made, unseen, example),
        "layer": layer,
    }
    folder = opened(f"adversarial-{config.network}", run, config.out)
    return Study(config, network, target, made, unseen, example, layer, folder)


def _words(label: str) -> str:
    return label.replace("_", " ")


def _check_placement(config: "Config", image: jax.ShapeDtypeStruct, scales: tuple[float, float]) -> None:
    """Whether the patch fits into the photos at its largest."""
    patch = jax.ShapeDtypeStruct((config.size, config.size, image.shape[-1]), np.float32)
    options = {"scales": scales, "degrees": (-config.degrees, config.degrees), "circular": config.circular}
    with checking(size="--size", scales="--scales"):
        paste = functools.partial(jv.robustness.paste_patch, **options)
        jax.eval_shape(lambda image, patch: paste(image, patch, key=jax.random.key(0)), image, patch)


def _smaller(photo: np.ndarray, size: int) -> np.ndarray:
    return np.asarray(Image.fromarray(photo).resize((size, size), Image.Resampling.BICUBIC))
