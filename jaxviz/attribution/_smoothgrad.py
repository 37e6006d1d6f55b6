"""The gradient averaged over noisy copies of the image, which takes the roughness out of it."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from jaxviz._core.batch import default_batch
from jaxviz._core.callables import as_pytree
from jaxviz._core.check import Inputs, check_count, check_inputs, check_outputs
from jaxviz._core.grown import num_rows
from jaxviz._core.program import one_program
from jaxviz._core.target import Indices, Target, check_target, nan_where_invalid
from jaxviz.attribution._mean_gradient import sum_of_gradients
from jaxviz.transforms import Rule


def smoothgrad(
    f: Callable,
    images: Inputs,
    target: Target,
    *,
    key: PRNGKeyArray,
    num_samples: int = 50,
    noise: float = 0.15,
    rule: Rule = "gradient",
    batch_size: int | None = None,
) -> Inputs:
    """The mean of the gradient over copies of the image with Gaussian noise.

    An entry reads like one of `saliency`, for a network that has been smoothed.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> f = lambda images: (images**2).sum((1, 2, 3))[:, None]
        >>> image = jnp.array([1.0, 2.0]).reshape(1, 1, 2, 1)
        >>> smoothgrad(f, image, target=0, key=jax.random.key(0)).round().ravel().tolist()
        [2.0, 4.0]

    Args:
        f: from images to outputs `(n, k)`, as for `saliency`.
        images: in the network's own range, as for `saliency`.
        target: the output that is explained, one for all images or one per image.
        key: for the noise. The noise does not depend on `batch_size`.
        num_samples: noisy copies of each image; the paper sees little change beyond 50. Each costs a forward and a
            backward pass.
        noise: standard deviation of the noise, as a share of the difference between the largest and the smallest value
            of the image, of each array of a tree for itself; the paper finds 0.1 to 0.2 best.
        rule: how the gradient passes a ReLU, as in `with_rule`.
        batch_size: how many noisy images go through `f` at a time, at least one for each image: it bounds the memory.
            By default a number that suits the network and the device.

    Returns:
        One entry per entry of `images`, in the same structure, signed.

    Raises:
        ValueError: `noise` is negative, `num_samples` or `batch_size` below 1, `f` takes no other number of images
            than was given, or as for `saliency`.
        TypeError: as for `saliency`.

    References:
        Smilkov et al., [SmoothGrad](https://arxiv.org/abs/1706.03825), 2017, section 3. Differs from it in: signed,
        where the paper shows absolute values.
    """
    f, images = as_pytree(f), check_inputs(images)
    if isinstance(noise, float | int) and not noise >= 0:
        raise ValueError(f"`noise` must be at least 0, got {noise}. It is a share of the image's range; try 0.15.")
    num_samples = check_count(num_samples, "num_samples")
    batch_size = None if batch_size is None else check_count(batch_size, "batch_size")
    num_outputs = check_outputs(f, images)
    indices = check_target(target, num_rows(images), num_outputs)
    return _smoothgrad(
        f,
        images,
        indices,
        key,
        jnp.asarray(noise),
        num_samples=num_samples,
        rule=rule,
        batch_size=batch_size or default_batch(f, images),
        num_outputs=num_outputs,
    )


@one_program
def _smoothgrad(
    f: Callable,
    images: Inputs,
    indices: Indices,
    key: PRNGKeyArray,
    noise: Float[Array, ""],
    *,
    num_samples: int,
    rule: Rule,
    batch_size: int,
    num_outputs: int,
) -> Inputs:
    leaves, tree = jax.tree.flatten(images)

    def noisy(leaf: Array, key: PRNGKeyArray) -> Array:
        axes = tuple(range(1, leaf.ndim))
        deviation = noise.astype(leaf.dtype) * (leaf.max(axes, keepdims=True) - leaf.min(axes, keepdims=True))
        return leaf + deviation * jax.random.normal(key, leaf.shape, leaf.dtype)

    def points(number: Array) -> Inputs:
        own = jax.random.fold_in(key, number)
        keys = [own] if len(leaves) == 1 else jax.random.split(own, len(leaves))
        return tree.unflatten([noisy(leaf, key) for leaf, key in zip(leaves, keys, strict=True)])

    weights = jnp.full(num_samples, 1 / num_samples)
    total = sum_of_gradients(f, images, indices, rule, points, weights, batch_size)
    return nan_where_invalid(total, indices, num_outputs)
