"""Eigen-CAM: what the maps of a layer have most in common, whatever the network makes of it."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxviz._core.callables import as_pytree
from jaxviz._core.check import check_images, check_maps
from jaxviz._core.map_layout import MapLayout, map_layout
from jaxviz._core.precision import at_least_single
from jaxviz._core.program import one_program
from jaxviz.transforms import upto

_SQUARINGS = 20


def eigen_cam(
    f: Callable,
    images: Float[Array, "n h w c"],
    layer: str,
    *,
    channel_axis: int | None = None,
    grid: tuple[int, int] | None = None,
) -> Float[Array, "n h2 w2"]:
    """Eigen-CAM: a layer's maps projected onto their first principal direction, the negative cut off.

    An entry says how much of what dominates the layer is at that place. **It does not depend on any class**: nothing
    above the layer is read. It shows what stands out to the network, not why it decides.

    Example:
        >>> import jax.numpy as jnp
        >>> from jax.ad_checkpoint import checkpoint_name
        >>> f = lambda images: checkpoint_name(images, "maps").mean((1, 2))
        >>> image = jnp.array([[3.0, 4.0], [0.0, 0.0]]).reshape(1, 1, 2, 2)
        >>> eigen_cam(f, image, layer="maps").round(3).ravel().tolist()
        [5.0, 0.0]

    Args:
        f: from images to anything.
        images: in the network's own range.
        layer: as for `grad_cam`.
        channel_axis: as for `grad_cam`.
        grid: as for `grad_cam`.

    Returns:
        One map per image, of the rows and columns of the layer: not upsampled, not scaled, not negative. The sign of a
        direction is free: it is the one in which the projections add up to more than zero.

    Raises:
        ValueError: the layer does not exist, does not depend on the images, or is not of maps.
        NotImplementedError: as for `grad_cam`.
        TypeError: `images` are no floating-point numbers.

    References:
        Muhammad and Yeasin, [Eigen-CAM](https://arxiv.org/abs/2008.00299), 2020, section III-B. As there, and other
        than in pytorch-grad-cam, the mean is not subtracted from the maps.
    """
    layout = map_layout(f, channel_axis, grid)
    f, images = as_pytree(f), check_images(images)
    check_maps(f, images, layer, layout)
    return _eigen_cam(f, images, layer=layer, layout=layout)


@one_program
def _eigen_cam(
    f: Callable, images: Float[Array, "n h w c"], *, layer: str, layout: MapLayout
) -> Float[Array, "n h2 w2"]:
    maps = layout.maps(upto(f, layer)(images))
    places = at_least_single(maps).reshape(maps.shape[0], -1, maps.shape[-1])
    # The smaller of the two Gram matrices has the same first singular value.
    if places.shape[1] <= places.shape[2]:
        gram = jnp.einsum("npc,nqc->npq", places, places, precision="highest")
        direction = _first_direction(gram)
        # The left singular vector times its singular value is the projection onto the right one.
        value = jnp.einsum("np,npq,nq->n", direction, gram, direction, precision="highest")
        projected = direction * jnp.sqrt(jnp.maximum(value, 0))[:, None]
    else:
        gram = jnp.einsum("npc,npd->ncd", places, places, precision="highest")
        projected = jnp.einsum("npc,nc->np", places, _first_direction(gram), precision="highest")
    upright = jnp.where(projected.sum(1, keepdims=True) < 0, -projected, projected)
    return jnp.maximum(upright, 0).reshape(maps.shape[:3]).astype(maps.dtype)


def _first_direction(gram: Float[Array, "n m m"]) -> Float[Array, "n m"]:
    """The eigenvector of the largest eigenvalue, of length 1; zeros for a matrix of zeros.

    By squaring: after `k` of them an eigenvalue that is smaller by a share `d` has lost a factor `exp(-d * 2**k)`. Not
    by LAPACK: on several CPU devices programs with some of its calls wait for each other for ever (jaxlib 0.10).
    """

    def square(_: Array, power: Array) -> Array:
        power = jnp.matmul(power, power, precision="highest")
        trace = jnp.trace(power, axis1=1, axis2=2)[:, None, None]
        return power / jnp.where(trace == 0, 1, trace)

    scale = jnp.trace(gram, axis1=1, axis2=2)[:, None, None]
    power = jax.lax.fori_loop(0, _SQUARINGS, square, gram / jnp.where(scale == 0, 1, scale))
    # All columns point along it; the one with the largest entry on the diagonal is the longest.
    longest = jnp.argmax(jnp.diagonal(power, axis1=1, axis2=2), axis=1)
    vector = jnp.take_along_axis(power, longest[:, None, None], axis=2)
    vector = jnp.matmul(gram, vector, precision="highest")[..., 0]  # of what rounding has left of others
    length = jnp.linalg.norm(vector, axis=1, keepdims=True)
    return vector / jnp.where(length == 0, 1, length)
