"""Whether a class is sensitive to a concept that examples show: testing with concept activation vectors."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float, PRNGKeyArray

from jaxviz._core.callables import as_pytree
from jaxviz._core.check import check_count, check_images, check_layer
from jaxviz._core.map_layout import MapLayout, map_layout
from jaxviz._core.precision import at_least_single
from jaxviz._core.program import one_program
from jaxviz._core.target import Indices, Target, check_target
from jaxviz.attribution._gradients import gradient_of_scores
from jaxviz.transforms import after, upto, with_rule


class Tcav(NamedTuple):
    """What `tcav` finds, over `d` draws.

    Attributes:
        score: the mean of `scores`: the share of the images whose output grows along the concept.
        scores: for each draw of other examples.
        random_scores: the same where two draws of other examples take the places of concept and other examples.
        p_value: of a two-sided Welch test that the two have the same mean. Small: the concept is no random direction.
    """

    score: float
    scores: Float[np.ndarray, " d"]
    random_scores: Float[np.ndarray, " d"]
    p_value: float


def tcav(
    f: Callable,
    images: Float[Array, "n h w c"],
    target: Target,
    layer: str,
    examples: Float[Array, "m h w c"],
    others: Float[Array, "o h w c"],
    *,
    key: PRNGKeyArray,
    num_draws: int = 20,
    ridge: float = 1e-2,
    channel_axis: int | None = None,
    grid: tuple[int, int] | None = None,
) -> Tcav:
    """How often an output grows when a layer's activation moves toward a concept, which examples show.

    A linear classifier tells the activations of the examples from those of others; its normal is the concept's
    direction. The derivative of the output along it is positive or not, in each image. Each draw takes another half of
    the others, and the same is done with two draws of others in the place of the examples, as a direction that means
    nothing has a share too.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from jax.ad_checkpoint import checkpoint_name
        >>> f = lambda images: checkpoint_name(images, "maps").mean((1, 2))  # output 0 is the first channel
        >>> images = jax.random.uniform(jax.random.key(0), (8, 2, 2, 3))
        >>> found = tcav(f, images, 0, "maps", images.at[..., 0].add(3.0), images, key=jax.random.key(1))
        >>> found.score
        1.0

    Args:
        f: from images to outputs `(n, k)`, as for `saliency`.
        images: of the class, in the network's own range.
        target: the output that is tested, one for all images or one per image.
        layer: a name from `layers(f, images)`, of maps.
        examples: images that show the concept.
        others: at least four that do not, whatever else they show.
        key: for the draws.
        num_draws: how many halves of the others.
        ridge: of the classifier, a regression on +1 and -1: its penalty as a share of the mean variance of a unit.
        channel_axis: as for `grad_cam`.
        grid: as for `grad_cam`.

    Returns:
        The scores and their test. Cost: a forward pass up to the layer for each example, one forward and one backward
        pass above it for each image.

    Raises:
        ValueError: as for `grad_cam`, fewer than two examples or four others, or such of another size, fewer than two
            draws, or no ridge.
        NotImplementedError: as for `upto`.
        TypeError: as for `saliency`, or images that are traced.

    References:
        Kim et al., [Interpretability Beyond Feature Attribution](https://arxiv.org/abs/1711.11279), 2018, sections 3.2
        to 3.4. Differs from it in: the classifier is a ridge regression, in closed form.
    """
    layout = map_layout(f, channel_axis, grid)
    f, images = as_pytree(f), check_images(images)
    examples, others = check_images(examples, "examples"), check_images(others, "others")
    num_outputs, _ = check_layer(f, images, layer, layout)
    if any(isinstance(given, Tracer) for given in (images, examples, others)):
        raise TypeError(
            "`images`, `examples` and `others` must be concrete, got a traced array. Call tcav outside of jit."
        )
    for name, given in (("examples", examples), ("others", others)):
        if given.shape[1:] != images.shape[1:]:
            raise ValueError(f"`{name}` must be of the shape {images.shape[1:]} of the images, got {given.shape[1:]}.")
    if not ridge > 0:
        raise ValueError(f"`ridge` must be above 0, got {ridge}. Without it the classifier is not defined.")
    if len(examples) < 2 or len(others) < 4:
        raise ValueError(
            f"`examples` must be two or more and `others` four or more, got {len(examples)} and {len(others)}. A "
            "classifier has to tell them apart."
        )
    if check_count(num_draws, "num_draws") < 2:
        raise ValueError(f"`num_draws` must be at least 2, got {num_draws}. One has no spread.")
    indices = check_target(target, images.shape[0], num_outputs)
    slopes = _slopes(f, images, indices, layer=layer, layout=layout)
    concept, rest = (_flat(f, given, layer=layer, layout=layout) for given in (examples, others))
    half = len(others) // 2
    scores, by_chance = [], []
    for draw in jax.random.split(key, num_draws):
        order = jax.random.permutation(draw, len(others))
        ours, theirs = rest[order[:half]], rest[order[half : 2 * half]]
        scores.append(_share(slopes, concept, ours, jnp.asarray(ridge)))
        by_chance.append(_share(slopes, ours, theirs, jnp.asarray(ridge)))
    found, chance = np.array(scores, float), np.array(by_chance, float)
    return Tcav(float(found.mean()), found, chance, _welch(found, chance))


@one_program
def _flat(f: Callable, images: Array, *, layer: str, layout: MapLayout) -> Float[Array, "m e"]:
    return at_least_single(layout.maps(upto(f, layer)(images))).reshape(len(images), -1)


@one_program
def _slopes(f: Callable, images: Array, indices: Indices, *, layer: str, layout: MapLayout) -> Float[Array, "n e"]:
    activation = upto(f, layer)(images)
    gradients = gradient_of_scores(with_rule(after(f, layer), "gradient"), activation, indices, images)
    return at_least_single(layout.maps(gradients)).reshape(len(images), -1)


@one_program
def _share(
    slopes: Float[Array, "n e"], concept: Float[Array, "m e"], rest: Float[Array, "o e"], ridge: Float[Array, ""]
) -> Float[Array, ""]:
    """The share of slopes that rise along the normal of a ridge classifier."""
    rows = jnp.concatenate([concept, rest])
    # Both sides count alike, however many there are of each.
    weights = jnp.concatenate([jnp.full(len(concept), 0.5 / len(concept)), jnp.full(len(rest), 0.5 / len(rest))])
    labels = jnp.concatenate([jnp.ones(len(concept)), -jnp.ones(len(rest))])
    centered = (rows - weights @ rows) * jnp.sqrt(weights)[:, None]
    # By as many equations as there are examples, which are fewer than units: the normal lies in their span.
    gram = centered @ centered.T
    penalty = ridge * jnp.maximum(jnp.trace(gram) / len(gram), jnp.finfo(gram.dtype).tiny)
    solved = jnp.linalg.solve(gram + penalty * jnp.eye(len(gram)), labels * jnp.sqrt(weights))
    along = slopes @ (centered.T @ solved)
    return jnp.where(jnp.isnan(along), jnp.nan, along > 0).mean()


def _welch(first: np.ndarray, second: np.ndarray) -> float:
    """Two-sided; 1 where both are the same number everywhere, 0 where they are two."""
    parts = [values.var(ddof=1) / len(values) for values in (first, second)]
    if sum(parts) == 0:
        return float(first[0] == second[0])
    t = (first.mean() - second.mean()) / np.sqrt(sum(parts))
    freedom = sum(parts) ** 2 / sum(part**2 / (len(first) - 1) for part in parts)
    # Twice the tail of Student's distribution, by the incomplete beta function.
    return float(jax.scipy.special.betainc(freedom / 2, 0.5, freedom / (freedom + t**2)))
