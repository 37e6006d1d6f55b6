"""ROAD: what the network says of a photo whose most, or least, important pixels are filled in from their neighbors."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from jaxviz._core.batch import default_batch
from jaxviz._core.callables import as_pytree
from jaxviz._core.check import check_count, check_float, check_images, check_outputs
from jaxviz._core.chunks import map_chunks
from jaxviz._core.grown import grown
from jaxviz._core.precision import at_least_single
from jaxviz._core.probability import Probability, check_probability, probabilities
from jaxviz._core.program import one_program
from jaxviz._core.target import Indices, Target, check_target, nan_where_invalid, scores
from jaxviz.metrics._insertion_deletion import turns

_BESIDE, _DIAGONAL = 1 / 6, 1 / 12
"""How much a filled-in pixel takes of its neighbors: appendix B of the paper, and its code."""
_ITERATIONS = 200
_COARSEST = 16  # pixels, below which an image is not halved any more


class Road(NamedTuple):
    """What became of the target.

    Attributes:
        shares: of the pixels that were filled in.
        most_first: the target's probability at each share, where the most important pixels went first: falls early for
            a good map.
        least_first: the same, where the least important went first: stays high for a good map.
        score: the mean over the shares of half the difference; higher is better, 0 is a map that knows nothing.
    """

    shares: Float[Array, " steps"]
    most_first: Float[Array, "n steps"]
    least_first: Float[Array, "n steps"]
    score: Float[Array, " n"]


def road(
    f: Callable,
    images: Float[Array, "n h w c"],
    target: Target,
    attribution: Float[Array, "n h2 w2"],
    *,
    key: PRNGKeyArray,
    shares: Sequence[float] = (0.2, 0.4, 0.6, 0.8),
    noise: float = 0.01,
    probability: Probability | None = None,
    batch_size: int | None = None,
) -> Road:
    """ROAD: the target's probability with pixels filled in from their neighbors, most and least important first.

    A pixel that is painted over leaves an edge that says where it was. Filled in smoothly, with a little noise, it does
    not, so what the network says depends on which pixels are gone and not on the shape of the hole.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> f = lambda images: jnp.stack([images[:, 2, 2, 0], -images[:, 2, 2, 0]], 1)
        >>> images = jnp.zeros((1, 5, 5, 1)).at[0, 2, 2].set(5.0)
        >>> found = road(f, images, 0, images[..., 0], key=jax.random.key(0), shares=(0.2,))
        >>> found.most_first.round(1).tolist(), found.least_first.round(1).tolist()
        ([[0.5]], [[1.0]])

    Args:
        f: from images to outputs `(n, k)`.
        images: in the network's own range.
        target: the output that is watched, one for all images or one per image.
        attribution: one number per pixel, or per place of a coarser map, which is stretched bilinearly. Larger is more
            important; of equal ones the upper row, then the left column comes first.
        key: for the noise.
        shares: of the pixels that are filled in, each between 0 and 1. Each costs two forward passes.
        noise: standard deviation of what is added to a filled-in pixel, in units of the images.
        probability: how it is read from the outputs, as for `deletion`.
        batch_size: how many images go through `f` at a time, at least one for each image.

    Returns:
        The curves and the score of each image.

    Raises:
        ValueError: `attribution` is not one map per image, a share is not between 0 and 1, or as for `deletion`.
        TypeError: as for `saliency`.

    References:
        Rong et al., [A Consistent and Efficient Evaluation Strategy for Attribution
        Methods](https://arxiv.org/abs/2202.00449), 2022, section 4 and appendix B. The score is that of
        pytorch-grad-cam's `ROADCombined`.
    """
    f, images = as_pytree(f), check_images(images)
    if jnp.ndim(attribution) != 3 or jnp.shape(attribution)[0] != images.shape[0]:
        raise ValueError(
            f"`attribution` must be one map per image, ({images.shape[0]}, rows, cols), got {jnp.shape(attribution)}. "
            "Make one number of the channels of a pixel: the sum, or the sum of the absolute values."
        )
    attribution = check_float(attribution, "attribution")
    for share in shares or (0,):
        if not 0 < share < 1:
            raise ValueError(f"`shares` must be between 0 and 1, got {share}.")
    num_outputs = check_outputs(f, images)
    indices = check_target(target, images.shape[0], num_outputs)
    values = _road(
        f,
        images,
        indices,
        attribution,
        key,
        shares=tuple(map(float, shares)),
        noise=float(noise),
        probability=check_probability(probability, num_outputs),
        batch_size=check_count(default_batch(f, images) if batch_size is None else batch_size, "batch_size"),
    )
    most, least = jnp.split(nan_where_invalid(values, indices, num_outputs), 2, axis=1)
    return Road(jnp.asarray(shares), most, least, ((least - most) / 2).mean(1))


@one_program
def _road(
    f: Callable,
    images: Float[Array, "n h w c"],
    indices: Indices,
    attribution: Float[Array, "n h2 w2"],
    key: PRNGKeyArray,
    *,
    shares: tuple[float, ...],
    noise: float,
    probability: Probability,
    batch_size: int,
) -> Float[Array, "n steps"]:
    num_images, height, width, _ = images.shape
    stretched = jax.image.resize(at_least_single(attribution), (num_images, height, width), "bilinear")
    most, least = turns(stretched), turns(-stretched)
    counts = jnp.array([round(share * height * width) for share in shares])
    # Half of the entries take the most important pixels, half of them the least.
    orders = jnp.stack([most] * len(shares) + [least] * len(shares))
    limits = jnp.concatenate([counts, counts])

    def see(chunk: tuple[Array, Array, Array]) -> Float[Array, "s n"]:
        order, limit, number = chunk
        size = order.shape[0]

        def fill(order: Array, limit: Array, number: Array) -> Array:
            drawn = noise * jax.random.normal(jax.random.fold_in(key, number), images.shape, images.dtype)
            hole = order < limit
            filled = jax.vmap(fill_in)(images, hole)
            return jnp.where(hole[..., None], filled + drawn, images)

        filled = jnp.moveaxis(jax.vmap(fill)(order, limit, number), 0, 1).reshape(-1, *images.shape[1:])
        outputs = probabilities(grown(f, num_images)(filled), probability)
        return scores(outputs, jnp.repeat(jnp.asarray(indices), size)).reshape(num_images, size).T

    values = map_chunks(see, (orders, limits, jnp.arange(len(limits))), max(1, batch_size // num_images)).T
    ordered = ~jnp.isnan(stretched).any((1, 2))
    return jnp.where(ordered[:, None], values, jnp.nan)


def fill_in(image: Float[Array, "h w c"], hole: Bool[Array, "h w"]) -> Float[Array, "h w c"]:
    """The image whose pixels in the hole are the weighted means of their neighbors, all at once."""
    there = jnp.ones(hole.shape, image.dtype)
    weights = _around(there[..., None])[..., 0]
    inside = hole[..., None].astype(image.dtype)

    def apply(pixels: Array) -> Array:
        return inside * (weights[..., None] * pixels - _around(inside * pixels))

    known = inside * _around((1 - inside) * image)
    # The matrix is that of a grid with the pixels outside as its rim: symmetric and positive definite. A step carries a
    # value on by one pixel, so that a wide hole would take as many as it is wide if it did not start from a good guess.
    start = None if max(hole.shape) < _COARSEST else inside * jax.lax.stop_gradient(_guess(image, hole))
    solved, _ = jax.scipy.sparse.linalg.cg(apply, known, start, maxiter=_ITERATIONS)
    return jnp.where(hole[..., None], solved, image)


def _guess(image: Float[Array, "h w c"], hole: Bool[Array, "h w"]) -> Float[Array, "h w c"]:
    """The image of half the size, of the pixels that are there, filled in and enlarged."""
    rows, cols, channels = image.shape
    there = 1 - hole[..., None].astype(image.dtype)

    def halved(pixels: Float[Array, "h w k"]) -> Float[Array, "h2 w2 k"]:
        even = jnp.pad(pixels, ((0, rows % 2), (0, cols % 2), (0, 0)))
        return even.reshape(-(-rows // 2), 2, -(-cols // 2), 2, pixels.shape[-1]).sum((1, 3))

    count = halved(there)
    small = fill_in(halved(there * image) / jnp.maximum(count, 1), count[..., 0] == 0)
    large = jax.image.resize(small, (2 * small.shape[0], 2 * small.shape[1], channels), "linear")
    return large[:rows, :cols]


def _around(pixels: Float[Array, "h w c"]) -> Float[Array, "h w c"]:
    """The weighted sum of the neighbors that a pixel has."""
    rows, cols = pixels.shape[:2]
    padded = jnp.pad(pixels, ((1, 1), (1, 1), (0, 0)))
    total = jnp.zeros_like(pixels)
    for down in range(3):
        for right in range(3):
            if (down, right) != (1, 1):
                weight = _BESIDE if 1 in (down, right) else _DIAGONAL
                total += weight * padded[down : down + rows, right : right + cols]
    return total
