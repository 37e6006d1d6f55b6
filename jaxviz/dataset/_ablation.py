"""What a network loses with some of its channels."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Int

from jaxviz._core.callables import as_pytree
from jaxviz._core.check import check_count
from jaxviz._core.layers import check_channeled, check_channels
from jaxviz._core.map_layout import MapLayout, map_layout
from jaxviz._core.probability import of_classes
from jaxviz.dataset import _classification
from jaxviz.dataset._classification import counted
from jaxviz.dataset._dataset import Batch, Dataset
from jaxviz.dataset._forest import Partial
from jaxviz.dataset._scan import DEFAULT, FINITE, Scan, run_scan
from jaxviz.transforms import edit


class Ablation(NamedTuple):
    """The answers of a network for images of `k` classes, with all of its channels and without some.

    Attributes:
        before: counts with all channels, by class (row) and by prediction (column).
        after: the same without the channels.
        taken: counts by the prediction before (row) and after (column).
        changed: number, class, prediction before and after, of the first images whose prediction is another one.
        num_lost: how many images were right and are wrong now.
        num_won: how many images were wrong and are right now.
        skipped: numbers of the examples that could not be read.
    """

    before: Int[np.ndarray, "k k"]
    after: Int[np.ndarray, "k k"]
    taken: Int[np.ndarray, "k k"]
    changed: Int[np.ndarray, "m 4"]
    num_lost: int
    num_won: int
    skipped: tuple[int, ...]

    @property
    def accuracy(self) -> tuple[float, float]:
        """Before and after."""
        return _classification.accuracy(self.before), _classification.accuracy(self.after)

    @property
    def class_accuracy(self) -> tuple[np.ndarray, np.ndarray]:
        """Before and after, for each class; NaN for one without images."""
        return _classification.class_accuracy(self.before), _classification.class_accuracy(self.after)

    @property
    def lost(self) -> Int[np.ndarray, "m 4"]:
        """Those of `changed` that were right and are wrong now."""
        return self.changed[self.changed[:, 1] == self.changed[:, 2]]


def ablate(
    f: Callable,
    dataset: Dataset,
    channels: Mapping[str, Sequence[int]],
    *,
    num_changed: int = 1000,
    channel_axis: int | None = None,
    grid: tuple[int, int] | None = None,
    scan: Scan = DEFAULT,
) -> Ablation:
    """What becomes of a network's answers when some channels are set to zero.

    Example:
        >>> import jax.numpy as jnp
        >>> from jax.ad_checkpoint import checkpoint_name
        >>> f = lambda images: checkpoint_name(images, "maps").mean((1, 2))
        >>> images = jnp.array([[3.0, 1.0], [0.0, 2.0]]).reshape(2, 1, 1, 2)
        >>> found = ablate(f, (images, jnp.array([0, 1])), {"maps": [0]})
        >>> found.accuracy, found.lost.tolist()
        ((1.0, 0.5), [[0, 0, 0, 1]])

    Args:
        f: from images to logits `(n, k)`.
        dataset: see `Scan`, with labels in `0..k-1`; 0 and 1 for one output, which says 1 where it is above 0.
        channels: from the name of a layer to the channels to set to zero there; all are off at once.
        num_changed: how many of the images whose prediction changes to list; the counts are of all.
        channel_axis: as for `grad_cam`, for the layers of maps.
        grid: as for `grad_cam`, where only the tokens that are places are to lose the channels. By default all tokens
            of a layer of tokens lose them, the class token too.
        scan: batch size, devices, preprocessing, and what to do on failures.

    Returns:
        Counts before and after, and the images. Cost: one forward pass over the data set, and another of what lies
        above the lowest of the layers.

    Raises:
        ValueError: an unknown layer or channel, no channel at all, a layer that is not of maps (as for `grad_cam`) or
            vectors, `f` does not return one row per image, the data set has no labels, or one that cannot be read.
        FloatingPointError: a logit that is not finite.
    """
    layout = map_layout(f, channel_axis, grid)
    f = as_pytree(f)
    examples, images, num_classes = _classification.labeled(f, dataset, scan)
    if not channels:
        raise ValueError("`channels` must name at least one layer, got none. Give {layer: channels}.")
    shapes = check_channeled(f, tuple(channels), images, layout)
    off = tuple((name, check_channels(chosen, shapes[name][-1], name)) for name, chosen in channels.items())
    study = _Study(num_classes, off, layout, check_count(num_changed, "num_changed"))
    found = run_scan(f, study, examples, scan)
    whole = found.value
    return Ablation(
        whole["before"],
        whole["after"],
        whole["taken"],
        whole["changed"],
        int(whole["num_lost"]),
        int(whole["num_won"]),
        found.skipped,
    )


def without(activation: Array, channels: Sequence[int], layout: MapLayout) -> Array:
    """The activation with some channels set to zero."""
    maps = layout.maps(activation)
    kept = np.ones(maps.shape[-1], bool)
    kept[np.array(channels)] = False
    return layout.put(jnp.where(kept, maps, 0), activation)


@dataclasses.dataclass(frozen=True)
class _Study:
    num_classes: int
    off: tuple[tuple[str, tuple[int, ...]], ...]
    layout: MapLayout
    num_changed: int

    def batch(self, f: Any, images: Any, labels: jax.Array, valid: jax.Array) -> dict[str, jax.Array]:
        ablated = edit(
            f, {name: lambda act, chosen=chosen: without(act, chosen, self.layout) for name, chosen in self.off}
        )
        # The part below the layers is in the program twice, and computed once: XLA finds equal operations.
        both = f(images), ablated(images)
        before, after = (of_classes(logits).argmax(1) for logits in both)
        return {
            "before": counted(labels, before, valid, self.num_classes),
            "after": counted(labels, after, valid, self.num_classes),
            "taken": counted(before, after, valid, self.num_classes),
            "predictions": jnp.stack([before, after], 1),
            FINITE: _finite(*both),
        }

    def partial(self, outs: Partial, batch: Batch) -> Partial:
        before, after = outs["predictions"].T
        right, still = before == batch.labels, after == batch.labels
        place = np.flatnonzero(batch.valid & (before != after))
        changed = np.stack([batch.first + place, batch.labels[place], before[place], after[place]], 1)
        return {
            **{name: outs[name].astype(np.int64) for name in ("before", "after", "taken")},
            "changed": changed.astype(np.int64)[: self.num_changed],
            "num_lost": np.array((batch.valid & right & ~still).sum(), np.int64),
            "num_won": np.array((batch.valid & ~right & still).sum(), np.int64),
        }

    def merge(self, left: Partial, right: Partial) -> Partial:
        merged = {name: left[name] + right[name] for name in left if name != "changed"}
        return merged | {"changed": np.concatenate([left["changed"], right["changed"]])[: self.num_changed]}


def _finite(before: Array, after: Array) -> Bool[Array, " n"]:
    return jnp.isfinite(before).all(1) & jnp.isfinite(after).all(1)
