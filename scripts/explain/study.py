"""The arguments of a run turned into values: networks, photos as they see them, classes, layers."""

import re
from typing import TYPE_CHECKING, NamedTuple

import jax
import jax.numpy as jnp

from jaxviz import explanation
from scripts._harness import photo as _photo
from scripts._harness.words import distinct
from scripts.explain import networks as _networks

if TYPE_CHECKING:
    from scripts.explain.config import Config

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
