"""The arguments of a run turned into values: a network, a recipe, the data, and the folder of the results."""

import dataclasses
from typing import TYPE_CHECKING, NamedTuple

import jax

import models
from models import training
from models.datasets import Examples, load, size
from scripts._harness.depends import of_data, of_network
from scripts._harness.errors import checking
from scripts._harness.run_folder import RunFolder, opened

if TYPE_CHECKING:
    from scripts.train.config import Config

_CHANGES = ("epochs", "batch_size", "learning_rate", "weight_decay")


class Study(NamedTuple):
    """Everything that the epochs of a run share; `network` has its first weights."""

    config: "Config"
    network: models.Network
    recipe: training.Recipe
    train: Examples
    test: Examples
    folder: RunFolder


def prepare(config: "Config") -> Study:
    """Look at every argument before anything is written, then read the data.

    Raises:
        ValueError: for the first argument that does not fit.
        FileNotFoundError: the data set is not there.
    """
    if config.network not in training.RECIPES:
        raise ValueError(f"`NETWORK` must be one of {', '.join(training.RECIPES)}, got {config.network!r}.")
    changes = {name: getattr(config, name) for name in _CHANGES if getattr(config, name) is not None}
    recipe = dataclasses.replace(training.RECIPES[config.network], **changes)
    for option, split in (("--train", config.train), ("--test", config.test)):
        with checking(split=option):
            size(recipe.dataset, split)
    run = {
        "script": "train",
        "network": config.network,
        "seed": config.seed,
        "train": config.train,
        "test": config.test,
        **dataclasses.asdict(recipe),
    }
    train, test = load(recipe.dataset, config.train), load(recipe.dataset, config.test)
    network = jax.jit(lambda: models.initialize(config.network, config.seed))()
    with checking(batch_size="--batch-size"):
        training.check(network, recipe, train)
    run |= {"weights_sha256": of_network(network), "data_sha256": of_data(train, test)}
    folder = opened(f"train-{config.network}", run, config.out)
    return Study(config, network, recipe, train, test, folder)
