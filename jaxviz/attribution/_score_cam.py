"""Score-CAM: a class activation map without gradients, whose weights come from what each map lets through."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxviz._core.batch import default_batch
from jaxviz._core.callables import as_pytree
from jaxviz._core.check import check_count, check_images, check_layer
from jaxviz._core.chunks import map_chunks
from jaxviz._core.grown import grown
from jaxviz._core.map_layout import MapLayout, map_layout
from jaxviz._core.precision import at_least_single
from jaxviz._core.program import one_program
from jaxviz._core.target import Indices, Target, check_target, nan_where_invalid, scores
from jaxviz.attribution._cam import sum_of_maps
from jaxviz.transforms import upto


def score_cam(
    f: Callable,
    images: Float[Array, "n h w c"],
    target: Target,
    layer: str,
    *,
    channel_axis: int | None = None,
    grid: tuple[int, int] | None = None,
    batch_size: int | None = None,
) -> Float[Array, "n h2 w2"]:
    """Score-CAM: a layer's maps, each weighed by the output for the image seen through it, summed, cut off at 0.

    An entry reads as in `grad_cam`. The weights of all maps of an image add up to 1.

    Example:
        >>> import jax.numpy as jnp
        >>> from jax.ad_checkpoint import checkpoint_name
        >>> f = lambda images: checkpoint_name(images, "maps").mean((1, 2))
        >>> score_cam(f, jnp.array([-1.0, 4.0]).reshape(1, 1, 2, 1), target=0, layer="maps").ravel().tolist()
        [0.0, 4.0]

    Args:
        f: from images to outputs `(n, k)`, as for `saliency`. Outputs of large range make the softmax pick one map; the
            paper takes them as they are.
        images: in the network's own range, in which zero is what hides a pixel.
        target: the output that is explained, one for all images or one per image.
        layer: a name from `layers(f, images)`, of maps with rows and columns.
        channel_axis: as for `grad_cam`.
        grid: as for `grad_cam`.
        batch_size: how many masked images go through `f` at a time, at least one for each image: it bounds the memory.
            By default a number that suits the network and the device.

    Returns:
        One map per image, of the rows and columns of the layer: not upsampled, not scaled, not negative. Cost: one
        forward pass for each channel of the layer. A constant map, such as a dead one, hides the whole image.

    Raises:
        ValueError: `batch_size` is below 1, `f` takes no other number of images than was given, or as for
            `grad_cam`.
        NotImplementedError: as for `grad_cam`.
        TypeError: as for `saliency`.

    References:
        Wang et al., [Score-CAM](https://arxiv.org/abs/1910.01279), 2020, section 3, equations 4 to 7 and algorithm 1.
        The output for the baseline, which its equation 6 subtracts, is the same for all maps and falls out of the
        softmax. Maps are upsampled bilinearly, pixel centers at half steps.
    """
    layout = map_layout(f, channel_axis, grid)
    f, images = as_pytree(f), check_images(images)
    batch_size = None if batch_size is None else check_count(batch_size, "batch_size")
    num_outputs, _ = check_layer(f, images, layer, layout)
    indices = check_target(target, images.shape[0], num_outputs)
    batch_size = batch_size or default_batch(f, images)
    return _score_cam(f, images, indices, layer=layer, layout=layout, batch_size=batch_size, num_outputs=num_outputs)


@one_program
def _score_cam(
    f: Callable,
    images: Float[Array, "n h w c"],
    indices: Indices,
    *,
    layer: str,
    layout: MapLayout,
    batch_size: int,
    num_outputs: int,
) -> Float[Array, "n h2 w2"]:
    maps = layout.maps(upto(f, layer)(images))
    weights = jax.nn.softmax(at_least_single(_seen_through(f, images, indices, maps, batch_size)), axis=1)
    return nan_where_invalid(jnp.maximum(sum_of_maps(maps, weights), 0), indices, num_outputs)


def _seen_through(
    f: Callable,
    images: Float[Array, "n h w c"],
    indices: Indices,
    maps: Float[Array, "n h2 w2 c2"],
    batch_size: int,
) -> Float[Array, "n c2"]:
    """The score of each image under each map as a mask."""
    num_images = images.shape[0]

    def see(chunk: Float[Array, "s n h2 w2"]) -> Float[Array, "s n"]:
        size = chunk.shape[0]
        masks = _unit_range(jax.image.resize(chunk, (size, *images.shape[:3]), "bilinear")).swapaxes(0, 1)
        masked = (images[:, None] * masks[..., None].astype(images.dtype)).reshape(-1, *images.shape[1:])
        return scores(grown(f, num_images)(masked), jnp.repeat(jnp.asarray(indices), size)).reshape(num_images, size).T

    return map_chunks(see, jnp.moveaxis(maps, -1, 0), max(1, batch_size // num_images)).T


def _unit_range(masks: Float[Array, "s n h w"]) -> Float[Array, "s n h w"]:
    """Each mask moved and scaled to [0, 1]; a constant one to 0, where the plain quotient would be NaN."""
    low, high = masks.min((2, 3), keepdims=True), masks.max((2, 3), keepdims=True)
    return (masks - low) / jnp.where(high > low, high - low, 1)
