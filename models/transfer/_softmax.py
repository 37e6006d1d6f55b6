"""A linear softmax: the convex classifier that shows what features are worth."""

import functools
from collections.abc import Sequence
from typing import NamedTuple, cast

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Int

from models._labels import class_numbers
from models.transfer._features import standardization

Features = Float[np.ndarray, "n d"]
Labels = Int[np.ndarray, " n"]
Weights = tuple[Float[Array, "d k"], Float[Array, " k"]]


class Softmax(NamedTuple):
    """Features to logits: `(features - center) / scale @ kernel + bias`.

    Attributes:
        center: mean of each feature over the photos it was fitted to.
        scale: their standard deviation; 1 for a feature that never changes.
        kernel: weight of each standardized feature for each class.
        bias: of each class.
    """

    center: Float[Array, " d"]
    scale: Float[Array, " d"]
    kernel: Float[Array, "d k"]
    bias: Float[Array, " k"]

    def __call__(self, features: Float[Array, "n d"] | Float[np.ndarray, "n d"]) -> Float[Array, "n k"]:
        """Logits."""
        return (jnp.asarray(features) - self.center) / self.scale @ self.kernel + self.bias


def fit_softmax(
    features: Features, labels: Labels, num_classes: int, *, strength: float, start: Softmax | None = None
) -> Softmax:
    """The one linear softmax with the least regularized loss.

    The loss is the mean cross-entropy of the photos plus `strength / 2` times the sum of the squared weights on
    standardized features; biases are free. It is convex, so seed and order have no say: L-BFGS goes down until the
    gradient's norm is below 1e-3, ten to fifty passes over all photos.

    Example:
        >>> import numpy as np
        >>> features, labels = np.array([[0.0], [1.0], [4.0], [5.0]]), np.array([0, 0, 1, 1])
        >>> fit_softmax(features, labels, 2, strength=0.1)(features).argmax(1).tolist()
        [0, 0, 1, 1]

    Args:
        features: one row a photo.
        labels: class numbers.
        num_classes: how many there are; some may have no photo.
        strength: of the regularization, at least 0; 0.01 to 1 suits features of convnets.
        start: where to begin, for example at the fit of another strength. The result is the same, the way shorter.

    Raises:
        ValueError: arguments that do not fit each other, features that are not finite, a negative strength.
        TypeError: `labels` are no numbers of classes.
    """
    features, labels = _checked(features, labels, num_classes)
    if not strength >= 0:
        raise ValueError(f"`strength` must be at least 0, got {strength}.")
    center, scale = standardization(features)
    weights = jnp.zeros((features.shape[1], num_classes)), jnp.zeros(num_classes)
    if start is not None:
        weights = jnp.asarray(start.kernel), jnp.asarray(start.bias)
    kernel, bias = _descend((features - center) / scale, labels, strength, weights)
    return Softmax(jnp.asarray(center), jnp.asarray(scale), kernel, bias)


def softmax_path(
    features: Features, labels: Labels, num_classes: int, *, strengths: Sequence[float]
) -> dict[float, Softmax]:
    """`fit_softmax` at several strengths, from the strongest to the weakest, each begun where the last one ended.

    Raises:
        ValueError: as in `fit_softmax`.
    """
    fits: dict[float, Softmax] = {}
    last = None
    for strength in sorted(strengths, reverse=True):
        last = fits[strength] = fit_softmax(features, labels, num_classes, strength=strength, start=last)
    return fits


@functools.partial(jax.jit, static_argnames="most")
def _descend(
    rows: Float[Array, "n d"],
    labels: Int[Array, " n"],
    strength: float,
    start: Weights,
    most: int = 500,
) -> Weights:
    optimizer = optax.lbfgs()

    def loss(weights):
        kernel, bias = weights
        losses = optax.softmax_cross_entropy_with_integer_labels(rows @ kernel + bias, labels)
        return losses.mean() + strength / 2 * jnp.sum(kernel**2)

    # The line search has computed loss and gradient of the place where it ends: they need not be computed again.
    value_and_gradient = optax.value_and_grad_from_state(loss)

    def step(carry):
        weights, state, _, count = carry
        value, gradient = value_and_gradient(weights, state=state)
        updates, state = optimizer.update(gradient, state, weights, value=value, grad=gradient, value_fn=loss)
        return cast(Weights, optax.apply_updates(weights, updates)), state, optax.tree.norm(gradient), count + 1

    def unfinished(carry):
        return (carry[2] > 1e-3) & (carry[3] < most)

    return jax.lax.while_loop(unfinished, step, (start, optimizer.init(start), jnp.inf, 0))[0]


def _checked(features: Features, labels: Labels, num_classes: int) -> tuple[Features, Labels]:
    features, labels = np.asarray(features, np.float32), class_numbers(labels).astype(np.int32)
    if features.ndim != 2 or labels.shape != features.shape[:1] or 0 in features.shape:
        raise ValueError(
            f"`features` must have shape (n, d) and `labels` (n,), got {features.shape} and {labels.shape}. "
            "Flatten the features of each photo."
        )
    if not np.isfinite(features).all():
        raise ValueError("`features` must be finite, got NaN or infinity. Look at the photos and the weights.")
    if labels.min() < 0 or labels.max() >= num_classes:
        raise ValueError(
            f"`labels` must lie in 0..{num_classes - 1}, got {labels.min()}..{labels.max()}. Give more classes."
        )
    return features, labels
