"""What a network says while the pixels that a map calls important are taken away, or given back.

Both curves read the map for the order of its pixels alone, so that maps of all methods are measured by the same
program, whatever their unit. A pixel is taken away by painting over it, which makes pictures that the network has not
been trained on: compare areas of methods with those of a random map, not with zero.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float, Int

from jaxviz._core.batch import default_batch
from jaxviz._core.callables import as_pytree
from jaxviz._core.check import check_baseline, check_count, check_float, check_images, check_outputs
from jaxviz._core.chunks import map_chunks
from jaxviz._core.grown import grown
from jaxviz._core.precision import at_least_single
from jaxviz._core.probability import Probability, check_probability, probabilities
from jaxviz._core.program import one_program
from jaxviz._core.target import Indices, Target, check_target, nan_where_invalid, scores


class Curve(NamedTuple):
    """What became of the target, from no pixel changed to all of them.

    Attributes:
        shares: of the pixels that have been changed, from 0 to 1.
        values: of the target at each share.
        area: under the values, by trapezoids; in [0, 1] for probabilities.
    """

    shares: Float[Array, " steps"]
    values: Float[Array, "n steps"]
    area: Float[Array, " n"]


def deletion(
    f: Callable,
    images: Float[Array, "n h w c"],
    target: Target,
    attribution: Float[Array, "n h2 w2"],
    *,
    num_steps: int = 20,
    baseline: ArrayLike = 0.0,
    probability: Probability | None = None,
    score: Callable | None = None,
    batch_size: int | None = None,
) -> Curve:
    """The target's probability while the most important pixels are painted over first.

    A map that points at what the network uses makes it fall early: the smaller the area, the better.

    Example:
        >>> import jax.numpy as jnp
        >>> f = lambda images: images.sum((1, 2))
        >>> images = jnp.array([3.0, 1.0]).reshape(1, 1, 2, 1)
        >>> curve = deletion(f, images, 0, images[..., 0], num_steps=2, score=lambda outputs: outputs)
        >>> curve.values.tolist(), curve.area.tolist()
        ([[4.0, 1.0, 0.0]], [1.5])

    Args:
        f: from images to outputs `(n, k)`.
        images: in the network's own range.
        target: the output that is watched, one for all images or one per image.
        attribution: one number per pixel, or per place of a coarser map, which is stretched bilinearly. Larger is more
            important; of equal ones the upper row, then the left column comes first.
        num_steps: in how many equal steps the pixels are changed. Each costs a forward pass, and the clean image one.
            The paper uses one per row of the image; 20 give the same order of methods.
        baseline: what is painted: a number, one pixel `(c,)`, or whole images. Zero is the mean color for a network
            that subtracts it.
        probability: how it is read from the outputs: `"softmax"` over classes, `"sigmoid"` for labels of which each
            stands for itself. By default a softmax, and a sigmoid for a head of one output.
        score: from outputs to what is read for the target in place of a probability.
        batch_size: how many images go through `f` at a time, at least one for each image: it bounds the memory. By
            default a number that suits the device.

    Returns:
        The curve of each image. Where a traced target does not exist, its values are NaN.

    Raises:
        ValueError: before anything is computed: `attribution` is not one map per image, `baseline` does not broadcast
            to the images, a count below 1, a `probability` that is none or stands beside a `score`, `f` takes
            no other number of images than was given, or as for `saliency`.
        TypeError: as for `saliency`.

    References:
        Petsiuk et al., [RISE](https://arxiv.org/abs/1806.07421), 2018, section 4.1.
    """
    return _follow(f, images, target, attribution, num_steps, baseline, probability, score, batch_size, deleting=True)


def insertion(
    f: Callable,
    images: Float[Array, "n h w c"],
    target: Target,
    attribution: Float[Array, "n h2 w2"],
    *,
    num_steps: int = 20,
    baseline: ArrayLike = 0.0,
    probability: Probability | None = None,
    score: Callable | None = None,
    batch_size: int | None = None,
) -> Curve:
    """The target's probability while the most important pixels are the first to appear.

    A map that points at what the network uses makes it rise early: the larger the area, the better.

    Example:
        >>> import jax.numpy as jnp
        >>> f = lambda images: images.sum((1, 2))
        >>> images = jnp.array([3.0, 1.0]).reshape(1, 1, 2, 1)
        >>> insertion(f, images, 0, images[..., 0], num_steps=2, score=lambda outputs: outputs).values.tolist()
        [[0.0, 3.0, 4.0]]

    Args:
        f: as for `deletion`, and so are all others.
        images: in the network's own range.
        target: the output that is watched.
        attribution: one number per pixel, or per place of a coarser map.
        num_steps: in how many equal steps the pixels appear.
        baseline: what is there before. The paper takes the image itself, strongly blurred, which has no sharp edges
            that a class could be read from.
        probability: how it is read from the outputs.
        score: from outputs to what is read for the target in place of a probability.
        batch_size: how many images go through `f` at a time.

    Returns:
        The curve of each image.

    Raises:
        ValueError: as for `deletion`.
        TypeError: as for `deletion`.

    References:
        Petsiuk et al., [RISE](https://arxiv.org/abs/1806.07421), 2018, section 4.1.
    """
    return _follow(f, images, target, attribution, num_steps, baseline, probability, score, batch_size, deleting=False)


def _follow(
    f: Callable,
    images: Float[Array, "n h w c"],
    target: Target,
    attribution: Float[Array, "n h2 w2"],
    num_steps: int,
    baseline: ArrayLike,
    probability: Probability | None,
    score: Callable | None,
    batch_size: int | None,
    *,
    deleting: bool,
) -> Curve:
    f, images = as_pytree(f), check_images(images)
    if jnp.ndim(attribution) != 3 or jnp.shape(attribution)[0] != images.shape[0]:
        raise ValueError(
            f"`attribution` must be one map per image, ({images.shape[0]}, rows, cols), got {jnp.shape(attribution)}. "
            "Make one number of the channels of a pixel: the sum, or the sum of the absolute values."
        )
    attribution = check_float(attribution, "attribution")
    baseline = jnp.broadcast_to(check_baseline(baseline, images.shape, "images").astype(images.dtype), images.shape)
    num_steps = check_count(num_steps, "num_steps")
    if probability is not None and score is not None:
        raise ValueError(f"`probability` must be left out where there is a `score`, got {probability!r}. Drop one.")
    num_outputs = check_outputs(f, images)
    batch_size = check_count(default_batch(f, images) if batch_size is None else batch_size, "batch_size")
    probability = check_probability(probability, num_outputs)
    indices = check_target(target, images.shape[0], num_outputs)
    before, after = (images, baseline) if deleting else (baseline, images)
    shares, values = _curve(
        f,
        before,
        after,
        indices,
        attribution,
        num_steps=num_steps,
        probability=probability,
        score=score,
        batch_size=batch_size,
    )
    values = nan_where_invalid(values, indices, num_outputs)
    return Curve(shares, values, jnp.trapezoid(values, shares))


@one_program
def _curve(
    f: Callable,
    before: Float[Array, "n h w c"],
    after: Float[Array, "n h w c"],
    indices: Indices,
    attribution: Float[Array, "n h2 w2"],
    *,
    num_steps: int,
    probability: Probability,
    score: Callable | None,
    batch_size: int,
) -> tuple[Float[Array, " steps"], Float[Array, "n steps"]]:
    num_images, height, width, _ = before.shape
    stretched = jax.image.resize(at_least_single(attribution), (num_images, height, width), "bilinear")
    order = turns(stretched)
    # Whole pixels, rounded, so that the last step has changed all of them.
    counts = jnp.round(jnp.arange(num_steps + 1) * (height * width / num_steps)).astype(order.dtype)

    def read(outputs: Float[Array, "m k"]) -> Float[Array, "m k"]:
        return probabilities(outputs, probability) if score is None else score(outputs)

    def see(chunk: Int[Array, " s"]) -> Float[Array, "s n"]:
        size = chunk.shape[0]
        # The steps of an image next to each other: a batch that is sharded stays so.
        changed = (order[:, None] < chunk[:, None, None])[..., None]
        mixed = jnp.where(changed, after[:, None], before[:, None]).reshape(-1, height, width, before.shape[-1])
        seen = scores(read(grown(f, num_images)(mixed)), jnp.repeat(jnp.asarray(indices), size))
        return seen.reshape(num_images, size).T

    values = map_chunks(see, counts, max(1, batch_size // num_images)).T
    # A map with a NaN, or with two infinities next to each other, has no order.
    ordered = ~jnp.isnan(stretched).any((1, 2))
    return counts / (height * width), jnp.where(ordered[:, None], values, jnp.nan)


def turns(maps: Float[Array, "n h w"]) -> Int[Array, "n h w"]:
    """When it is each pixel's turn: 0 for the most important one."""
    order = jnp.argsort(maps.reshape(maps.shape[0], -1), axis=-1, descending=True, stable=True)
    return jnp.argsort(order, axis=-1).reshape(maps.shape)
