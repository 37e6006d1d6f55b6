"""What is compared, by name: the attributions, and two maps that know nothing of the network."""

import jax
import jax.numpy as jnp

import models
from jaxviz.attribution import METHODS, Settings

FLOORS = {"edges": "Edges (Sobel)", "random": "Random map"}
"""What is no better than these says nothing of the network."""


def titles(name: str) -> str:
    """What a reader calls it."""
    return FLOORS.get(name) or METHODS[name].title


def maps(
    name: str, network: models.Network, images: jax.Array, targets: jax.Array, settings: Settings, draw: jax.Array
) -> jax.Array:
    """One map for each image, as large as the image.

    Args:
        name: of a method or a floor.
        network: what is explained.
        images: in its range, `(n, h, w, c)`.
        targets: a class for each.
        settings: of the methods.
        draw: a number that differs wherever a random map is to be another one.
    """
    if name == "edges":
        return _edges(images)
    if name == "random":
        return jax.random.uniform(jax.random.fold_in(settings.key, draw), images.shape[:3])
    found = METHODS[name].maps(network, images, targets, settings)
    return jax.image.resize(found, images.shape[:3], "bilinear")


def _edges(images: jax.Array) -> jax.Array:
    """The size of Sobel's gradient of the mean over the channels."""
    gray = jnp.pad(images.mean(-1), ((0, 0), (1, 1), (1, 1)), "edge")
    smooth = gray[:, :-2] + 2 * gray[:, 1:-1] + gray[:, 2:]
    across = smooth[:, :, 2:] - smooth[:, :, :-2]
    smooth = gray[:, :, :-2] + 2 * gray[:, :, 1:-1] + gray[:, :, 2:]
    down = smooth[:, 2:] - smooth[:, :-2]
    return jnp.sqrt(across**2 + down**2)
