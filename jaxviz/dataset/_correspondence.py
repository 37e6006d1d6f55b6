"""Whether a network knows that the same part of two objects corresponds, though nobody ever told it of parts."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float, Int, PRNGKeyArray

from jaxviz._core.batch import default_batch
from jaxviz._core.callables import as_pytree
from jaxviz._core.check import check_baseline, check_count, check_images
from jaxviz._core.chunks import chunks
from jaxviz._core.grown import grown
from jaxviz._core.layers import check_layers, check_names
from jaxviz._core.meshes import replicated
from jaxviz._core.program import one_program
from jaxviz.dataset._layers import activations
from jaxviz.dataset._part_boxes import boxes_of, random_boxes

_COUNTABLE = 2**24
MEASURES = ("differing", "absolute", "differing_changed", "absolute_changed")


class Correspondence(NamedTuple):
    """Hamming distances between what covering a part does to the features of `n` images; small ones correspond.

    `eps = x - x_covered` is the change of a layer, and its sign is one of -1, 0 and 1. Where `eps` is exactly 0, as
    everywhere beyond the reach of the part and wherever a ReLU is silent before and after, the sign is 0: it agrees
    with another 0, and differs from both others. Four measures of a pair of images, by name:

    - `differing`: the share of the layer's entries whose signs differ, in [0, 1];
    - `absolute`: the mean of the absolute difference of the signs, in [0, 2]: opposite signs count twice;
    - `differing_changed`, `absolute_changed`: the same over only those entries where the sign of at least one of the
      two images is not 0; zero for a pair in which nothing changed.

    Attributes:
        parts: names of the `p` parts.
        distances: by measure, `(p,)`: the mean over all pairs of images.
        standard_errors: by measure, `(p,)`: of the mean, by the jackknife over images, as pairs share images.
        random: by measure, `(d,)`: the mean distance for each draw of a random place in each image.
        p_values: by measure, `(p,)`: how likely a random draw is at least as small, `(1 + smaller ones) / (1 + d)`.
        pairs: by measure, `(p, n (n - 1) / 2)`: the distance of each pair, in the order 01, 02, ..., 12, ...
        boxes: `(p, n, 4)`: what was covered: top, left, bottom, right.
        random_boxes: `(d, n, 4)`.
    """

    parts: tuple[str, ...]
    distances: dict[str, Float[np.ndarray, " p"]]
    standard_errors: dict[str, Float[np.ndarray, " p"]]
    random: dict[str, Float[np.ndarray, " d"]]
    p_values: dict[str, Float[np.ndarray, " p"]]
    pairs: dict[str, Float[np.ndarray, "p pairs"]]
    boxes: Int[np.ndarray, "p n 4"]
    random_boxes: Int[np.ndarray, "d n 4"]


def correspondence(
    f: Callable,
    images: Float[Array, "n h w c"],
    layers: Sequence[str],
    parts: Mapping[str, ArrayLike | Sequence],
    *,
    key: PRNGKeyArray,
    size: int | tuple[int, int],
    baseline: ArrayLike = 0.0,
    num_draws: int = 100,
    batch_size: int | None = None,
) -> dict[str, Correspondence]:
    """Covers the same part in each image, and compares the signs of what changes in a layer over all pairs of images.

    If a layer has a notion of the part, covering it does the same to the features of every image, and the distance is
    smaller than for places that have nothing to do with each other.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from jax.ad_checkpoint import checkpoint_name
        >>> f = lambda images: checkpoint_name(images.mean((1, 2)), "mean")
        >>> images = jnp.ones((3, 4, 4, 1)).at[2].set(-1.0)  # covering the third one has the opposite effect
        >>> eyes = {"eye": [(1, 1), (1, 1), (1, 1)]}
        >>> found = correspondence(f, images, ["mean"], eyes, key=jax.random.key(0), size=2, num_draws=3)["mean"]
        >>> found.pairs["absolute"].tolist(), found.pairs["differing"].tolist()
        ([[0.0, 2.0, 2.0]], [[0.0, 1.0, 1.0]])

    Args:
        f: a function of images that has the layer, each row depending on its own image alone.
        images: three or more, of objects in the same pose, in the network's own range.
        layers: names from `layers(f, images)`; they share the passes.
        parts: by name, the row and column of the center of the part in each image, `(n, 2)`.
        key: for the random places.
        size: rows and columns of the covered box in pixels (one number: square).
        baseline: what covers it: a number, one pixel `(c,)`, or a whole image. Zero is the mean color for a network
            that subtracts it.
        num_draws: how many times a random place is covered in each image: of the same size, inside of the image, and
            not touching any of its parts.
        batch_size: how many covered images go through `f` at a time, at least one of each: it bounds the memory. By
            default a number that suits the device.

    Returns:
        From the name of each layer to its distances. Cost: `n (p + num_draws)` forward passes up to the last layer.

    Raises:
        ValueError: fewer than three images, no part, a part that is not given for every image or whose box reaches
            beyond it, an image with no place left, an unknown layer, a baseline that does not fit, or `f`
            takes no other number of images than was given.
        TypeError: `images` are no floating-point numbers, or `size` no integer.

    References:
        Zeiler and Fergus, [Visualizing and Understanding Convolutional Networks](https://arxiv.org/abs/1311.2901),
        2014, section 4.3 and table 1. Differs from it in: the distance of a pair is a mean over entries and not a sum,
        the standard error allows for pairs that share an image, and the random places are drawn many times.
    """
    # All pairs of images meet.
    f, images = as_pytree(f), replicated(check_images(images))
    names = check_names(layers)
    if len(images) < 3:
        raise ValueError(f"`images` must be three or more, got {len(images)}. Two have one pair, which has no spread.")
    for name, shape in check_layers(f, names, jax.ShapeDtypeStruct(images.shape, images.dtype)).items():
        if (entries := math.prod(shape[1:])) > _COUNTABLE:
            raise ValueError(
                f"`layer` must have at most {_COUNTABLE} entries, which float32 can count, got {entries} for {name!r}. "
                "Choose a deeper one."
            )
    baseline = check_baseline(baseline, images.shape[1:], "images").astype(images.dtype)
    num_draws = check_count(num_draws, "num_draws")
    batch_size = check_count(default_batch(f, images) if batch_size is None else batch_size, "batch_size")
    count, height, width = images.shape[:3]
    boxes = boxes_of(parts, (count, height, width), size)
    anywhere = random_boxes(key, boxes, (height, width), num_draws)
    counted = _count(
        f, images, np.concatenate([boxes, anywhere]), baseline, names=names, most=max(1, batch_size // len(images))
    )
    return {
        name: _summary(tuple(parts), boxes, anywhere, np.asarray(counted[name], np.float64), len(images))
        for name in names
    }


@one_program
def _count(
    f: Callable,
    images: Float[Array, "n h w c"],
    boxes: Int[Array, "m n 4"],
    baseline: Array,
    *,
    names: tuple[str, ...],
    most: int,
) -> dict[str, Float[Array, "m pairs 4"]]:
    """For each pair: entries, those of which one sign is not 0, those whose signs differ, the sum of differences."""
    num_images, (count, size) = len(images), chunks(len(boxes), most)
    rows, cols = jnp.ogrid[: images.shape[1], : images.shape[2]]

    def covered(image: Float[Array, "h w c"], box: Int[Array, "4"]) -> Float[Array, "h w c"]:
        top, left, bottom, right = box
        inside = (rows >= top) & (rows < bottom) & (cols >= left) & (cols < right)
        return jnp.where(inside[..., None], baseline, image)

    def features(chunk: Int[Array, "s n 4"]) -> dict[str, Float[Array, "s n e"]]:
        made = jax.vmap(jax.vmap(covered), (None, 0))(images, chunk)
        found = activations(grown(f, num_images, tiled=True), names, made.reshape(-1, *images.shape[1:]))
        return {name: value.reshape(size, num_images, -1) for name, value in found.items()}

    def step(
        clean: dict[str, Array], inputs: tuple[Array, Int[Array, "s n 4"]]
    ) -> tuple[dict[str, Array], dict[str, Float[Array, "s pairs 4"]]]:
        first, chunk = inputs
        found = features(chunk)
        # The originals go through the loop as well, at the places of a batch that their covered copies take later:
        # another program, or another place in a batch, rounds sums otherwise, and no difference would be exactly 0.
        clean = jax.tree.map(lambda old, new: jnp.where(first, new, old), clean, found)
        return clean, jax.tree.map(lambda old, new: _compare(jnp.sign(old - new)), clean, found)

    index = jnp.minimum(jnp.arange(count * size), len(boxes) - 1)
    nothing = jnp.zeros((1, size, num_images, 4), boxes.dtype)
    steps = jnp.concatenate([nothing, jnp.asarray(boxes)[index].reshape(count, size, num_images, 4)])
    zeros = jax.tree.map(lambda value: jnp.zeros(value.shape, value.dtype), jax.eval_shape(features, steps[0]))
    _, counts = jax.lax.scan(step, zeros, (jnp.arange(count + 1) == 0, steps))
    return {name: value[1:].reshape(count * size, -1, 4)[: len(boxes)] for name, value in counts.items()}


def _compare(signs: Float[Array, "s n e"]) -> Float[Array, "s pairs 4"]:
    signs = signs.astype(jnp.float32)
    # Whole numbers up to `_COUNTABLE`, so nothing is rounded.
    both = jnp.einsum("sie,sje->sij", jnp.abs(signs), jnp.abs(signs), preferred_element_type=jnp.float32)
    opposite = (both - jnp.einsum("sie,sje->sij", signs, signs, preferred_element_type=jnp.float32)) / 2
    nonzero = jnp.einsum("sii->si", both)
    either = nonzero[:, :, None] + nonzero[:, None, :] - both
    alone = either - both
    counts = jnp.stack([jnp.full_like(both, signs.shape[-1]), either, alone + opposite, alone + 2 * opposite], -1)
    first, second = np.triu_indices(signs.shape[1], 1)
    return counts[:, first, second]


def _summary(
    names: tuple[str, ...],
    boxes: Int[np.ndarray, "p n 4"],
    anywhere: Int[np.ndarray, "d n 4"],
    counts: Float[np.ndarray, "m pairs 4"],
    num_images: int,
) -> Correspondence:
    entries, either, differing, absolute = np.moveaxis(counts, -1, 0)
    changed = np.maximum(either, 1)
    every = dict(
        zip(MEASURES, (differing / entries, absolute / entries, differing / changed, absolute / changed), strict=True)
    )
    pairs = {name: values[: len(names)] for name, values in every.items()}
    # What is equal has to come out equal, for it counts in the p-values: whole numbers are added up before they are
    # divided, and fractions without rounding.
    means = {
        "differing": differing.sum(1) / entries.sum(1),
        "absolute": absolute.sum(1) / entries.sum(1),
        **{name: _means(every[name]) for name in ("differing_changed", "absolute_changed")},
    }
    distances = {name: values[: len(names)] for name, values in means.items()}
    random = {name: values[len(names) :] for name, values in means.items()}
    return Correspondence(
        names,
        distances,
        {name: _jackknife(values, num_images) for name, values in pairs.items()},
        random,
        {name: _p_values(distances[name], random[name]) for name in MEASURES},
        pairs,
        boxes,
        anywhere,
    )


def _means(values: Float[np.ndarray, "m pairs"]) -> Float[np.ndarray, " m"]:
    return np.array([math.fsum(row) for row in values]) / values.shape[1]


def _p_values(distances: Float[np.ndarray, " p"], random: Float[np.ndarray, " d"]) -> Float[np.ndarray, " p"]:
    # Fractions like 1/3 are rounded before they are added: equal means differ by two units in the last place at most.
    at_most = distances[:, None] * (1 + 4 * np.finfo(np.float64).eps)
    return (1 + (random <= at_most).sum(1)) / (1 + len(random))


def _jackknife(pairs: Float[np.ndarray, "p pairs"], num_images: int) -> Float[np.ndarray, " p"]:
    """The standard error of the mean over pairs, from the means with one image left out."""
    first, second = np.triu_indices(num_images, 1)
    without = np.stack([pairs[:, (first != image) & (second != image)].mean(1) for image in range(num_images)], 1)
    return np.sqrt((num_images - 1) * without.var(1))
