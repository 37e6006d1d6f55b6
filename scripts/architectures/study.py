"""The arguments of a run turned into values: the networks, their data, and the folder of the results."""

import dataclasses
from typing import TYPE_CHECKING, NamedTuple

import models
from models import training
from models.datasets import Examples, load, size
from scripts._harness.depends import of_data, of_network
from scripts._harness.networks import network_of
from scripts._harness.run_folder import RunFolder, opened
from scripts._harness.words import unknown
from scripts.architectures.aliasing import convolutions

if TYPE_CHECKING:
    from scripts.architectures.config import Config


class Study(NamedTuple):
    """Everything that the steps of a run share; `train` is what the variants learn from."""

    config: "Config"
    networks: tuple[models.Network, ...]
    recipe: training.Recipe
    train: Examples
    test: Examples
    folder: RunFolder


def prepare(config: "Config") -> Study:
    """Look at every argument, read the data, and take the folder.

    Raises:
        ValueError: for the first argument that does not fit.
        FileNotFoundError: for a data set or weights that are not there.
    """
    if len(config.networks) < 2:
        raise ValueError(f"`--networks` must be two or more, got {len(config.networks)}. Name some to compare.")
    for name in config.networks:
        if name not in training.RECIPES:
            raise ValueError(unknown("--networks", name, list(training.RECIPES)))
    datasets = {training.RECIPES[name].dataset for name in config.networks}
    if len(datasets) > 1:
        raise ValueError(f"`--networks` must be of one data set, got some of {' and '.join(sorted(datasets))}.")
    networks = tuple(network_of(name, option="--networks") for name in config.networks)
    if any(len(convolutions(network)) < 2 for network in networks):
        raise ValueError(f"`--networks` must have layers conv1 and conv2, got {', '.join(config.networks)}.")
    (dataset,) = datasets
    for option, value, split in (("--train", config.train, "train"), ("--images", config.images, "test")):
        if value > (most := size(dataset, split)):
            raise ValueError(f"`{option}` must be at most {most}, the images of {dataset}, got {value}.")
    part = f"train[:{config.train}]"
    recipe = training.Recipe(
        dataset, epochs=config.epochs, batch_size=min(64, size(dataset, part)), learning_rate=3e-3, weight_decay=0.01
    )
    settings = dataclasses.asdict(config)
    del settings["out"]
    train, test = load(dataset, part), load(dataset, "test")
    run = {"script": "architectures", **settings, "networks": config.networks}
    run |= {"weights_sha256": [of_network(network) for network in networks], "data_sha256": of_data(train, test)}
    folder = opened("architectures", run, config.out)
    return Study(config, networks, recipe, train, test, folder)
