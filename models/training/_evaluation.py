"""How well a network classifies examples."""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Int

from models._labels import class_numbers
from models.datasets import Examples
from models.network import Network


class Evaluation(NamedTuple):
    """What came out over a set of examples.

    Attributes:
        loss: mean cross-entropy, in nats.
        accuracy: share of the examples whose class has the largest logit.
        confusion: how many examples of each class (rows) were put into each class (columns).
    """

    loss: float
    accuracy: float
    confusion: Int[np.ndarray, "k k"]


def evaluate(network: Network, examples: Examples, *, batch_size: int = 500) -> Evaluation:
    """Puts all examples through the network, in one compiled program.

    Args:
        network: any.
        examples: of the size that the network takes.
        batch_size: images at a time; it bounds the memory and has no say in the result.

    Returns:
        Loss, accuracy and confusion matrix.

    Raises:
        ValueError: there is no example.
        TypeError: labels that are no numbers of classes.
    """
    if not len(examples.labels):
        raise ValueError("`examples` must hold at least one, got none. Take a larger part of the split.")
    class_numbers(examples.labels, "examples.labels")
    size = min(batch_size, len(examples.labels))
    loss, confusion = _evaluate(network, *map(jnp.asarray, examples), size)
    counts = np.asarray(confusion)
    return Evaluation(float(loss) / len(examples.labels), float(np.trace(counts) / counts.sum()), counts)


@jax.jit(static_argnames="size")
def _evaluate(network: Network, images: Array, labels: Array, size: int) -> tuple[Array, Array]:
    """The sum of the losses, and the confusion matrix."""
    total, num_classes = len(labels), len(network.labels)

    def batch(start: Array) -> tuple[Array, Array]:
        # The last batch is filled up with the last example, which then weighs nothing.
        places = start + jnp.arange(size)
        valid = places < total
        chosen = jnp.minimum(places, total - 1)
        logits = network(network.normalize(images[chosen] / 255.0))
        losses = optax.softmax_cross_entropy_with_integer_labels(logits, labels[chosen])
        counts = jnp.zeros((num_classes, num_classes), int).at[labels[chosen], logits.argmax(-1)].add(valid)
        return jnp.sum(losses * valid), counts

    losses, counts = jax.lax.map(batch, jnp.arange(math.ceil(total / size)) * size)
    return losses.sum(), counts.sum(0)
