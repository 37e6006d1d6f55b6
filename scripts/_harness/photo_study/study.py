"""The arguments of a study turned into a network, photos and a folder."""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.ad_checkpoint import checkpoint_name
from jax.tree_util import Partial

import jaxviz as jv
import models
from scripts._harness.command import UsageError
from scripts._harness.depends import of_network
from scripts._harness.networks import network_of
from scripts._harness.photo_study.photos import Photo, load
from scripts._harness.run_folder import RunFolder, opened
from scripts._harness.words import unknown


class Study(NamedTuple):
    """What the steps of a run share.

    `f` is the network with its outputs as one more layer, `logits`; `images` the photos in its range; `given` what else
    the results depend on.
    """

    config: Any
    network: models.Network
    f: Partial
    photos: list[Photo]
    images: np.ndarray
    given: dict[str, Any]
    folder: RunFolder


def prepare(script: str, config: Any, photos: list[Photo], network: models.Network, **more: Any) -> Study:
    """The study of photos that have been read, and its folder. `more` says what else the results depend on."""
    settings = dataclasses.asdict(config)
    del settings["out"]
    run = {"script": script, **settings, **more, "labels": [photo.target for photo in photos]}
    run |= {"sha256": [photo.sha256 for photo in photos], "weights_sha256": of_network(network)}
    folder = opened(f"{script}-{network.name}", run, config.out)
    images = np.concatenate([np.asarray(network.normalize(photo.pixels[None] / np.float32(255))) for photo in photos])
    return Study(config, network, Partial(_named, network), photos, images, more, folder)


def prepare_layers(script: str, config: Any, default: Callable[[models.Network], tuple[str, ...]]) -> Study:
    """A study of layers of the network over the photos: of those in the config, or of `default(network)`."""
    network = network_of(config.network, config.weights)
    layers = check_layers(network, config.layers or default(network))
    return prepare(script, config, load(config.photos, network), network, layers=layers)


def targets(study: Study) -> tuple[np.ndarray, np.ndarray]:
    """The class that each photo is explained for, its label or else the most probable one; and the probabilities."""
    fast = jax.jit(jv.fast_on_cpu(lambda f, images: jv.attribution.probabilities(f(images))))
    probabilities = np.asarray(fast(study.f, study.images))
    chosen = [
        p.argmax() if photo.target is None else photo.target
        for photo, p in zip(study.photos, probabilities, strict=True)
    ]
    return np.array(chosen), probabilities


def check_layers(network: models.Network, layers: tuple[str, ...]) -> tuple[str, ...]:
    """The layers, in the order given.

    Raises:
        UsageError: one that is not there.
    """
    known = [*jv.layers(network, jax.ShapeDtypeStruct((1, *network.input_shape), np.float32)), "logits"]
    for layer in layers:
        if layer not in known:
            raise UsageError(unknown("--layers", layer, known))
    return tuple(dict.fromkeys(layers))


def words(label: str) -> str:
    """A label to be read."""
    return label.replace("_", " ")


def _named(network: models.Network, images: jax.Array) -> jax.Array:
    return checkpoint_name(network(images), "logits")


def cam_layer(network: models.Network, layer: str | None) -> str:
    """The layer for class activation maps: the last one with maps that are neither pooled nor the classes.

    Raises:
        ValueError: another one was asked for that has no maps.
    """
    shapes = jv.layers(network, jax.ShapeDtypeStruct((1, *network.input_shape), np.float32))
    maps = [name for name, found in shapes.items() if len(found.shape) == 4]
    if layer is not None and layer not in maps:
        raise ValueError(unknown("--layer", layer, maps))
    inner = [name for name in maps if shapes[name].shape[-1] != len(network.labels) and not name.startswith("pool")]
    return layer or inner[-1]


def three_layers(network: models.Network) -> tuple[str, ...]:
    """A first, a middle and the top layer."""
    names = list(jv.layers(network, jax.ShapeDtypeStruct((1, *network.input_shape), np.float32)))
    return (names[0], names[len(names) // 2], "logits")


def shown(values: Any, num: int = 4) -> np.ndarray:
    """Some entries from the first to the last, to be drawn."""
    array = np.asarray(values)
    return array[np.unique(np.rint(np.linspace(0, len(array) - 1, num)).astype(int))]
