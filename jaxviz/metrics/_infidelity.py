"""Whether an attribution foretells what a perturbation does, and how much it changes with one that does nothing."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.core import Tracer
from jaxtyping import Array, Float, PRNGKeyArray

from jaxviz._core.batch import default_batch
from jaxviz._core.callables import as_pytree
from jaxviz._core.check import check_count, check_float, check_images, check_outputs
from jaxviz._core.chunks import chunks
from jaxviz._core.grown import grown
from jaxviz._core.precision import at_least_single
from jaxviz._core.program import one_program
from jaxviz._core.target import Indices, Target, check_target, nan_where_invalid, scores


def infidelity(
    f: Callable,
    images: Float[Array, "n h w c"],
    target: Target,
    attribution: Float[Array, "n h w c"],
    *,
    key: PRNGKeyArray,
    noise: float = 0.1,
    num_samples: int = 50,
    normalize: bool = False,
    batch_size: int | None = None,
) -> Float[Array, " n"]:
    """How far an attribution is from foretelling what noise does to the output: a mean squared error.

    For noise `I` the attribution foretells `sum(I * attribution)`, and the output falls by `f(x) - f(x - I)`.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> f = lambda images: 3 * images.sum((1, 2))
        >>> images = jnp.ones((1, 2, 2, 1))
        >>> infidelity(f, images, 0, jnp.full_like(images, 3.0), key=jax.random.key(0)).round(4).tolist()
        [0.0]

    Args:
        f: from images to outputs `(n, k)`, as for `saliency`.
        images: in the network's own range.
        target: the output that was explained, one for all images or one per image.
        attribution: one number for each number of the images, in outputs per unit of input, as of `saliency`. That of
            `integrated_gradients` is to be divided by the way that it went.
        key: for the noise, which does not depend on `batch_size`.
        noise: standard deviation, as a share of the difference between the largest and the smallest value of an image.
        num_samples: noisy copies of each image. Each costs a forward pass.
        normalize: whether the attribution is scaled by the factor that foretells best, so that units do not count.
        batch_size: how many images go through `f` at a time, at least one for each image.

    Returns:
        One number for each image, in squared outputs: the smaller, the better.

    Raises:
        ValueError: `attribution` has another shape than the images, `noise` is negative, a count is below 1, or as for
            `saliency`.
        TypeError: as for `saliency`.

    References:
        Yeh et al., [On the (In)fidelity and Sensitivity of Explanations](https://arxiv.org/abs/1901.09392), 2019,
        definition 2.1, with Gaussian noise; `normalize` by proposition A.1.
    """
    f, images = as_pytree(f), check_images(images)
    if jnp.shape(attribution) != images.shape:
        raise ValueError(
            f"`attribution` must have the shape {images.shape} of `images`, got {jnp.shape(attribution)}. Do not sum "
            "it over the channels."
        )
    attribution = check_float(attribution, "attribution")
    if not noise >= 0:
        raise ValueError(f"`noise` must be at least 0, got {noise}. It is a share of the image's range.")
    num_outputs = check_outputs(f, images)
    return _infidelity(
        f,
        images,
        check_target(target, images.shape[0], num_outputs),
        attribution,
        key,
        noise=float(noise),
        num_samples=check_count(num_samples, "num_samples"),
        normalize=normalize,
        batch_size=check_count(default_batch(f, images) if batch_size is None else batch_size, "batch_size"),
        num_outputs=num_outputs,
    )


@one_program
def _infidelity(
    f: Callable,
    images: Float[Array, "n h w c"],
    indices: Indices,
    attribution: Float[Array, "n h w c"],
    key: PRNGKeyArray,
    *,
    noise: float,
    num_samples: int,
    normalize: bool,
    batch_size: int,
    num_outputs: int,
) -> Float[Array, " n"]:
    num_images = images.shape[0]
    count, size = chunks(num_samples, max(1, batch_size // num_images))
    deviation = noise * (images.max((1, 2, 3), keepdims=True) - images.min((1, 2, 3), keepdims=True))
    plain = at_least_single(scores(f(images), indices))

    def see(chunk: Array) -> tuple[Array, Array]:
        numbers = chunk * size + jnp.arange(size)
        draws = jax.vmap(lambda number: jax.random.normal(jax.random.fold_in(key, number), images.shape, images.dtype))
        moved = deviation[:, None] * jnp.moveaxis(draws(numbers), 0, 1)
        outputs = grown(f, num_images)((images[:, None] - moved).reshape(-1, *images.shape[1:]))
        left = at_least_single(scores(outputs, jnp.repeat(jnp.asarray(indices), size))).reshape(num_images, size)
        predicted = jnp.einsum("nshwc,nhwc->ns", at_least_single(moved), at_least_single(attribution))
        return predicted, plain[:, None] - left

    predicted, dropped = (
        jnp.moveaxis(part, 0, 1).reshape(num_images, -1)[:, :num_samples]
        for part in jax.lax.map(see, jnp.arange(count))
    )
    if normalize:
        squares = (predicted**2).mean(1, keepdims=True)
        factor = (predicted * dropped).mean(1, keepdims=True) / jnp.where(squares > 0, squares, 1)
        predicted = factor * predicted
    return nan_where_invalid(((predicted - dropped) ** 2).mean(1), indices, num_outputs)


def max_sensitivity(
    explain: Callable[[Array], Any],
    images: Float[Array, "n h w c"],
    *,
    key: PRNGKeyArray,
    radius: float = 0.02,
    num_samples: int = 10,
) -> Float[Array, " n"]:
    """How much an explanation changes, at most, when the image changes by so little that nobody sees it.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> images = jnp.arange(4.0).reshape(1, 2, 2, 1)
        >>> max_sensitivity(lambda x: 0 * x + 2, images, key=jax.random.key(0)).tolist()
        [0.0]

    Args:
        explain: from images to an explanation of each, of any shape: `lambda x: jv.saliency(f, x, target)`.
        images: in the network's own range.
        key: for the changes.
        radius: the most by which a number of the image changes, as a share of the difference between the largest and
            the smallest value of the image.
        num_samples: changes that are tried. Each costs an explanation.

    Returns:
        One number for each image: the largest distance of an explanation from the one of the image itself, in shares of
        the norm of that one. 0 is best. NaN where that explanation is zero.

    Raises:
        ValueError: `radius` is negative, `num_samples` below 1, or `images` have other axes.
        TypeError: `images` are no floating-point numbers.

    References:
        Yeh et al., [On the (In)fidelity and Sensitivity of Explanations](https://arxiv.org/abs/1901.09392), 2019,
        definition 3.1; divided by the norm as in Quantus and captum.
    """
    images = check_images(images)
    if not radius >= 0:
        raise ValueError(f"`radius` must be at least 0, got {radius}. It is a share of the image's range.")
    num_samples = check_count(num_samples, "num_samples")
    span = images.max((1, 2, 3), keepdims=True) - images.min((1, 2, 3), keepdims=True)
    before = _rows(explain(images))
    norms = jnp.linalg.norm(before, axis=1)

    def change(number: int | Array) -> Array:
        own = jax.random.fold_in(key, number)
        moved = images + radius * span * jax.random.uniform(own, images.shape, images.dtype, -1, 1)
        return jnp.linalg.norm(_rows(explain(moved)) - before, axis=1)

    if isinstance(images, Tracer):
        changes = jax.lax.map(change, jnp.arange(num_samples))  # compiled once
    else:
        changes = jnp.stack([change(number) for number in range(num_samples)])
    largest = changes.max(0)
    return jnp.where(norms > 0, largest / jnp.where(norms > 0, norms, 1), jnp.nan)


def _rows(explanation: Any) -> Float[Array, "n m"]:
    leaves = [at_least_single(jnp.asarray(leaf)) for leaf in jax.tree.leaves(explanation)]
    return jnp.concatenate([leaf.reshape(len(leaf), -1) for leaf in leaves], 1)
