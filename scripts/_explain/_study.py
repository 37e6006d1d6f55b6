"""The arguments of a run turned into values: networks, photos as they see them, classes, layers."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import models
from jaxviz import explanation
from jaxviz._core.choices import class_index as class_index
from jaxviz._core.choices import unknown as unknown
from jaxviz.explanation import spread_over as spread_over
from scripts import _photo
from scripts._explain import _networks

if TYPE_CHECKING:
    from scripts.explain import Config

_FLAG = re.compile(r"`(target|methods|layers|units|window|stride)`")


class Study(NamedTuple):
    """Everything that the steps of a run share.

    `subjects` are what is explained: each network with each photo. `photos` are the names, `sha256` the hashes of the
    photos and `weights` those of the networks.
    """

    config: "Config"
    subjects: tuple[explanation.Subject, ...]
    photos: tuple[str, ...]
    sha256: tuple[str, ...]
    weights: tuple[str, ...]


def prepare(config: "Config") -> Study:
    """Look at every argument before anything is computed or written.

    Raises:
        ValueError: for the first one that does not fit.
    """
    if not config.photos:
        raise ValueError(
            f"`PHOTO` must be at least one photo, got none. Give a path or one of {', '.join(_photo.SAMPLES)}."
        )
    photos = [_photo.load(photo) for photo in config.photos]
    if not config.network:
        raise ValueError("`--network` must be at least one network, got none.")
    if len(config.weights) not in (0, len(config.network)):
        raise ValueError(
            f"`--weights` must be one for each network, got {len(config.weights)} for {len(config.network)}. Say "
            "committed for those of models.names() that bring their own."
        )
    weights = config.weights or ("committed",) * len(config.network)
    names = distinct([photo.name for photo in photos])
    sources = []
    for title, network, each in zip(distinct(config.network), config.network, weights, strict=True):
        f = _networks.load(network, each)
        images = {}
        for name, photo in zip(names, photos, strict=True):
            through = _networks.preprocessing(f, config.size, config.input_range, photo.pixels)
            images[name] = jnp.asarray(through.preprocess(photo.pixels))
        sources.append(explanation.Source(title, f, images, getattr(through, "denormalize", None)))
    options = explanation.Options(
        target=config.target or None,
        layers=config.layers or None,
        methods=None if config.methods == type(config).methods else config.methods,
        units=config.units,
        window=config.window,
        stride=config.stride,
        key=jax.random.key(config.seed),
    )
    try:
        subjects = explanation.subjects(sources, options)
    except ValueError as error:
        raise ValueError(_FLAG.sub(r"`--\1`", str(error))) from error
    digests = tuple(_networks.digest(source.f, source.images[names[0]]) for source in sources)
    return Study(config, subjects, names, tuple(photo.sha256 for photo in photos), digests)


def distinct(names: Sequence[str]) -> tuple[str, ...]:
    """The names, with a number behind those that come again."""
    return tuple(
        name if (before := names[:place].count(name)) == 0 else f"{name}-{before + 1}"
        for place, name in enumerate(names)
    )


def color(network: models.Network, projection: np.ndarray) -> np.ndarray:
    """A signed array `(h, w, c)` of the network's range in red, green, blue, still signed."""
    gray = network.normalize(jnp.full((1, *projection.shape[:2], 3), 0.5))
    return explanation.signed_color(network.denormalize, gray, projection)


def pixels(network: models.Network, images: Any) -> np.ndarray:
    """The first image as a photo, uint8."""
    return np.rint(255 * np.asarray(network.denormalize(images))[0]).astype(np.uint8)
