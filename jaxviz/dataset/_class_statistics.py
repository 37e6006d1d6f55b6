"""What the channels of a layer do on the images of each class."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from jaxviz._core.callables import as_pytree
from jaxviz._core.layers import check_names, check_placed
from jaxviz._core.map_layout import MapLayout, map_layout
from jaxviz.dataset._classification import labeled
from jaxviz.dataset._dataset import Batch, Dataset
from jaxviz.dataset._forest import Partial
from jaxviz.dataset._layers import activations, placed
from jaxviz.dataset._scan import DEFAULT, FINITE, Scan, run_scan


class ClassStatistics(NamedTuple):
    """What the `c` channels of a layer do on the images of `k` classes.

    The activation of a channel in an image is the mean over its map. Of a class without images all numbers are NaN.

    Attributes:
        counts: images of each class.
        mean: of the activation over the images of a class.
        std: its standard deviation over them.
        maps: the mean of the map itself; one row and column in a dense layer. None where none were asked for.
        effect: how well the activation tells the class from all the others: the difference of the means, in units of
            the standard deviation within the two groups (Cohen's d). Positive where the class excites the channel.
        ranking: the channels of each class by the size of their effect, the largest first.
        skipped: numbers of the examples that could not be read.
    """

    counts: Int[np.ndarray, " k"]
    mean: Float[np.ndarray, "k c"]
    std: Float[np.ndarray, "k c"]
    maps: Float[np.ndarray, "k h w c"] | None
    effect: Float[np.ndarray, "k c"]
    ranking: Int[np.ndarray, "k c"]
    skipped: tuple[int, ...]


def class_statistics(
    f: Callable,
    dataset: Dataset,
    layers: Sequence[str],
    *,
    maps: bool = True,
    channel_axis: int | None = None,
    grid: tuple[int, int] | None = None,
    scan: Scan = DEFAULT,
) -> dict[str, ClassStatistics]:
    """How the channels of a layer respond to each class, and which of them tell a class from the others.

    Example:
        >>> import jax.numpy as jnp
        >>> from jax.ad_checkpoint import checkpoint_name
        >>> f = lambda images: checkpoint_name(images, "maps").mean((1, 2))
        >>> images = jnp.array([[3.0, 1.0], [5.0, 2.0], [0.0, 1.0], [0.0, 2.0]]).reshape(4, 1, 1, 2)
        >>> found = class_statistics(f, (images, jnp.array([0, 0, 1, 1])), ["maps"])["maps"]
        >>> found.mean.tolist(), found.std[0].tolist(), found.ranking[0].tolist()
        ([[4.0, 1.5], [0.0, 1.5]], [1.0, 0.5], [0, 1])

    Args:
        f: from images to logits `(n, k)`.
        dataset: see `Scan`, with labels in `0..k-1`; 0 and 1 for one output.
        layers: names from `layers(f, images)`; all are read in one pass.
        maps: whether to take the mean maps: of many classes they are what fills the memory.
        channel_axis: as for `grad_cam`, for the layers of maps.
        grid: as for `grad_cam`, for the layers of tokens.
        scan: batch size, devices, preprocessing, and what to do on failures.

    Returns:
        From the name of each layer to its statistics. Cost: one forward pass over the data set. Memory: as many
        maps as there are classes, a few times over; without `maps` as many numbers as classes and channels.

    Raises:
        ValueError: an unknown layer, one that is not of maps (as for `grad_cam`) or vectors, `f` does not return one
            row per image, the data set has no labels, or one that cannot be read.
        FloatingPointError: an activation that is not finite.

    References:
        Cohen, Statistical Power Analysis for the Behavioral Sciences, 1988, section 2.2 (`effect`). Chan et al.,
        [Algorithms for Computing the Sample Variance](https://doi.org/10.1080/00031305.1983.10483115), 1983, equation
        2.1 (how batches are merged).
    """
    layout = map_layout(f, channel_axis, grid)
    f, names = as_pytree(f), check_names(layers)
    examples, images, num_classes = labeled(f, dataset, scan)
    check_placed(f, names, images, layout)
    found = run_scan(f, _Study(names, layout, num_classes, maps), examples, scan)
    results = {}
    for place, name in enumerate(names):
        counts, mean, squares = (found.value[f"{place}.{field}"] for field in _FIELDS)
        effect = _effect(counts, mean, squares)
        # Of equal size the first; NaN last, all of them.
        ranking = np.argsort(-np.abs(effect), axis=1, kind="stable")
        std = np.sqrt(squares / np.maximum(counts, 1)[:, None])
        absent = counts == 0
        of_class = [mean, std, found.value[f"{place}.maps"]] if maps else [mean, std]
        of_class = [np.where(absent.reshape(-1, *[1] * (a.ndim - 1)), np.nan, a) for a in of_class]
        mean, std, mean_map = of_class if maps else (*of_class, None)
        results[name] = ClassStatistics(counts, mean, std, mean_map, effect, ranking, found.skipped)
    return results


_FIELDS = ("counts", "mean", "squares")


@dataclasses.dataclass(frozen=True)
class _Study:
    layers: tuple[str, ...]
    layout: MapLayout
    num_classes: int
    maps: bool = True

    def batch(self, f: Any, images: Any, labels: jax.Array, valid: jax.Array) -> dict[str, jax.Array]:
        acts = activations(f, self.layers, images)
        member = jax.nn.one_hot(labels, self.num_classes) * valid[:, None]
        counts = member.sum(0)
        share = member / jnp.maximum(counts, 1)
        outs = {FINITE: jnp.ones(len(valid), bool)}
        for place, name in enumerate(self.layers):
            maps = placed(acts[name], self.layout).astype(jnp.float32)
            values = maps.mean((1, 2))
            mean = _products(share, values)
            squares = _products(member, jnp.square(values - mean[labels]))
            outs[FINITE] &= jnp.isfinite(values).all(1)
            outs |= {f"{place}.counts": counts, f"{place}.mean": mean, f"{place}.squares": squares}
            if self.maps:
                of_class = _products(share, maps.reshape(len(maps), -1)).reshape(self.num_classes, *maps.shape[1:])
                outs[f"{place}.maps"] = of_class
        return outs

    def partial(self, outs: Partial, batch: Batch) -> Partial:
        del batch
        return {name: array.astype(np.int64 if name.endswith("counts") else np.float64) for name, array in outs.items()}

    def merge(self, left: Partial, right: Partial) -> Partial:
        merged = {}
        for place in range(len(self.layers)):
            first, second = ({field: side[f"{place}.{field}"] for field in _FIELDS} for side in (left, right))
            counts = first["counts"] + second["counts"]
            weight = second["counts"] / np.maximum(counts, 1)
            step = second["mean"] - first["mean"]
            squares = first["squares"] + second["squares"] + step**2 * (first["counts"] * weight)[:, None]
            merged |= {f"{place}.counts": counts, f"{place}.mean": first["mean"] + step * weight[:, None]}
            merged[f"{place}.squares"] = squares
            if self.maps:
                before, after = left[f"{place}.maps"], right[f"{place}.maps"]
                merged[f"{place}.maps"] = before + (after - before) * weight[:, None, None, None]
        return merged


def _products(weights: jax.Array, values: jax.Array) -> jax.Array:
    """Weighted sums over the images, also on hardware that would round the factors."""
    # What is not finite belongs to blank images, or is found and refused.
    return jnp.matmul(weights.T, jnp.where(jnp.isfinite(values), values, 0), precision="highest")


def _effect(
    counts: Int[np.ndarray, " k"], mean: Float[np.ndarray, "k c"], squares: Float[np.ndarray, "k c"]
) -> Float[np.ndarray, "k c"]:
    effect = np.full_like(mean, np.nan)
    for label in np.flatnonzero(counts):
        others = np.arange(len(counts)) != label
        rest = counts[others].sum()
        if not rest:
            continue
        weights = counts[others, None] / rest
        rest_mean = (weights * mean[others]).sum(0)
        rest_squares = (squares[others] + counts[others, None] * (mean[others] - rest_mean) ** 2).sum(0)
        within = np.sqrt((squares[label] + rest_squares) / (counts[label] + rest))
        # A channel that is the same everywhere tells nothing.
        effect[label] = np.divide(mean[label] - rest_mean, within, out=np.zeros_like(within), where=within > 0)
    return effect
