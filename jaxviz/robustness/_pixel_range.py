"""The values that real images have in a network's own range: what is made stays a picture that can be printed."""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, ArrayLike, Float

from jaxviz._core.network import brought

Bounds = tuple[ArrayLike, ArrayLike]


def pixel_range(
    f: Callable, bounds: Bounds | None, channels: int
) -> tuple[Float[Array, " channels"], Float[Array, " channels"]]:
    """What black and white are in each channel.

    Args:
        f: as the caller gave it. One with `normalize`, from pixels in [0, 1] to its range, needs no bounds.
        bounds: smallest and largest value, numbers or one per channel.
        channels: of an image.

    Raises:
        ValueError: no bounds, or such that no image lies between them.
    """
    if bounds is None:
        normalize = brought(f, "normalize")
        if normalize is None:
            raise ValueError(
                "`bounds` must be given for a function that has no normalize, got None. They are the smallest and the "
                "largest value of a pixel: (0.0, 1.0), or one number per channel."
            )
        bounds = tuple(normalize(jnp.full((1, 1, 1, 3), value))[0, 0, 0] for value in (0.0, 1.0))
    low, high = (_per_channel(bound, channels) for bound in bounds)
    if not isinstance(low, Tracer) and not isinstance(high, Tracer) and not bool((low < high).all()):
        raise ValueError(
            f"`bounds` must be a smaller and a larger value, got {np.asarray(low)} and {np.asarray(high)}."
        )
    return low, high


def _per_channel(bound: Any, channels: int) -> Float[Array, " channels"]:
    if jnp.shape(bound) not in ((), (1,), (channels,)):
        raise ValueError(
            f"`bounds` must be numbers or hold one per channel, got shape {jnp.shape(bound)} for {channels} channels."
        )
    return jnp.broadcast_to(jnp.asarray(bound, jnp.float32), channels)
