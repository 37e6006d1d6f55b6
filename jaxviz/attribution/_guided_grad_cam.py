"""Guided Grad-CAM: the detail of guided backpropagation where Grad-CAM sees the class."""

from collections.abc import Callable

import jax
from jaxtyping import Array, Float

from jaxviz._core.callables import as_pytree
from jaxviz._core.check import check_images, check_layer
from jaxviz._core.map_layout import MapLayout, map_layout
from jaxviz._core.program import one_program
from jaxviz._core.target import Indices, Target, check_target
from jaxviz.attribution._cam import class_activation_map, weigh_by_mean
from jaxviz.attribution._gradients import gradient


def guided_grad_cam(
    f: Callable,
    images: Float[Array, "n h w c"],
    target: Target,
    layer: str,
    *,
    channel_axis: int | None = None,
    grid: tuple[int, int] | None = None,
) -> Float[Array, "n h w c"]:
    """Guided backpropagation times the upsampled Grad-CAM.

    An entry is a guided gradient, and zero where the layer does not speak for the output.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from jax.ad_checkpoint import checkpoint_name
        >>> f = lambda images: checkpoint_name(jax.nn.relu(images), "maps").mean((1, 2))
        >>> guided_grad_cam(f, jnp.array([-1.0, 4.0]).reshape(1, 1, 2, 1), target=0, layer="maps").ravel().tolist()
        [0.0, 1.0]

    Args:
        f: from images to outputs `(n, k)`, as for `saliency`; it needs a ReLU.
        images: in the network's own range.
        target: the output that is explained, one for all images or one per image.
        layer: for `grad_cam`.
        channel_axis: as for `grad_cam`.
        grid: as for `grad_cam`.

    Returns:
        One entry per entry of `images`, signed. The map is upsampled bilinearly, pixel centers at half steps. Cost:
        two forward passes and two backward passes, one of them down to the layer only.

    Raises:
        ValueError: as for `grad_cam`, or `f` has no ReLU.
        NotImplementedError: as for `grad_cam`.
        TypeError: as for `saliency`.

    References:
        Selvaraju et al., [Grad-CAM](https://arxiv.org/abs/1610.02391), 2017, section 3.2.
    """
    layout = map_layout(f, channel_axis, grid)
    f, images = as_pytree(f), check_images(images)
    num_outputs, _ = check_layer(f, images, layer, layout)
    indices = check_target(target, images.shape[0], num_outputs)
    return _guided_grad_cam(f, images, indices, layer=layer, layout=layout, num_outputs=num_outputs)


@one_program
def _guided_grad_cam(
    f: Callable, images: Float[Array, "n h w c"], indices: Indices, *, layer: str, layout: MapLayout, num_outputs: int
) -> Float[Array, "n h w c"]:
    maps = class_activation_map(f, images, indices, layer, layout, weigh_by_mean, num_outputs)
    upsampled = jax.image.resize(maps, images.shape[:3], "bilinear")
    return gradient(f, images, indices, "guided") * upsampled[..., None]
