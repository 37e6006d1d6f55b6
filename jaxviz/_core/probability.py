"""How probabilities are read from the outputs of a network: the one place that has the formulas."""

from typing import Literal, get_args

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

Probability = Literal["softmax", "sigmoid"]
"""`"softmax"`: the outputs are logits of classes of which one is right. `"sigmoid"`: each is the logit of a label of
its own. Where nothing is said, a head of one output is a sigmoid, and any other a softmax."""


def probabilities(
    outputs: Float[Array | np.ndarray, "*n k"], probability: Probability | None = None
) -> Float[Array, "*n k"]:
    """The probabilities that the outputs of a network stand for.

    Example:
        >>> import jax.numpy as jnp
        >>> probabilities(jnp.array([[0.0, 0.0]])).tolist(), probabilities(jnp.array([[0.0]])).tolist()
        ([[0.5, 0.5]], [[0.5]])

    Args:
        outputs: logits, along the last axis.
        probability: `"softmax"` where one of the classes is right, `"sigmoid"` where each output is a label of its own.
            By default a softmax, and for a head of one output a sigmoid: the softmax over one logit is always 1.

    Returns:
        One probability for each output.

    Raises:
        ValueError: `probability` is neither, or a softmax of one output.
    """
    outputs = jnp.asarray(outputs)
    of = {"softmax": jax.nn.softmax, "sigmoid": jax.nn.sigmoid}
    return of[check_probability(probability, outputs.shape[-1])](outputs)


def log_probabilities(
    outputs: Float[Array | np.ndarray, "*n k"], probability: Probability | None = None
) -> Float[Array, "*n k"]:
    """The logarithms of `probabilities`: finite, and with a gradient, where a probability rounds to 0.

    Example:
        >>> import jax.numpy as jnp
        >>> log_probabilities(jnp.array([[-200.0]])).tolist()
        [[-200.0]]

    Args:
        outputs: logits, along the last axis.
        probability: as for `probabilities`.

    Returns:
        One logarithm for each output.

    Raises:
        ValueError: as for `probabilities`.
    """
    outputs = jnp.asarray(outputs)
    of = {"softmax": jax.nn.log_softmax, "sigmoid": jax.nn.log_sigmoid}
    return of[check_probability(probability, outputs.shape[-1])](outputs)


def of_classes(outputs: Float[Array, "n k"]) -> Float[Array, "n k2"]:
    """Logits of classes: a head of one output tells class 1 from class 0, which has the logit 0 and comes first."""
    return jnp.pad(outputs, ((0, 0), (1, 0))) if outputs.shape[1] == 1 else outputs


def log_of_classes(outputs: Float[Array, "n k"], probability: Probability | None = None) -> Float[Array, "n k2"]:
    """The logarithms of the probabilities of those classes."""
    if outputs.shape[1] > 1:
        return log_probabilities(outputs, probability)
    check_probability(probability, 1)
    # Not the softmax of `of_classes`, which rounds what is close to 1 to it.
    return jnp.concatenate([jax.nn.log_sigmoid(-outputs), jax.nn.log_sigmoid(outputs)], 1)


def check_probability(probability: Probability | None, num_outputs: int) -> Probability:
    """The one that is meant, where it can be."""
    if probability is None:
        return "sigmoid" if num_outputs == 1 else "softmax"
    if probability not in get_args(Probability):
        raise ValueError(
            f"`probability` must be 'softmax' or 'sigmoid', got {probability!r}. Say 'sigmoid' where each output is a "
            "label of its own."
        )
    if probability == "softmax" and num_outputs == 1:
        raise ValueError(
            "`probability` must be 'sigmoid' for a head of one output, got 'softmax', which is always 1. Leave it out."
        )
    return probability
