"""What a network loses with each of several sets of channels of one layer."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from jaxviz._core.callables import as_pytree
from jaxviz._core.layers import check_channeled, check_channels
from jaxviz._core.map_layout import PLAIN, MapLayout, map_layout
from jaxviz._core.probability import Probability, check_probability, log_of_classes, of_classes
from jaxviz.dataset import _classification
from jaxviz.dataset._dataset import Batch, Dataset
from jaxviz.dataset._forest import Partial
from jaxviz.dataset._scan import DEFAULT, FINITE, Scan, run_scan
from jaxviz.dataset._suffix import suffix
from jaxviz.transforms import upto


class EachAblation(NamedTuple):
    """How well a network does without each of `s` sets of channels, one set at a time, for images of `k` classes.

    Attributes:
        accuracy: with all channels.
        loss: with all channels: the mean of minus the logarithm of the probability of the right class.
        accuracies: without each set.
        losses: without each set.
        class_accuracies: without each set, for each class; NaN for one without images.
        skipped: numbers of the examples that could not be read.
    """

    accuracy: float
    loss: float
    accuracies: Float[np.ndarray, " s"]
    losses: Float[np.ndarray, " s"]
    class_accuracies: Float[np.ndarray, "s k"]
    skipped: tuple[int, ...]


def ablate_each(
    f: Callable,
    dataset: Dataset,
    layer: str,
    sets: Sequence[Sequence[int]],
    *,
    probability: Probability | None = None,
    channel_axis: int | None = None,
    grid: tuple[int, int] | None = None,
    scan: Scan = DEFAULT,
) -> EachAblation:
    """How well a network does when a set of a layer's channels is zero, for each of several sets, in one pass.

    Example:
        >>> import jax.numpy as jnp
        >>> from jax.ad_checkpoint import checkpoint_name
        >>> f = lambda images: checkpoint_name(images, "maps").mean((1, 2)) @ jnp.array([[0, 0], [1, 0], [0, 2.0]])
        >>> images = jnp.array([[1.0, 2, 0], [1, 0, 2], [1, 1, 2]]).reshape(3, 1, 1, 3)
        >>> ablate_each(f, (images, jnp.array([0, 1, 1])), "maps", [[2], [0, 2]]).accuracies.round(2).tolist()
        [0.33, 0.33]

    Args:
        f: from images to logits `(n, k)`.
        dataset: see `Scan`, with labels in `0..k-1`; 0 and 1 for one output, which says 1 where it is above 0.
        layer: a name from `layers(f, images)`.
        sets: of channels to set to zero together.
        probability: how that of the right class is read: `"softmax"` over classes, `"sigmoid"` for
            labels of which each stands for itself. By default a softmax, and a sigmoid for a head of one output.
        channel_axis: as for `grad_cam`, for a layer of maps.
        grid: as for `grad_cam`, where only the tokens that are places are to lose the channels. By default all tokens
            of a layer of tokens lose them, the class token too.
        scan: batch size, devices, preprocessing, and what to do on failures.

    Returns:
        What is left of the network with each set. Cost: one forward pass over the data set, and for each set one of the
        part above the layer: what lies below, or beside it, is not run again.

    Raises:
        ValueError: no set, a `probability` that is none, an unknown layer or channel, a layer that is not of maps
            (as for `grad_cam`) or vectors, `f` does not return one row per image, the data set has no labels, or one
            that cannot be read.
        NotImplementedError: the layer lies where `f` cannot be cut, as for `upto`.
        FloatingPointError: a logit that is not finite.
    """
    layout = map_layout(f, channel_axis, grid)
    f = as_pytree(f)
    examples, images, num_classes = _classification.labeled(f, dataset, scan)
    check_probability(probability, jax.eval_shape(f, images).shape[1])
    total = check_channeled(f, (layer,), images, layout)[layer][-1]
    if not len(sets):
        raise ValueError("`sets` must hold at least one set of channels, got none.")
    chosen = tuple(check_channels(channels, total, layer) for channels in sets)
    found = run_scan(f, _Study(num_classes, layer, chosen, probability, layout), examples, scan)
    counts, right, losses = (found.value[name] for name in ("counts", "right", "losses"))
    # The last row is that of all channels.
    hits, total = right.sum(1), counts.sum()
    return EachAblation(
        float(hits[-1] / total),
        float(losses[-1] / total),
        hits[:-1] / total,
        losses[:-1] / total,
        np.where(counts > 0, right[:-1] / np.maximum(counts, 1), np.nan),
        found.skipped,
    )


@dataclasses.dataclass(frozen=True)
class _Study:
    num_classes: int
    layer: str
    sets: tuple[tuple[int, ...], ...]
    probability: Probability | None = None
    layout: MapLayout = PLAIN

    def batch(self, f: Any, images: Any, labels: jax.Array, valid: jax.Array) -> dict[str, jax.Array]:
        activation = upto(f, self.layer)(images)
        above = suffix(f, self.layer, activation, images)
        of_class = jax.nn.one_hot(labels, self.num_classes, dtype=jnp.int32) * valid[:, None]

        def judge(logits: jax.Array) -> tuple[jax.Array, ...]:
            logits = logits.astype(jnp.float32)
            right = (of_classes(logits).argmax(1) == labels) @ of_class
            seen = log_of_classes(logits, self.probability)
            loss = -jnp.take_along_axis(seen, labels[:, None], 1)[:, 0]
            return right, jnp.where(valid, loss, 0).sum(), jnp.isfinite(logits).all(1)

        # The last one leaves nothing out: the network as it is.
        maps = self.layout.maps(activation)
        kept = np.ones((len(self.sets) + 1, maps.shape[-1]), bool)
        for row, channels in enumerate(self.sets):
            kept[row, list(channels)] = False

        def judge_without(row: jax.Array) -> tuple[jax.Array, ...]:
            return judge(above(self.layout.put(jnp.where(row, maps, 0), activation)))

        right, loss, finite = jax.lax.map(judge_without, jnp.array(kept))
        return {"counts": of_class.sum(0), "right": right, "losses": loss, FINITE: finite.all(0)}

    def partial(self, outs: Partial, batch: Batch) -> Partial:
        del batch
        dtypes = {"counts": np.int64, "right": np.int64, "losses": np.float64}
        return {name: outs[name].astype(dtype) for name, dtype in dtypes.items()}

    def merge(self, left: Partial, right: Partial) -> Partial:
        return {name: left[name] + right[name] for name in left}
