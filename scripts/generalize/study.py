"""The arguments of a run turned into values: a trunk, its layers, the photos of a data set."""

import dataclasses
from typing import TYPE_CHECKING, NamedTuple

import jax
import numpy as np

import jaxviz as jv
import models
from models import datasets, transfer
from scripts._harness.depends import of_data, of_network
from scripts._harness.errors import checking
from scripts._harness.networks import network_of
from scripts._harness.run_folder import RunFolder, opened
from scripts._harness.words import spread_over, unknown
from scripts.generalize.folds import most_photos

if TYPE_CHECKING:
    from scripts.generalize.config import Config


class Study(NamedTuple):
    """Everything that the steps of a run share. The first `own_train` photos are the set's own training split."""

    config: "Config"
    network: models.Network
    layers: tuple[str, ...]
    photos: np.ndarray
    labels: np.ndarray
    own_train: int
    folder: RunFolder


def prepare(config: "Config") -> Study:
    """Look at every argument, read the photos, and take the folder.

    Raises:
        ValueError: for the first argument that does not fit.
        FileNotFoundError: for a data set or weights that are not there.
    """
    network = network_of(config.network, config.weights)
    network = transfer.sized(network, network.input_shape[0])
    layers = _layers(network, config.layers)
    with checking(name="--data", split="--data"):
        train, test = (datasets.load(config.data, split, transform=network.crop) for split in ("train", "test"))
    labels = np.concatenate([train.labels, test.labels])
    most = most_photos(labels, len(train.labels), config.folds)
    if max(config.counts) > most:
        raise ValueError(
            f"`--counts` must be at most {most} photos a class for {config.data}, got {max(config.counts)}."
        )
    settings = dataclasses.asdict(config)
    del settings["out"]
    run = {"script": "generalize", **settings, "layers": layers}
    run |= {"weights_sha256": of_network(network), "data_sha256": of_data(train, test)}
    folder = opened(f"generalize-{config.data}-{config.network}", run, config.out)
    photos = np.concatenate([train.images, test.images])
    return Study(config, network, layers, photos, labels, len(train.labels), folder)


def _layers(network: models.Network, wanted: tuple[str, ...]) -> tuple[str, ...]:
    """From shallow to deep; five of them where the user names none."""
    images = jax.ShapeDtypeStruct((1, *network.input_shape), np.float32)
    shapes = {name: shape.shape for name, shape in jv.layers(network, images).items()}
    for layer in wanted:
        if layer not in shapes:
            raise ValueError(unknown("--layers", layer, list(shapes)))
    maps = [name for name, shape in shapes.items() if len(shape) == 4]
    return tuple(sorted(set(wanted), key=list(shapes).index)) or spread_over(maps, shapes, len(network.labels), 5)
