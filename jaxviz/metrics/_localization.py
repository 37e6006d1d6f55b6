"""Whether a map lies on the object, and on how few places it lies."""

import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float, Shaped

from jaxviz._core.check import check_float
from jaxviz._core.precision import at_least_single


def pointing_game(
    maps: Float[Array, "n h w"], masks: Shaped[Array | np.ndarray, "n h w"], *, tolerance: float = 0.0
) -> Array:
    """Whether the largest entry of each map lies on the object.

    Example:
        >>> import jax.numpy as jnp
        >>> pointing_game(jnp.array([[[0.0, 2.0]], [[3.0, 1.0]]]), jnp.array([[[0, 1]], [[0, 1]]])).tolist()
        [True, False]

    Args:
        maps: one number per pixel.
        masks: where the object is: not zero. Of a box or a segmentation.
        tolerance: pixels by which a point may miss; the paper takes 15, on whole photos.

    Returns:
        A bool for each map. Of equal largest entries the first, row by row, counts. False where a traced map holds NaN.

    Raises:
        ValueError: maps and masks of other shapes, a map that holds NaN, or `tolerance` is negative.
        TypeError: `maps` are no floating-point numbers.

    References:
        Zhang et al., [Top-down Neural Attention by Excitation Backprop](https://arxiv.org/abs/1608.00507), 2016,
        section 4.2.
    """
    maps, masks = _checked(maps, masks)
    if not tolerance >= 0:
        raise ValueError(f"`tolerance` must be at least 0, got {tolerance}. It is in pixels.")
    ordered = ~jnp.isnan(maps).any((1, 2))
    if not isinstance(ordered, Tracer) and not ordered.all():
        raise ValueError(
            f"`maps` must have a largest entry, got NaN in map {int(ordered.argmin())}. Look for it in the network's "
            "outputs first."
        )
    rows, cols = jnp.meshgrid(jnp.arange(maps.shape[1]), jnp.arange(maps.shape[2]), indexing="ij")
    place = maps.reshape(len(maps), -1).argmax(1)
    row, col = (at[:, None, None] for at in jnp.unravel_index(place, maps.shape[1:]))
    near = (rows - row) ** 2 + (cols - col) ** 2 <= tolerance**2
    return (near & masks).any((1, 2)) & ordered


def energy_in(maps: Float[Array, "n h w"], masks: Shaped[Array | np.ndarray, "n h w"]) -> Float[Array, " n"]:
    """Which share of each map's energy lies on the object: the energy-based pointing game.

    Example:
        >>> import jax.numpy as jnp
        >>> energy_in(jnp.array([[[1.0, 3.0]]]), jnp.array([[[0, 1]]])).tolist()
        [0.75]

    Args:
        maps: one number per pixel; what is negative speaks against and does not count.
        masks: where the object is: not zero.

    Returns:
        A share for each map; NaN where nothing of it is positive. Beside it belongs the share of the picture that the
        object covers, which a map that knows nothing reaches.

    Raises:
        ValueError: maps and masks of other shapes.
        TypeError: `maps` are no floating-point numbers.

    References:
        Wang et al., [Score-CAM](https://arxiv.org/abs/1910.01279), 2020, section 4.3.
    """
    maps, masks = _checked(maps, masks)
    positive = jnp.maximum(at_least_single(maps), 0)
    total = positive.sum((1, 2))
    return jnp.where(total > 0, (positive * masks).sum((1, 2)) / jnp.where(total > 0, total, 1), jnp.nan)


def sparseness(maps: Float[Array, "n ..."]) -> Float[Array, " n"]:
    """On how few places a map lies: the Gini index of its absolute values.

    Example:
        >>> import jax.numpy as jnp
        >>> sparseness(jnp.array([[1.0, 1.0, 1.0, 1.0], [0.0, 0.0, 0.0, 4.0]])).tolist()
        [0.0, 0.75]

    Args:
        maps: of any shape, the examples first.

    Returns:
        From 0 (the same everywhere) to nearly 1 (one place alone) for each map; NaN where it is zero everywhere.

    Raises:
        TypeError: `maps` are no floating-point numbers.

    References:
        Chalasani et al., [Concise Explanations of Neural Networks using Adversarial
        Training](https://arxiv.org/abs/1810.06583), 2020, section 4.1, equation 5.
    """
    values = jnp.sort(jnp.abs(at_least_single(check_float(maps, "maps"))).reshape(len(maps), -1), axis=1)
    num = values.shape[1]
    total = values.sum(1)
    ranks = 2 * jnp.arange(1, num + 1) - num - 1
    return jnp.where(total > 0, (values * ranks).sum(1) / (num * jnp.where(total > 0, total, 1)), jnp.nan)


def _checked(maps: Array, masks: Array | np.ndarray) -> tuple[Array, Array]:
    if jnp.ndim(maps) != 3 or jnp.shape(maps) != jnp.shape(masks):
        raise ValueError(
            f"`masks` must have the shape (n, rows, cols) of `maps`, got {jnp.shape(masks)} for {jnp.shape(maps)}. "
            "Stretch coarse maps first: jax.image.resize."
        )
    return check_float(maps, "maps"), jnp.asarray(masks) != 0
