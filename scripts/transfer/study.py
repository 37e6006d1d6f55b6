"""The arguments of a run turned into values: a trunk, its layers, the photos of a data set in two sizes."""

import dataclasses
from typing import TYPE_CHECKING, NamedTuple

import jax
import numpy as np

import jaxviz as jv
import models
from models import datasets, transfer
from models.datasets import Examples
from models.training import Recipe
from scripts._harness.depends import of_data, of_network
from scripts._harness.errors import checking
from scripts._harness.networks import check_size, network_of
from scripts._harness.run_folder import RunFolder, opened
from scripts._harness.words import unknown

if TYPE_CHECKING:
    from scripts.transfer.config import Config


class Study(NamedTuple):
    """Everything that the steps of a run share.

    `trunks` are the trained trunk for each size of photos, `examples` the photos; the first size is for the frozen
    trunk, the last one for the training from scratch.
    """

    config: "Config"
    sizes: tuple[int, ...]
    trunks: dict[int, models.Network]
    examples: dict[int, Examples]
    classes: tuple[str, ...]
    layers: tuple[str, ...]
    head: Recipe
    scratch: Recipe | None
    folder: RunFolder


def prepare(config: "Config") -> Study:
    """Look at every argument, read the photos, and take the folder.

    Raises:
        ValueError: for the first argument that does not fit.
        FileNotFoundError: for a data set or weights that are not there.
    """
    network = network_of(config.network, config.weights)
    own = network.input_shape[0]
    wanted = [config.size or (320 if network.spec.any_size else own)]
    wanted += [config.scratch_size or (128 if network.spec.any_size else own)] if config.scratch_epochs else []
    sizes = tuple(dict.fromkeys(wanted))
    with checking(size="--size" if config.size else "--scratch-size"):
        trunks = {size: transfer.sized(network, size) for size in sizes}
    for size, trunk in trunks.items():
        check_size(trunk, "--size" if size == sizes[0] else "--scratch-size")
    layers = _layers(network, config.layers)
    with checking(name="--data", split="--data"):
        classes = datasets.labels(config.data)
        examples = {size: datasets.load(config.data, "train", transform=trunks[size].crop) for size in sizes}
    settings = dataclasses.asdict(config)
    del settings["out"]
    run = {"script": "transfer", **settings, "layers": layers, "sizes": sizes}
    run |= {"weights_sha256": of_network(network), "data_sha256": of_data(classes, examples)}
    count = 8 * len(examples[sizes[0]].labels) // 10
    head, scratch = _recipes(config, count)
    folder = opened(f"transfer-{config.data}-{config.network}", run, config.out)
    return Study(config, sizes, trunks, examples, classes, layers, head, scratch, folder)


def _recipes(config: "Config", count: int) -> tuple[Recipe, Recipe | None]:
    """For the head, and for the whole network, with `count` photos."""
    head = Recipe(
        config.data,
        epochs=config.epochs,
        batch_size=min(64, count),
        learning_rate=1e-3,
        weight_decay=0.01,
        label_smoothing=0.1,
        dropout=(("features", 0.2), ("hidden", 0.5)),
    )
    if not config.scratch_epochs:
        return head, None
    # At the head's own rate a trunk without normalization layers is dead after an epoch.
    changes = {"learning_rate": 2e-4, "epochs": config.scratch_epochs, "batch_size": min(32, count)}
    return head, dataclasses.replace(head, **changes, flip=True, shift=12, dropout=(("hidden", 0.5),))


def _layers(network: models.Network, wanted: tuple[str, ...]) -> tuple[str, ...]:
    """From shallow to deep; the five deepest whose maps are not those of the network's own classes by default."""
    images = jax.ShapeDtypeStruct((1, *network.input_shape), np.float32)
    shapes = {name: shape.shape for name, shape in jv.layers(network, images).items()}
    for layer in wanted:
        if layer not in shapes:
            raise ValueError(unknown("--layers", layer, list(shapes)))
    maps = [name for name, shape in shapes.items() if len(shape) == 4 and shape[-1] != len(network.labels)]
    return tuple(sorted(set(wanted or maps[-5:]), key=list(shapes).index))
