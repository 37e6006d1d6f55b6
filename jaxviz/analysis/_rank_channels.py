"""Which channels of a layer a network's answers hang on."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from jaxviz.analysis import _labelled
from jaxviz.analysis._dataset import Batch, Dataset
from jaxviz.analysis._forest import Partial
from jaxviz.analysis._layers import check_channels, check_layers
from jaxviz.analysis._scan import DEFAULT, FINITE, Scan, scanned
from jaxviz.analysis._suffix import suffix
from jaxviz.transforms import upto
from jaxviz.transforms._callable import callee


class ChannelRanking(NamedTuple):
    """How well a network does without each of `c` channels of a layer, one at a time, for images of `k` classes.

    Attributes:
        channels: which ones.
        ranking: the channels, those that are missed most first: by the accuracy without them, then by the loss.
        accuracy: with all channels.
        loss: with all channels: the mean of minus the logarithm of the probability of the right class.
        accuracies: without each channel.
        losses: without each channel.
        class_accuracies: without each channel, for each class; NaN for one without images.
        skipped: numbers of the examples that could not be read.
    """

    channels: Int[np.ndarray, " c"]
    ranking: Int[np.ndarray, " c"]
    accuracy: float
    loss: float
    accuracies: Float[np.ndarray, " c"]
    losses: Float[np.ndarray, " c"]
    class_accuracies: Float[np.ndarray, "c k"]
    skipped: tuple[int, ...]


def rank_channels(
    f: Callable, layer: str, dataset: Dataset, *, channels: Sequence[int] | None = None, scan: Scan = DEFAULT
) -> ChannelRanking:
    """The channels of a layer in the order in which they are missed when they are set to zero, one at a time.

    Example:
        >>> import jax.numpy as jnp
        >>> from jax.ad_checkpoint import checkpoint_name
        >>> f = lambda images: checkpoint_name(images, "maps").mean((1, 2)) @ jnp.array([[0, 0], [1, 0], [0, 2.0]])
        >>> images = jnp.array([[1.0, 2, 0], [1, 0, 2], [1, 1, 2]]).reshape(3, 1, 1, 3)
        >>> found = rank_channels(f, "maps", (images, jnp.array([0, 1, 1])))
        >>> found.ranking.tolist(), found.accuracies.round(2).tolist()
        ([2, 1, 0], [1.0, 1.0, 0.33])

    Args:
        f: from images to logits `(n, k)`.
        layer: a name from `layers(f, images)`.
        dataset: see `Scan`, with labels in `0..k-1`.
        channels: which ones. All by default.
        scan: batch size, devices, preprocessing, and what to do on failures.

    Returns:
        The ranking and what it follows from. Cost: one forward pass over the data set, and for each channel one of the
        part above the layer: what lies below, or beside it, is not run again.

    Raises:
        ValueError: an unknown layer or channel, `f` does not return one row per image, the data set has no labels, or
            one that cannot be read.
        NotImplementedError: the layer lies where `f` cannot be cut, as for `upto`.
        FloatingPointError: a logit that is not finite.
    """
    f = callee(f)
    examples, images, num_classes = _labelled.labelled(f, dataset, scan)
    chosen = check_channels(channels, check_layers(f, (layer,), images)[layer][-1], layer)
    found = scanned(f, _Study(num_classes, layer, chosen), examples, scan)
    counts, right, losses = (found.whole[name] for name in ("counts", "right", "losses"))
    total = counts.sum()
    # The last row is that of all channels.
    hits = right.sum(1)
    order = np.lexsort((np.array(chosen), -losses[:-1], hits[:-1]))
    return ChannelRanking(
        np.array(chosen),
        np.array(chosen)[order],
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
    channels: tuple[int, ...]

    def batch(self, f: Any, images: jax.Array, labels: jax.Array, valid: jax.Array) -> dict[str, jax.Array]:
        activation = upto(f, self.layer)(images)
        above = suffix(f, self.layer, activation, images)
        of_class = jax.nn.one_hot(labels, self.num_classes, dtype=jnp.int32) * valid[:, None]

        def judge(logits: jax.Array) -> tuple[jax.Array, ...]:
            logits = logits.astype(jnp.float32)
            right = (logits.argmax(1) == labels) @ of_class
            loss = -jnp.take_along_axis(jax.nn.log_softmax(logits), labels[:, None], 1)[:, 0]
            return right, jnp.where(valid, loss, 0).sum(), jnp.isfinite(logits).all(1)

        def without(channel: jax.Array) -> tuple[jax.Array, ...]:
            return judge(above(jnp.where(jnp.arange(activation.shape[-1]) == channel, 0, activation)))

        # The last one is no channel: the network as it is.
        right, loss, finite = jax.lax.map(without, jnp.array([*self.channels, -1]))
        return {"counts": of_class.sum(0), "right": right, "losses": loss, FINITE: finite.all(0)}

    def partial(self, outs: dict[str, np.ndarray], batch: Batch) -> Partial:
        del batch
        dtypes = {"counts": np.int64, "right": np.int64, "losses": np.float64}
        return {name: outs[name].astype(dtype) for name, dtype in dtypes.items()}

    def merge(self, left: Partial, right: Partial) -> Partial:
        return {name: left[name] + right[name] for name in left}
