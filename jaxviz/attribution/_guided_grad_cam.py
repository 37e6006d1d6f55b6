"""Guided Grad-CAM: the detail of guided backpropagation where Grad-CAM sees the class."""

from collections.abc import Callable

import jax
from jaxtyping import Array, Float

from jaxviz.attribution._cam import grad_cam
from jaxviz.attribution._gradients import saliency
from jaxviz.attribution._target import Target


def guided_grad_cam(
    f: Callable, images: Float[Array, "n h w c"], target: Target, layer: str
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
    maps = grad_cam(f, images, target, layer)
    upsampled = jax.image.resize(maps, images.shape[:3], "bilinear")
    return saliency(f, images, target, rule="guided") * upsampled[..., None]
