"""Class activation maps from what the output loses without a map, or keeps with one place alone; no gradients."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxviz._core.callables import as_pytree
from jaxviz._core.check import check_count, check_images, check_layer
from jaxviz._core.map_layout import MapLayout, map_layout
from jaxviz._core.precision import at_least_single
from jaxviz._core.program import one_program
from jaxviz._core.target import Indices, Target, check_target, nan_where_invalid
from jaxviz.attribution._above import scores_above
from jaxviz.attribution._cam import sum_of_maps

_KERNEL = np.outer([0.25, 0.5, 0.25], [0.25, 0.5, 0.25])
"""The Gaussian of three places, a quarter at its center: equation 2 of the paper on Recipro-CAM, and its code."""


def ablation_cam(
    f: Callable,
    images: Float[Array, "n h w c"],
    target: Target,
    layer: str,
    *,
    channel_axis: int | None = None,
    grid: tuple[int, int] | None = None,
    batch_size: int | None = None,
) -> Float[Array, "n h2 w2"]:
    """Ablation-CAM: a layer's maps, each weighed by what the output loses without it, summed, cut off at 0.

    An entry reads as in `grad_cam`. Nothing is differentiated, so a saturated output is no trouble.

    Example:
        >>> import jax.numpy as jnp
        >>> from jax.ad_checkpoint import checkpoint_name
        >>> f = lambda images: 2 * checkpoint_name(images, "maps").mean((1, 2))
        >>> ablation_cam(f, jnp.array([-1.0, 4.0]).reshape(1, 1, 2, 1), target=0, layer="maps").ravel().tolist()
        [0.0, 12.0]

    Args:
        f: from images to outputs `(n, k)`, as for `saliency`.
        images: in the network's own range.
        target: the output that is explained, one for all images or one per image.
        layer: as for `grad_cam`.
        channel_axis: as for `grad_cam`.
        grid: as for `grad_cam`.
        batch_size: how many activations go through what lies above the layer at a time, at least one for each image: it
            bounds the memory. By default a number that suits the network and the device.

    Returns:
        One map per image, of the rows and columns of the layer: not upsampled, not scaled, not negative. Cost: one pass
        through what lies above the layer for each of its channels; what lies below is computed once.

    Raises:
        ValueError: `batch_size` is below 1, `f` takes no other number of images than was given, or as for `grad_cam`.
        NotImplementedError: as for `grad_cam`.
        TypeError: as for `saliency`.

    References:
        Desai and Ramaswamy, [Ablation-CAM](https://doi.org/10.1109/WACV45572.2020.9093360), 2020, section 3, equations
        4 and 5. Differs from it in: a loss is not divided by the output, which is the same number for all maps, and
        would turn the map around where it is negative.
    """
    return _perturbed(f, images, target, layer, map_layout(f, channel_axis, grid), batch_size, _ablation_cam)


def recipro_cam(
    f: Callable,
    images: Float[Array, "n h w c"],
    target: Target,
    layer: str,
    *,
    channel_axis: int | None = None,
    grid: tuple[int, int] | None = None,
    batch_size: int | None = None,
) -> Float[Array, "n h2 w2"]:
    """Recipro-CAM: the output for each place of a layer alone, with a little of what is next to it.

    An entry is the output when all channels are zero but around that place, less the smallest such output. No map is
    weighed, so maps that only say something together are read together.

    Example:
        >>> import jax.numpy as jnp
        >>> from jax.ad_checkpoint import checkpoint_name
        >>> f = lambda images: checkpoint_name(images, "maps").sum((1, 2))
        >>> recipro_cam(f, jnp.array([0.0, 0.0, 8.0]).reshape(1, 1, 3, 1), target=0, layer="maps").ravel().tolist()
        [0.0, 1.0, 2.0]

    Args:
        f: from images to outputs `(n, k)`, as for `saliency`.
        images: in the network's own range.
        target: the output that is explained, one for all images or one per image.
        layer: as for `grad_cam`.
        channel_axis: as for `grad_cam`.
        grid: as for `grad_cam`.
        batch_size: as for `ablation_cam`.

    Returns:
        One map per image, of the rows and columns of the layer: not upsampled, not scaled, not negative. Cost: one pass
        through what lies above the layer for each of its places; what lies below is computed once.

    Raises:
        ValueError: as for `ablation_cam`.
        NotImplementedError: as for `grad_cam`.
        TypeError: as for `saliency`.

    References:
        Byun and Lee, [Recipro-CAM](https://arxiv.org/abs/2209.14074), 2022, section 3, equations 2 to 4. Differs from
        it in: the map is not divided by its range.
    """
    return _perturbed(f, images, target, layer, map_layout(f, channel_axis, grid), batch_size, _recipro_cam)


def _perturbed(
    f: Callable,
    images: Float[Array, "n h w c"],
    target: Target,
    layer: str,
    layout: MapLayout,
    batch_size: int | None,
    method: Callable,
) -> Float[Array, "n h2 w2"]:
    f, images = as_pytree(f), check_images(images)
    batch_size = None if batch_size is None else check_count(batch_size, "batch_size")
    num_outputs, _ = check_layer(f, images, layer, layout)
    indices = check_target(target, images.shape[0], num_outputs)
    return method(f, images, indices, layer=layer, layout=layout, batch_size=batch_size, num_outputs=num_outputs)


@one_program
def _ablation_cam(
    f: Callable,
    images: Float[Array, "n h w c"],
    indices: Indices,
    *,
    layer: str,
    layout: MapLayout,
    batch_size: int | None,
    num_outputs: int,
) -> Float[Array, "n h2 w2"]:
    def without(maps: Array, channel: Array) -> Array:
        return jnp.where(jnp.arange(maps.shape[-1]) == channel, 0, maps)

    maps, plain, left = scores_above(
        f, images, indices, layer, layout, without, lambda shape: jnp.arange(shape[-1]), batch_size
    )
    lost = at_least_single(plain)[:, None] - at_least_single(left)
    return nan_where_invalid(jnp.maximum(sum_of_maps(maps, lost), 0), indices, num_outputs)


@one_program
def _recipro_cam(
    f: Callable,
    images: Float[Array, "n h w c"],
    indices: Indices,
    *,
    layer: str,
    layout: MapLayout,
    batch_size: int | None,
    num_outputs: int,
) -> Float[Array, "n h2 w2"]:
    def alone(maps: Array, place: Array) -> Array:
        rows, cols = maps.shape[1:3]
        around = jax.lax.dynamic_update_slice(
            jnp.zeros((rows + 2, cols + 2), maps.dtype), jnp.asarray(_KERNEL, maps.dtype), (place[0], place[1])
        )
        return maps * around[1:-1, 1:-1, None]

    def places(shape: tuple[int, ...]) -> Array:
        return jnp.stack(jnp.meshgrid(jnp.arange(shape[1]), jnp.arange(shape[2]), indexing="ij"), -1).reshape(-1, 2)

    maps, _, found = scores_above(f, images, indices, layer, layout, alone, places, batch_size)
    above_least = found - found.min(1, keepdims=True)
    return nan_where_invalid(above_least.reshape(maps.shape[:3]), indices, num_outputs)
