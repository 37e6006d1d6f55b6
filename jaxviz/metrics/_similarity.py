"""How alike two maps are, whatever their units: by the order of their values, and by their structure."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float, Shaped

from jaxviz._core.check import check_float
from jaxviz._core.meshes import automatic
from jaxviz._core.program import one_program
from jaxviz._core.ranks import correlation

Maps = Float[Array | np.ndarray, "n ..."]

_RADIUS, _SIGMA = 5, 1.5


def rank_correlation(a: Maps, b: Maps) -> Float[Array, " n"]:
    """Spearman's correlation between the maps of two batches: 1 for the same order, 0 for none, -1 for the opposite.

    Example:
        >>> import jax.numpy as jnp
        >>> rank_correlation(jnp.array([[1.0, 2.0, 3.0]]), jnp.array([[10.0, 20.0, 1000.0]])).round(4).tolist()
        [1.0]

    Args:
        a: maps, or anything else with the images first.
        b: of the same shape.

    Returns:
        One number per image, in float32 at least. Equal values share their mean rank. A map that is constant, or holds
        a NaN, has no order: NaN.

    Raises:
        ValueError: the shapes differ, or there is nothing behind the first axis.
        TypeError: the arrays are not floating point.

    References:
        Adebayo et al., [Sanity Checks for Saliency Maps](https://arxiv.org/abs/1810.03292), 2018, section 3.
    """
    a, b = _alike(a, b)
    return _rank_correlation(a, b)


def ssim(a: Float[Array, "n h w"], b: Float[Array, "n h w"], *, span: ArrayLike = 1.0) -> Float[Array, " n"]:
    """The mean structural similarity of the maps of two batches: 1 for equal ones.

    Example:
        >>> import jax.numpy as jnp
        >>> maps = jnp.linspace(0, 1, 144).reshape(1, 12, 12)
        >>> ssim(maps, maps).round(4).tolist()
        [1.0]

    Args:
        a: maps of 11 rows and columns or more, brought to one range before: those of two networks differ in scale.
        b: of the same shape.
        span: the difference between the largest and the smallest value that a map can have.

    Returns:
        One number per image, in float32 at least: the mean over all windows that lie inside, which are Gaussian, with
        a standard deviation of 1.5 pixels and 11 pixels wide.

    Raises:
        ValueError: the shapes differ, or the maps are smaller than a window.
        TypeError: the arrays are not floating point.

    References:
        Wang et al., [Image quality assessment: from error visibility to structural
        similarity](https://doi.org/10.1109/TIP.2003.819861), 2004, section III-B.
    """
    a, b = _alike(a, b)
    if a.ndim != 3 or min(a.shape[1:]) <= 2 * _RADIUS:
        raise ValueError(
            f"`a` must have shape (n, h, w) of at least {2 * _RADIUS + 1} rows and columns, got {a.shape}. Stretch "
            "small maps to the size of the image."
        )
    return _ssim(a, b, jnp.asarray(span))


@one_program
def _rank_correlation(a: Float[Array, "n ..."], b: Float[Array, "n ..."]) -> Float[Array, " n"]:
    first, second = (values.reshape(len(values), -1) for values in (a, b))
    return automatic(correlation, first, batch_axis=0)(first, second)


@one_program
def _ssim(a: Float[Array, "n h w"], b: Float[Array, "n h w"], span: Shaped[Array, "..."]) -> Float[Array, " n"]:
    # Deviations from the mean of each map: squares of large numbers would drown small differences between them.
    offset_a, offset_b = (x.mean((1, 2), keepdims=True) for x in (a, b))
    a, b = a - offset_a, b - offset_b
    mean_a, mean_b = _blur(a), _blur(b)
    variance_a, variance_b = _blur(a * a) - mean_a**2, _blur(b * b) - mean_b**2
    covariance = _blur(a * b) - mean_a * mean_b
    mean_a, mean_b = mean_a + offset_a, mean_b + offset_b
    light, contrast = (0.01 * jnp.asarray(span)) ** 2, (0.03 * jnp.asarray(span)) ** 2
    similar = (2 * mean_a * mean_b + light) * (2 * covariance + contrast)
    total = (mean_a**2 + mean_b**2 + light) * (variance_a + variance_b + contrast)
    return (similar / total).mean((1, 2))


def _blur(maps: Float[Array, "n h w"]) -> Float[Array, "n h2 w2"]:
    kernel = np.exp(-0.5 * (np.arange(-_RADIUS, _RADIUS + 1) / _SIGMA) ** 2)
    kernel = kernel / kernel.sum()
    for axis in (1, 2):
        # Shifted and added: one loop over the map, where XLA's convolution of one channel takes ten times as long.
        size = maps.shape[axis] - 2 * _RADIUS
        parts = (
            float(weight) * jax.lax.slice_in_dim(maps, first, first + size, axis=axis)
            for first, weight in enumerate(kernel)
        )
        maps = functools.reduce(jnp.add, parts)
    return maps


def _alike(a: Maps, b: Maps) -> tuple[Array, Array]:
    if jnp.shape(a) != jnp.shape(b) or jnp.ndim(a) < 2:
        raise ValueError(
            f"`a` and `b` must have the same shape with the images first, got {jnp.shape(a)} and {jnp.shape(b)}. "
            "Stretch one of them: jax.image.resize."
        )
    # Half precision cannot hold the sums.
    a, b = (
        array.astype(jnp.promote_types(array.dtype, jnp.float32))
        for array in (check_float(a, "a"), check_float(b, "b"))
    )
    return a, b
