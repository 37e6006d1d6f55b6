"""Directions in a layer that its activations are made of, and how much an output owes to each."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, ArrayLike, Float, PRNGKeyArray

from jaxviz._core.callables import as_pytree
from jaxviz._core.check import check_count, check_images, check_layer, check_maps
from jaxviz._core.map_layout import MapLayout, map_layout
from jaxviz._core.precision import at_least_single
from jaxviz._core.program import one_program
from jaxviz._core.target import Indices, Target, check_target, nan_where_invalid
from jaxviz.attribution._above import scores_above
from jaxviz.transforms import upto

_TINY = 1e-12


class Concepts(NamedTuple):
    """A layer's activations as sums of `r` directions, none of them negative.

    Attributes:
        directions: one for each concept, of length 1, as `maximize.direction` takes them.
        maps: how much of each concept is at each place of each image.
        error: the norm of what the sums leave out, divided by that of the activations.
    """

    directions: Float[Array, "r c2"]
    maps: Float[Array, "n h2 w2 r"]
    error: Float[Array, ""]


def concepts(
    f: Callable,
    images: Float[Array, "n h w c"],
    layer: str,
    *,
    key: PRNGKeyArray,
    num_concepts: int,
    num_steps: int = 500,
    channel_axis: int | None = None,
    grid: tuple[int, int] | None = None,
) -> Concepts:
    """Directions that the activations of a layer are made of: a non-negative factorization over all places.

    Each place of the layer in each image is a patch of it; its activation is written as a sum of `num_concepts`
    directions with weights that are not negative. Give images of one class, and look at the places where a concept's
    map is high: they are what the class is recognized by, piece by piece. `concept_importance` says how much an output
    owes to each.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from jax.ad_checkpoint import checkpoint_name
        >>> f = lambda images: checkpoint_name(images, "maps").mean((1, 2))
        >>> images = jnp.array([[3.0, 0.0], [0.0, 2.0], [1.0, 0.0]]).reshape(1, 3, 1, 2)  # two planted directions
        >>> found = concepts(f, images, "maps", key=jax.random.key(0), num_concepts=2)
        >>> float(found.error) < 1e-3, found.directions.max(1).round(2).tolist()
        (True, [1.0, 1.0])

    Args:
        f: any function or callable pytree that has the layer; what lies above it is not computed.
        images: in the network's own range, at best of one class.
        layer: a name from `layers(f, images)`, of maps that are not negative: behind a ReLU.
        key: for the start, which is random: other keys may find other factors.
        num_concepts: how many directions.
        num_steps: multiplicative updates.
        channel_axis: as for `grad_cam`.
        grid: as for `grad_cam`.

    Returns:
        Directions, the strongest first by the sum of their maps, maps and error. Cost: one forward pass up to the
        layer, and the updates. NaN where a traced activation is negative.

    Raises:
        ValueError: an unknown layer or one that is not of maps, with negative or no activations, or fewer channels or
            places than concepts.
        NotImplementedError: the layer lies where `f` cannot be cut, as for `upto`.
        TypeError: `images` are no floating-point numbers.

    References:
        Fel et al., [CRAFT: Concept Recursive Activation FacTorization for Explainability](https://arxiv.org/abs/2211.10154),
        2023, section 3.1. Differs from it in: the patches are the places of the layer, not crops of the images that are
        enlarged. Lee and Seung, [Algorithms for Non-negative Matrix
        Factorization](https://proceedings.neurips.cc/paper/2000/hash/f9d1152547c0bde01830b7e8bd60024c-Abstract.html),
        2000, theorem 1 (the updates).
    """
    layout = map_layout(f, channel_axis, grid)
    f, images = as_pytree(f), check_images(images)
    shape = check_maps(f, images, layer, layout)
    num_concepts, num_steps = check_count(num_concepts, "num_concepts"), check_count(num_steps, "num_steps")
    most = min(shape[-1], int(np.prod(shape[:-1])))
    if num_concepts > most:
        raise ValueError(
            f"`num_concepts` must be at most {most}, the channels or places of {layer!r}, got {num_concepts}."
        )
    maps = _maps(f, images, layer=layer, layout=layout)
    _check_maps_are_sums(maps, layer)
    return _factored(maps, key, num_concepts=num_concepts, num_steps=num_steps)


def _check_maps_are_sums(maps: Array, layer: str) -> None:
    """Raises where known maps are negative somewhere, or zero everywhere."""
    if isinstance(maps, Tracer):
        return
    low, high = float(np.min(maps)), float(np.max(maps))
    if not 0 <= low or not high > 0:
        raise ValueError(
            f"`layer` must have activations that are not negative and not all zero, got {layer!r} from {low:.3g} to "
            f"{high:.3g}. Take one behind a ReLU."
        )


def _check_directions(directions: ArrayLike, channels: int, layer: str) -> Array:
    """Directions as an array, where they are rows over the channels of a layer that are not negative."""
    shape = jnp.shape(directions)
    if len(shape) != 2 or shape[1] != channels or not shape[0]:
        raise ValueError(
            f"`directions` must have shape (r, {channels}), a row over the channels of {layer!r} for each, got {shape}."
        )
    if not isinstance(directions, Tracer) and not (np.asarray(directions) >= 0).all():
        raise ValueError(f"`directions` must not be negative, got {float(np.min(directions)):.3g}. See `concepts`.")
    return jnp.asarray(directions)


def concept_importance(
    f: Callable,
    images: Float[Array, "n h w c"],
    target: Target,
    layer: str,
    directions: Float[Array, "r c2"],
    *,
    key: PRNGKeyArray,
    num_designs: int = 32,
    num_steps: int = 200,
    channel_axis: int | None = None,
    grid: tuple[int, int] | None = None,
    batch_size: int | None = None,
) -> Float[Array, "n r"]:
    """How much an output varies with each concept: the total Sobol index of its weight.

    The layer's activation is written with the given directions; their maps are multiplied by random factors in [0, 1],
    one for each concept, and the rest of the network is run on what results. The index is the share of the output's
    variance that is gone when all other factors are known: alone or together with others.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from jax.ad_checkpoint import checkpoint_name
        >>> f = lambda images: checkpoint_name(images, "maps").sum((1, 2)) @ jnp.array([[2.0], [1.0]])
        >>> found = concept_importance(f, jnp.ones((1, 2, 2, 2)), 0, "maps", jnp.eye(2), key=jax.random.key(0),
        ...                            num_designs=4000)
        >>> [round(float(index), 1) for index in found[0]]  # of variances 4 and 1
        [0.8, 0.2]

    Args:
        f: from images to outputs `(n, k)`, as for `saliency`.
        images: in the network's own range.
        target: the output that is explained, one for all images or one per image.
        layer: that of the directions.
        directions: of `concepts`, or any that are not negative.
        key: for the factors.
        num_designs: how many pairs of draws; each costs a pass above the layer for each concept and two more.
        num_steps: multiplicative updates for the maps of the concepts.
        channel_axis: as for `grad_cam`.
        grid: as for `grad_cam`.
        batch_size: how many activations go through what lies above the layer at a time, at least one for each image: it
            bounds the memory. By default a number that suits the network and the device.

    Returns:
        One index per image and concept, in [0, 1] but for the noise of the draws; their sum is 1 where concepts do not
        act together, and more where they do. NaN for an image whose output does not depend on them, or of which a
        traced activation is negative. Cost: two forward passes up to the layer, `num_designs (r + 2)` above it.

    Raises:
        ValueError: as for `concepts`, or directions that are negative or of another length than the channels.
        NotImplementedError: as for `upto`.
        TypeError: as for `saliency`.

    References:
        Fel et al., [CRAFT](https://arxiv.org/abs/2211.10154), 2023, section 3.3. Jansen, [Analysis of variance designs
        for model output](https://doi.org/10.1016/S0010-4655(98)00154-4), 1999, equation 11 (the estimator).
    """
    layout = map_layout(f, channel_axis, grid)
    f, images = as_pytree(f), check_images(images)
    num_outputs, shape = check_layer(f, images, layer, layout)
    directions = _check_directions(directions, shape[-1], layer)
    indices = check_target(target, images.shape[0], num_outputs)
    options = {"layer": layer, "layout": layout, "num_outputs": num_outputs}
    options |= {
        "num_designs": check_count(num_designs, "num_designs"),
        "num_steps": check_count(num_steps, "num_steps"),
    }
    options["batch_size"] = None if batch_size is None else check_count(batch_size, "batch_size")
    maps = _maps(f, images, layer=layer, layout=layout)
    _check_maps_are_sums(maps, layer)
    return _importance(f, images, maps, indices, directions, key, **options)


@one_program
def _maps(f: Callable, images: Array, *, layer: str, layout: MapLayout) -> Float[Array, "n h2 w2 c2"]:
    return at_least_single(layout.maps(upto(f, layer)(images)))


@one_program
def _factored(maps: Float[Array, "n h2 w2 c2"], key: PRNGKeyArray, *, num_concepts: int, num_steps: int) -> Concepts:
    # What cannot be refused, as it is traced, must not pass for a result.
    rows = jnp.where((maps >= 0).all(), maps, jnp.nan).reshape(-1, maps.shape[-1])
    # As large as they have to be for the sums to be of the size of the activations.
    scale = jnp.sqrt(rows.mean() / num_concepts)
    first, second = jax.random.split(key)
    weights = scale * jax.random.uniform(first, (len(rows), num_concepts), rows.dtype, 0.1, 1)
    directions = scale * jax.random.uniform(second, (num_concepts, rows.shape[1]), rows.dtype, 0.1, 1)

    def step(factors: tuple[Array, Array], _: None) -> tuple[tuple[Array, Array], None]:
        weights, directions = factors
        weights = _fitted(weights, rows, directions)
        directions = directions * (weights.T @ rows) / (weights.T @ weights @ directions + _TINY)
        return (weights, directions), None

    (weights, directions), _ = jax.lax.scan(step, (weights, directions), length=num_steps)
    norms = jnp.linalg.norm(directions, axis=1)
    directions, weights = directions / jnp.maximum(norms, _TINY)[:, None], weights * norms
    order = jnp.argsort(-weights.sum(0))
    weights, directions = weights[:, order], directions[order]
    error = jnp.linalg.norm(rows - weights @ directions) / jnp.linalg.norm(rows)
    return Concepts(directions, weights.reshape(*maps.shape[:-1], num_concepts), error)


def _fitted(weights: Float[Array, "p r"], rows: Float[Array, "p c2"], directions: Float[Array, "r c2"]) -> Array:
    """One update of the weights; the directions stay."""
    return weights * (rows @ directions.T) / (weights @ (directions @ directions.T) + _TINY)


@one_program
def _importance(
    f: Callable,
    images: Float[Array, "n h w c"],
    maps: Float[Array, "n h2 w2 c2"],
    indices: Indices,
    directions: Float[Array, "r c2"],
    key: PRNGKeyArray,
    *,
    layer: str,
    layout: MapLayout,
    num_outputs: int,
    num_designs: int,
    num_steps: int,
    batch_size: int | None,
) -> Float[Array, "n r"]:
    num_concepts = len(directions)
    one, other = jax.random.uniform(key, (2, num_designs, num_concepts))
    # For each concept a design that differs from the first in its factor alone.
    swapped = jnp.where(jnp.eye(num_concepts, dtype=bool), other[:, None], one[:, None])
    designs = jnp.concatenate([one[:, None], other[:, None], swapped], 1).reshape(-1, num_concepts)

    rows = maps.reshape(-1, maps.shape[-1])
    weights = jnp.full((len(rows), num_concepts), rows.mean() + _TINY)
    weights = jax.lax.fori_loop(0, num_steps, lambda _, weights: _fitted(weights, rows, directions), weights)
    weights = weights.reshape(*maps.shape[:-1], num_concepts)

    def changed(maps: Array, factors: Array) -> Array:
        return ((weights * factors) @ directions).astype(maps.dtype)

    _, _, scores = scores_above(f, images, indices, layer, layout, changed, lambda _: designs, batch_size)
    scores = at_least_single(scores).reshape(len(images), num_designs, num_concepts + 2)
    first, second, each = scores[:, :, 0], scores[:, :, 1], scores[:, :, 2:]
    both = jnp.concatenate([first, second], 1)
    # What is no more than rounding does not depend on the concepts.
    variance, rounding = both.var(1), (8 * jnp.finfo(both.dtype).eps * jnp.abs(both).max(1)) ** 2
    depends = (variance > rounding) & (maps >= 0).all((1, 2, 3))
    total = ((first[..., None] - each) ** 2).mean(1) / 2
    found = jnp.where(depends[:, None], total / jnp.where(depends, variance, 1)[:, None], jnp.nan)
    return nan_where_invalid(found, indices, num_outputs)
