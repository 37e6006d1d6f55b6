"""Which classes a network takes for which."""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from jaxviz._core.callables import as_pytree
from jaxviz._core.check import check_count
from jaxviz._core.probability import Probability, check_probability, log_of_classes, of_classes
from jaxviz.dataset import _classification
from jaxviz.dataset._dataset import Batch, Dataset
from jaxviz.dataset._forest import Partial
from jaxviz.dataset._scan import DEFAULT, FINITE, Scan, run_scan


class Pair(NamedTuple):
    """A class that was taken for another.

    Attributes:
        label: the class.
        predicted: what it was taken for.
        count: how often.
        indices: the images of which the network was most certain, the most certain first.
        confidences: the probability that it gave to `predicted`.
    """

    label: int
    predicted: int
    count: int
    indices: tuple[int, ...]
    confidences: tuple[float, ...]


class Confusion(NamedTuple):
    """What a network takes the images of `k` classes for.

    Attributes:
        matrix: counts, by class (row) and by prediction (column).
        wrong: class, prediction and number of images that were taken for another class; of each pair of classes the
            most confident ones, the most confident first.
        confidences: the probability of each wrong prediction.
        skipped: numbers of the examples that could not be read.
    """

    matrix: Int[np.ndarray, "k k"]
    wrong: Int[np.ndarray, "m 3"]
    confidences: Float[np.ndarray, " m"]
    skipped: tuple[int, ...]

    @property
    def accuracy(self) -> float:
        """The share of images whose most probable class is the right one."""
        return _classification.accuracy(self.matrix)

    @property
    def class_accuracy(self) -> Float[np.ndarray, " k"]:
        """The same for each class; NaN for one without images."""
        return _classification.class_accuracy(self.matrix)

    def most_confused(self, num: int = 10) -> list[Pair]:
        """The pairs of classes that are confused most often; of equal ones the first classes."""
        off = self.matrix - np.diag(np.diag(self.matrix))
        order = np.argsort(-off, axis=None, kind="stable")[:num]
        pairs = []
        for label, predicted in zip(*np.unravel_index(order, off.shape), strict=True):
            chosen = (self.wrong[:, 0] == label) & (self.wrong[:, 1] == predicted)
            if off[label, predicted]:
                indices, confidences = self.wrong[chosen, 2].tolist(), self.confidences[chosen].tolist()
                count = int(off[label, predicted])
                pairs.append(Pair(int(label), int(predicted), count, tuple(indices), tuple(confidences)))
        return pairs


def confusion(
    f: Callable, dataset: Dataset, *, num: int = 5, probability: Probability | None = None, scan: Scan = DEFAULT
) -> Confusion:
    """Which classes a network takes for which, with the images in which it was most certain of the wrong one.

    Example:
        >>> import jax.numpy as jnp
        >>> images = jnp.array([3.0, 1.0, -1.0, 2.0]).reshape(4, 1, 1, 1)
        >>> f = lambda images: images[:, 0, 0] * jnp.array([1.0, -1.0])
        >>> found = confusion(f, (images, jnp.array([0, 1, 1, 1])))
        >>> found.matrix.tolist(), found.accuracy, found.most_confused()[0].indices
        ([[1, 0], [2, 1]], 0.5, (3, 1))

    Args:
        f: from images to logits `(n, k)`.
        dataset: see `Scan`, with labels in `0..k-1`; 0 and 1 for one output, which says 1 where it is above 0.
        num: images to keep of each pair of classes.
        probability: how confidence is read: `"softmax"` over classes, `"sigmoid"` for
            labels of which each stands for itself. By default a softmax, and a sigmoid for a head of one output.
        scan: batch size, devices, preprocessing, and what to do on failures.

    Returns:
        The counts, the accuracies that they give, and the images. Cost: one forward pass over the data set.

    Raises:
        ValueError: `f` does not return one row per image, a `probability` that is none, the data set has no labels, or
            one that cannot be read.
        FloatingPointError: a logit that is not finite.
    """
    f = as_pytree(f)
    examples, images, num_classes = _classification.labeled(f, dataset, scan)
    check_probability(probability, jax.eval_shape(f, images).shape[1])
    found = run_scan(f, _Study(num_classes, check_count(num, "num"), probability), examples, scan)
    return Confusion(found.value["matrix"], found.value["wrong"], found.value["confidences"], found.skipped)


@dataclasses.dataclass(frozen=True)
class _Study:
    num_classes: int
    num: int
    probability: Probability | None = None

    def batch(self, f: Any, images: Any, labels: jax.Array, valid: jax.Array) -> dict[str, jax.Array]:
        logits = f(images).astype(jnp.float32)
        predicted = of_classes(logits).argmax(1)
        return {
            "matrix": _classification.counted(labels, predicted, valid, self.num_classes),
            "predicted": predicted,
            "confidences": jnp.exp(log_of_classes(logits, self.probability)).max(1),
            FINITE: jnp.isfinite(logits).all(1),
        }

    def partial(self, outs: Partial, batch: Batch) -> Partial:
        place = np.flatnonzero(batch.valid & (outs["predicted"] != batch.labels))
        wrong = np.stack([batch.labels[place], outs["predicted"][place], batch.first + place], 1).astype(np.int64)
        return {
            "matrix": outs["matrix"].astype(np.int64),
            **self._first(wrong, outs["confidences"][place].astype(np.float64)),
        }

    def merge(self, left: Partial, right: Partial) -> Partial:
        both = {name: np.concatenate([left[name], right[name]]) for name in ("wrong", "confidences")}
        return {"matrix": left["matrix"] + right["matrix"], **self._first(**both)}

    def _first(self, wrong: np.ndarray, confidences: np.ndarray) -> Partial:
        """Of each pair the most confident, of equal ones the first in the data set."""
        order = np.lexsort((wrong[:, 2], -confidences, wrong[:, 1], wrong[:, 0]))
        wrong, confidences = wrong[order], confidences[order]
        new = np.ones(len(wrong), bool)
        new[1:] = (wrong[1:, :2] != wrong[:-1, :2]).any(1)
        starts = np.flatnonzero(new)
        rank = np.arange(len(wrong)) - np.repeat(starts, np.diff(starts, append=len(wrong)))
        return {"wrong": wrong[rank < self.num], "confidences": confidences[rank < self.num]}
