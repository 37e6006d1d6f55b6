"""How classes, layers and pictures are named and shown by every study."""

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

import models
from jaxviz import explanation
from jaxviz._core.choices import class_index as class_index
from jaxviz._core.choices import unknown as unknown
from jaxviz.explanation import spread_over as spread_over


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
