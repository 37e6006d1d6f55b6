"""The arguments of `scripts.trust` turned into values: a network, photos, what is explained, layers to randomize."""

import dataclasses
from typing import TYPE_CHECKING, NamedTuple

import jax
import numpy as np
import skimage.filters

import jaxviz as jv
import models
from jaxviz.attribution import METHODS
from scripts._harness.labeled_photos import Labeled, labeled
from scripts._harness.networks import network_of
from scripts._harness.words import spread_over, unknown
from scripts.trust.methods import FLOORS

if TYPE_CHECKING:
    from scripts.trust.config import Config

_BLUR = 10.0


class Study(NamedTuple):
    """Everything that the methods share.

    `targets` are the most probable classes, `others` another one each with a logit above zero. `stages` are the layers
    that are randomized, from the top down, one entry after the other.
    """

    config: "Config"
    network: models.Network
    photos: Labeled
    images: jax.Array
    blurred: jax.Array
    targets: np.ndarray
    others: np.ndarray
    layer: str
    stages: tuple[tuple[str, ...], ...]


def prepare(config: "Config") -> Study:
    """Look at every argument before anything long is computed.

    Raises:
        ValueError: for the first one that does not fit.
    """
    known = [*METHODS, *FLOORS]
    for method in config.methods or ("",):
        if method not in known:
            raise ValueError(unknown("--methods", method, known))
    network = network_of(config.network, config.weights)
    layers = jv.layers(network, jax.ShapeDtypeStruct((1, *network.input_shape), np.float32))
    shapes = {name: shape.shape for name, shape in layers.items()}
    parts = top_down(network, list(shapes))
    if config.depths > len(parts):
        raise ValueError(f"`--depths` must be at most {len(parts)}, the layers with weights, got {config.depths}.")
    if config.steps > (most := network.input_shape[0] * network.input_shape[1]):
        raise ValueError(f"`--steps` must be at most {most}, the pixels of a photo, got {config.steps}.")
    photos = labeled(network, config.photos)
    if config.num_photos is not None and config.num_photos > len(photos.names):
        raise ValueError(f"`--num-photos` must be at most {len(photos.names)}, got {config.num_photos}.")
    count = config.num_photos or min(30, len(photos.names))
    rng = np.random.default_rng(config.seed)
    photos = photos.pick(np.sort(rng.permutation(len(photos.names))[:count]))
    images = _images(network, photos.pixels)
    maps = [name for name, shape in shapes.items() if len(shape) == 4 and min(shape[1:3]) > 1]
    blurred = [skimage.filters.gaussian(photo / 255, _BLUR, channel_axis=-1) for photo in photos.pixels]
    logits = np.concatenate([np.asarray(_logits(network, image[None])) for image in images])
    return Study(
        dataclasses.replace(config, methods=tuple(dict.fromkeys(config.methods)), num_photos=count),
        network,
        photos,
        images,
        network.normalize(np.stack(blurred)),
        logits.argmax(-1),
        np.array([_another(row, rng) for row in logits]),
        spread_over(maps, shapes, len(network.labels))[-1],
        stages(parts, config.depths),
    )


def top_down(network: models.Network, layers: list[str]) -> list[str]:
    """The parts of the network that have parameters, from its output to its input.

    Args:
        network: whose parameters are grouped by the module that is called like a layer.
        layers: in the order of computation. What has parameters and is none of them is taken for the output.
    """
    paths = [path for path, _ in jax.tree_util.tree_flatten_with_path(network.state)[0]]
    parts = dict.fromkeys(jax.tree_util.keystr(path[:1], simple=True) for path in paths)
    return [part for part in parts if part not in layers] + [name for name in reversed(layers) if name in parts]


def stages(order: list[str], num: int) -> tuple[tuple[str, ...], ...]:
    """The layers in `num` groups that follow each other: the topmost one alone, the others in groups of like size."""
    ends = np.rint(np.linspace(1, len(order), min(num, len(order)))).astype(int) if num > 1 else [1]
    starts = [0, *ends[:-1]]
    return tuple(tuple(order[first:last]) for first, last in zip(starts, ends, strict=True))


def _images(network: models.Network, pixels: np.ndarray) -> jax.Array:
    return network.normalize(pixels / np.float32(255))


@jax.jit
@jv.fast_on_cpu
def _logits(network: models.Network, images: jax.Array) -> jax.Array:
    return network(images)


def _another(logits: np.ndarray, rng: np.random.Generator) -> int:
    """A class that has something to explain: where a network ends in a ReLU, most have no gradient."""
    chosen = np.flatnonzero((logits > 0) & (np.arange(len(logits)) != logits.argmax()))
    return int(rng.choice(chosen if len(chosen) else np.flatnonzero(np.arange(len(logits)) != logits.argmax())))
