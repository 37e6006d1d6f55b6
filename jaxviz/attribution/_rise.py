"""RISE: which pixels the output is high with, over random masks of the image, as a mean with its error."""

import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float, Int, PRNGKeyArray

from jaxviz._core.batch import default_batch
from jaxviz._core.callables import as_pytree
from jaxviz._core.check import check_baseline, check_count, check_images, check_outputs
from jaxviz._core.chunks import chunks
from jaxviz._core.grown import grown
from jaxviz._core.precision import at_least_single
from jaxviz._core.probability import Probability, check_probability, probabilities
from jaxviz._core.program import one_program
from jaxviz._core.target import Indices, Target, check_target, nan_where_invalid, scores
from jaxviz.transforms import channels_last

_LEAST = 256
"""Masks before a standard error is believed."""


class Rise(NamedTuple):
    """What the masks found.

    Attributes:
        map: the mean probability of the target, over the masks that show a pixel: `(n, h, w)`.
        standard_error: of each entry of `map`; it falls with the square root of the number of masks.
        num_masks: how many there were.
    """

    map: Float[Array, "n h w"]
    standard_error: Float[Array, "n h w"]
    num_masks: Int[Array, ""]


def rise(
    f: Callable,
    images: Float[Array, "n h w c"],
    target: Target,
    *,
    key: PRNGKeyArray,
    num_masks: int = 4000,
    cells: int = 7,
    keep: float = 0.5,
    tolerance: float | None = None,
    baseline: ArrayLike = 0.0,
    probability: Probability | None = None,
    score: Callable | None = None,
    batch_size: int | None = None,
) -> Rise:
    """RISE: the mean probability of the target over random masks, for each pixel over those that show it.

    An entry is a probability: the larger, the more the network is sure of the target where that pixel is seen. The
    network is only called, so this explains anything, at the cost of thousands of calls.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> f = lambda images: images[:, 0, 0]  # looks at the first pixel alone
        >>> options = {"num_masks": 1000, "cells": 2, "score": lambda outputs: outputs}
        >>> found = rise(f, jnp.ones((1, 8, 8, 1)), 0, key=jax.random.key(0), **options)
        >>> bool(found.map[0, 0, 0] == found.map.max()), found.map.shape
        (True, (1, 8, 8))

    Args:
        f: from images to outputs `(n, k)`, as for `saliency`.
        images: in the network's own range.
        target: the output that is explained, one for all images or one per image.
        key: for the masks, which are the same for all images and do not depend on `batch_size`.
        num_masks: at most; the paper takes 4000 to 8000. Each costs a forward pass for each image.
        cells: rows and columns of the coarse masks, which are enlarged bilinearly and shifted by less than a cell.
        keep: the probability that a cell is shown.
        tolerance: stop once the mean standard error of each image is below this share of the range of its map, after
            256 masks at the earliest. By default all masks are drawn. A result that may stop early has no gradient.
        baseline: what covers a pixel: a number, one pixel `(c,)`, or whole images. Zero is the mean color for a network
            that subtracts it.
        probability: how it is read from the outputs: `"softmax"` over classes, `"sigmoid"` for labels of which each
            stands for itself. By default a softmax, and a sigmoid for a head of one output.
        score: from outputs to what is read for the target in place of a probability.
        batch_size: how many masked images go through `f` at a time, at least one for each image: it bounds the memory.
            By default a number that suits the network and the device.

    Returns:
        The map, its standard error, and the number of masks.

    Raises:
        ValueError: a count below 1, `keep` or `tolerance` is not between 0 and 1, `baseline` does not broadcast to the
            images, a `probability` beside a `score`, `f` takes no other number of images than was given, or as for
            `saliency`.
        TypeError: as for `saliency`.

    References:
        Petsiuk et al., [RISE](https://arxiv.org/abs/1806.07421), 2018, section 3, equations 4 to 6. Differs from it in:
        an entry is divided by the sum of the masks at its pixel and not by their expectation, so that a constant output
        gives a constant map.
    """
    f, images = as_pytree(f), check_images(images)
    num_masks, cells = check_count(num_masks, "num_masks"), check_count(cells, "cells")
    for name, share in (("keep", keep), ("tolerance", tolerance)):
        if share is not None and not 0 < share < 1:
            raise ValueError(f"`{name}` must be between 0 and 1, got {share}.")
    if probability is not None and score is not None:
        raise ValueError(f"`probability` must be left out where there is a `score`, got {probability!r}. Drop one.")
    baseline = jnp.broadcast_to(check_baseline(baseline, images.shape, "images").astype(images.dtype), images.shape)
    batch_size = None if batch_size is None else check_count(batch_size, "batch_size")
    num_outputs = check_outputs(f, images)
    indices = check_target(target, images.shape[0], num_outputs)
    return _rise(
        f,
        images,
        indices,
        baseline,
        key,
        num_masks=num_masks,
        cells=cells,
        keep=float(keep),
        tolerance=tolerance,
        probability=check_probability(probability, num_outputs),
        score=score,
        batch_size=batch_size or default_batch(f, images),
        num_outputs=num_outputs,
    )


@one_program
def _rise(
    f: Callable,
    images: Float[Array, "n h w c"],
    indices: Indices,
    baseline: Float[Array, "n h w c"],
    key: PRNGKeyArray,
    *,
    num_masks: int,
    cells: int,
    keep: float,
    tolerance: float | None,
    probability: Probability,
    score: Callable | None,
    batch_size: int,
    num_outputs: int,
) -> Rise:
    num_images, height, width, _ = images.shape
    count, size = chunks(num_masks, max(1, batch_size // num_images))
    dtype = jnp.promote_types(images.dtype, jnp.float32)

    def read(masked: Array) -> Array:
        outputs = grown(f, num_images)(masked)
        found = probabilities(outputs, probability) if score is None else score(outputs)
        return at_least_single(scores(found, jnp.repeat(jnp.asarray(indices), size)))

    # XLA computes convolutions slowly inside of a loop on a CPU.
    read = channels_last(read)

    def add(sums: tuple[Array, ...], chunk: Array) -> tuple[Array, ...]:
        numbers = chunk * size + jnp.arange(size)
        masks = jax.vmap(lambda number: _mask(jax.random.fold_in(key, number), height, width, cells, keep))(numbers)
        mask = masks[None, ..., None].astype(images.dtype)
        shown = baseline[:, None] + mask * (images - baseline)[:, None]
        seen = read(shown.reshape(-1, *images.shape[1:])).reshape(num_images, size).astype(dtype)
        masks = jnp.where((numbers < num_masks)[:, None, None], masks, 0).astype(dtype)
        total, squares, weight, weight_2, cross = sums
        return (
            total + jnp.einsum("ns,shw->nhw", seen, masks),
            squares + jnp.einsum("ns,shw->nhw", seen**2, masks**2),
            weight + masks.sum(0),
            weight_2 + (masks**2).sum(0),
            cross + jnp.einsum("ns,shw->nhw", seen, masks**2),
        )

    plane = jnp.zeros((height, width), dtype)
    stack = jnp.zeros((num_images, height, width), dtype)
    start = (stack, stack, plane, plane, stack)
    if tolerance is None:
        sums, _ = jax.lax.scan(lambda sums, chunk: (add(sums, chunk), None), start, jnp.arange(count))
        done = jnp.asarray(count)
    else:

        def unsettled(state: tuple[Array, tuple[Array, ...]]) -> Array:
            done, sums = state
            mean, error = _estimate(sums)
            spread = mean.max((1, 2)) - mean.min((1, 2))
            settled = (error.mean((1, 2)) <= tolerance * spread).all() & (done * size >= _LEAST)
            return (done < count) & ~settled

        done, sums = jax.lax.while_loop(
            unsettled, lambda state: (state[0] + 1, add(state[1], state[0])), (jnp.asarray(0), start)
        )
    mean, error = _estimate(sums)
    found = Rise(mean.astype(images.dtype), error.astype(images.dtype), jnp.minimum(done * size, num_masks))
    return found._replace(
        map=nan_where_invalid(found.map, indices, num_outputs),
        standard_error=nan_where_invalid(found.standard_error, indices, num_outputs),
    )


def _estimate(sums: tuple[Array, ...]) -> tuple[Float[Array, "n h w"], Float[Array, "n h w"]]:
    """The weighted mean of the outputs at each pixel, and its standard error: that of a ratio of two means."""
    total, squares, weight, weight_2, cross = sums
    there = jnp.where(weight > 0, weight, 1)
    mean = total / there
    # sum(masks**2 * (seen - mean)**2)
    variance = squares - 2 * mean * cross + mean**2 * weight_2
    positive = ~(variance <= 0)  # or NaN, as the outputs are
    return mean, jnp.where(positive, jnp.sqrt(jnp.where(positive, variance, 1)), 0) / there


def _mask(key: PRNGKeyArray, height: int, width: int, cells: int, keep: float) -> Float[Array, "h w"]:
    """Section 3.2: a coarse mask one cell too large, enlarged, and cut out at a random place."""
    which, place = jax.random.split(key)
    shown = jax.random.bernoulli(which, keep, (cells + 1, cells + 1)).astype(jnp.float32)
    rows, cols = math.ceil(height / cells), math.ceil(width / cells)
    large = jax.image.resize(shown, ((cells + 1) * rows, (cells + 1) * cols), "bilinear")
    corner = jax.random.randint(place, (2,), 0, jnp.array([rows, cols]))
    return jax.lax.dynamic_slice(large, (corner[0], corner[1]), (height, width))
