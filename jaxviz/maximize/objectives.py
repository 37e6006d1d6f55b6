"""What is to grow: the logit of a class, a channel, a unit, a direction, or a sum of such.

Every objective is the larger the better. Those of a layer are means over the images, and over places where they have
any, so that their size does not depend on the size of the image. Numbers stand for one objective, arrays for a batch:
`channel("conv1", jnp.arange(64))` are 64 objectives, which `render` maximizes in one program.
"""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, ArrayLike, Float

from jaxviz._core.integers import Integers, integers
from jaxviz._core.probability import Probability, check_probability, log_probabilities
from jaxviz.maximize._objective import OUTPUT, Measure, Objective, Term
from jaxviz.maximize._objective import batch as batch


def logit(k: Integers) -> Objective:
    """Output number `k`, before any softmax.

    It can grow with what the class shares with others, which `log_probability` has to win over. The two together,
    `logit(k) + log_probability(k)`, give pictures that are strong in color and sure of their class.

    Example:
        >>> float(logit(1)({OUTPUT: jnp.array([[0.5, 2.0, 1.0]])}))
        2.0

    Args:
        k: index of the output, or `(b,)` indices for a batch.
    """
    return _single(_LOGIT, OUTPUT, _index(k, "k"))


def log_probability(k: Integers, *, probability: Probability | None = None) -> Objective:
    """The logarithm of the probability of output number `k`: the class against all others.

    It hardly grows once the network is sure, so that pictures stay pale; see `logit`.

    Example:
        >>> outputs = jnp.log(jnp.array([[0.25, 0.75]]))
        >>> round(float(jnp.exp(log_probability(1)({OUTPUT: outputs}))), 4)
        0.75

    Args:
        k: index of the output, or `(b,)` indices for a batch. The network must give logits, not probabilities.
        probability: `"softmax"` over classes, `"sigmoid"` for labels of which each stands for itself. By default a
            softmax, and a sigmoid for a head of one output.

    Raises:
        ValueError: `probability` is neither; where it is rendered, a softmax of one output.
    """
    check_probability(probability, 2)  # how many there are is known where it is rendered
    return _single(_LOG_PROBABILITY[probability], OUTPUT, _index(k, "k"))


def channel(layer: str, c: Integers) -> Objective:
    """The mean of a channel over all places; for a dense layer, one of its units.

    Example:
        >>> maps = jnp.arange(8.0).reshape(1, 2, 2, 2)
        >>> float(channel("conv1", 1)({"conv1": maps}))
        4.0

    Args:
        layer: a name from `layers(f, images)`.
        c: the channel, or `(b,)` channels for a batch.
    """
    return _single(_CHANNEL, layer, _index(c, "c"))


def unit(layer: str, row: Integers, col: Integers, c: Integers) -> Objective:
    """One unit of a layer of maps: a channel at a place.

    Example:
        >>> maps = jnp.arange(8.0).reshape(1, 2, 2, 2)
        >>> float(unit("conv1", 0, 1, 1)({"conv1": maps}))
        3.0

    Args:
        layer: a name from `layers(f, images)`.
        row: of the map, not of the image.
        col: of the map.
        c: the channel. Each of the three may be `(b,)` for a batch.
    """
    return _single(_UNIT, layer, _index(row, "row"), _index(col, "col"), _index(c, "c"))


def direction(layer: str, vector: ArrayLike, cossim_pow: float = 0) -> Objective:
    """How far the activations point into a direction, on average over the places.

    At each place the dot product with the vector times the cosine between the two, taken to the power `cossim_pow` and
    not below 0.1: the higher the power, the more the direction counts against the length.

    Example:
        >>> maps = jnp.ones((1, 2, 2, 3))
        >>> float(direction("conv1", jnp.array([1.0, 2.0, 0.0]))({"conv1": maps}))
        3.0

    Args:
        layer: a name from `layers(f, images)`.
        vector: `(channels,)`, or `(b, channels)` for a batch.
        cossim_pow: 0 for the dot product alone; 1 or 2 for a picture of nothing but the direction.

    References:
        Carter et al., [Activation Atlas](https://distill.pub/2019/activation-atlas/), 2019.
    """
    return _single(_DIRECTION, layer, _float(vector, "vector"), _float(cossim_pow, "cossim_pow"))


def deepdream(layer: str) -> Objective:
    """The mean square of a layer: whatever it sees, more of it.

    Example:
        >>> float(deepdream("conv1")({"conv1": jnp.full((1, 2, 2, 3), -2.0)}))
        4.0

    References:
        Mordvintsev et al., [Inceptionism](https://research.google/blog/inceptionism-going-deeper-into-neural-networks/),
        2015.
    """
    return _single(_DEEPDREAM, layer)


def diversity(layer: str) -> Objective:
    """How little the images rendered for one objective look alike in a layer: minus the cosine of their Gram matrices.

    Add it to another objective, with a weight: `channel("fire5", 3) + 10 * diversity("fire3")`, and ask `render` for
    more than one image. Summed over the others, averaged over the images: 0 for images that share nothing, `1 - n` for
    `n` that are the same.

    Example:
        >>> same = jnp.ones((3, 2, 2, 4))
        >>> round(float(diversity("conv1")({"conv1": same})), 4)
        -2.0

    References:
        Olah et al., [Feature Visualization](https://distill.pub/2017/feature-visualization/), 2017, on diversity.
        Differs from its published code in: the sign; more is more diverse.
    """
    return _single(_DIVERSITY, layer)


def activation_match(layer: str, act: ArrayLike) -> Objective:
    """Minus the squared distance of a layer from a wanted activation, as a share of the square of that: 0 is a match.

    Example:
        >>> wanted = jnp.ones((2, 2, 3))
        >>> found = {"conv1": jnp.stack([wanted]), "conv2": jnp.stack([0 * wanted])}
        >>> float(activation_match("conv1", wanted)(found)), float(activation_match("conv2", wanted)(found))
        (0.0, -1.0)

    Args:
        layer: a name from `layers(f, images)`.
        act: of one image, `(h, w, c)` or `(c,)` as the layer has it, or `(b, ...)` for a batch.

    References:
        Mahendran and Vedaldi, [Understanding deep image representations by inverting
        them](https://arxiv.org/abs/1412.0035), 2015, equation 4.
    """
    wanted = _float(act, "act")
    # A layer of maps has three axes without the batch, a dense one has one.
    return _single(_MATCH_MAPS if wanted.ndim >= 3 else _MATCH_DENSE, layer, wanted)


def custom(function: Callable[[Float[Array, "n ..."]], Float[Array, ""]], layer: str | None = None) -> Objective:
    """An objective of one's own.

    Example:
        >>> largest = custom(lambda act: act.max(), "conv1")
        >>> float(largest({"conv1": jnp.arange(8.0).reshape(1, 2, 2, 2)}))
        7.0

    Args:
        function: from the activation of a layer for `n` images to a number. Give the same function again for another
            call to use the same compiled program.
        layer: a name from `layers(f, images)`; None for the output of the network.
    """
    return _single(Measure(function), OUTPUT if layer is None else layer)


def _single(measure: Measure, layer: str, *args: Any) -> Objective:
    return Objective((Term(1.0, args, measure, layer),))


def _index(value: Integers, name: str) -> Any:
    return integers(value, name, "Use an index, counted from 0.")


def _float(value: ArrayLike, name: str) -> Any:
    if isinstance(value, Tracer):
        return value
    array = np.asarray(value, np.float32)
    if not np.isfinite(array).all():
        raise ValueError(f"`{name}` must be finite, got {array[~np.isfinite(array)].ravel()[0]}.")
    return array


def _logit(outputs: Float[Array, "n k"], k: Any) -> Float[Array, ""]:
    return outputs[:, k].mean()


def _log_probability(probability: Probability | None) -> Measure:
    def measure(outputs: Float[Array, "n k"], k: Any) -> Float[Array, ""]:
        return log_probabilities(outputs, probability)[:, k].mean()

    def check(shape: tuple[int, ...], layer: str, k: Any) -> None:
        check_probability(probability, shape[1])
        _check_class(shape, layer, k)

    measure.__name__ = "log_probability"
    return Measure(measure, (0,), check)


def _channel(act: Float[Array, "n ... c"], c: Any) -> Float[Array, ""]:
    return act.mean(tuple(range(act.ndim - 1)))[c]


def _unit(act: Float[Array, "n h w c"], row: Any, col: Any, c: Any) -> Float[Array, ""]:
    return act[:, row, col, c].mean()


def _direction(act: Float[Array, "n ... c"], vector: Float[Array, " c"], power: Float[Array, ""]) -> Float[Array, ""]:
    dot = act @ vector
    # The square root of the sum of squares has no gradient at zero.
    lengths = jnp.sqrt(jnp.maximum(jnp.square(act).sum(-1), 1e-12)) * jnp.sqrt(jnp.square(vector).sum())
    return (dot * jnp.maximum(dot / (lengths + 1e-6), 0.1) ** power).mean()


def _deepdream(act: Float[Array, "n ..."]) -> Float[Array, ""]:
    return jnp.square(act).mean()


def _diversity(act: Float[Array, "n ... c"]) -> Float[Array, ""]:
    flat = act.reshape(act.shape[0], -1, act.shape[-1])
    grams = jnp.einsum("npc,npd->ncd", flat, flat).reshape(act.shape[0], -1)
    grams = grams / jnp.sqrt(jnp.maximum(jnp.square(grams).sum(-1, keepdims=True), 1e-12))
    cosines = grams @ grams.T
    return -(cosines.sum() - jnp.trace(cosines)) / act.shape[0]


def _activation_match(act: Float[Array, "n ..."], wanted: Float[Array, "..."]) -> Float[Array, ""]:
    return -jnp.square(act - wanted).mean() / jnp.maximum(jnp.square(wanted).mean(), 1e-12)


def _inside(name: str, value: Any, size: int, what: str) -> None:
    if isinstance(value, Tracer):
        return
    outside = (value < 0) | (value >= size)
    if np.any(outside):
        wrong = np.asarray(value)[outside].ravel()[0]
        raise ValueError(
            f"`{name}` must be in 0..{size - 1}, got {wrong}. It is the index of one of the {size} {what}."
        )


def _check_class(shape: tuple[int, ...], layer: str, k: Any) -> None:
    del layer
    _inside("k", k, shape[1], "outputs")


def _check_channel(shape: tuple[int, ...], layer: str, c: Any) -> None:
    _inside("c", c, shape[-1], f"channels of {layer!r}")


def _check_unit(shape: tuple[int, ...], layer: str, row: Any, col: Any, c: Any) -> None:
    if len(shape) != 4:
        raise ValueError(
            f"`layer` must have activations of shape (n, h, w, c) for a unit, got {shape} for {layer!r}. "
            "Use channel(layer, c) for a dense layer."
        )
    _inside("row", row, shape[1], f"rows of {layer!r}")
    _inside("col", col, shape[2], f"columns of {layer!r}")
    _inside("c", c, shape[3], f"channels of {layer!r}")


def _check_direction(shape: tuple[int, ...], layer: str, vector: Any, power: Any) -> None:
    del power
    if vector.shape[-1:] != shape[-1:]:
        raise ValueError(
            f"`vector` must have {shape[-1]} entries, one per channel of {layer!r}, got shape {vector.shape}."
        )


def _check_match(shape: tuple[int, ...], layer: str, wanted: Any) -> None:
    if wanted.shape[-len(shape[1:]) :] != shape[1:] or wanted.ndim > len(shape):
        raise ValueError(
            f"`act` must have the shape {shape[1:]} of {layer!r} for one image, got {wanted.shape}. Take one image of "
            "a batch: act[0]."
        )


def _check_diversity(shape: tuple[int, ...], layer: str) -> None:
    if shape[0] < 2:
        raise ValueError(
            f"`num_images` must be at least 2 for diversity({layer!r}), got {shape[0]}. It compares the images of one "
            "objective."
        )


_LOGIT = Measure(_logit, (0,), _check_class)
# Made once: another function is another program.
_LOG_PROBABILITY: dict[Any, Measure] = {kind: _log_probability(kind) for kind in (None, "softmax", "sigmoid")}
_CHANNEL = Measure(_channel, (0,), _check_channel, channels=True)
_UNIT = Measure(_unit, (0, 0, 0), _check_unit, channels=True)
_DIRECTION = Measure(_direction, (1, 0), _check_direction, channels=True)
_DEEPDREAM = Measure(_deepdream)
_DIVERSITY = Measure(_diversity, (), _check_diversity, channels=True)
_MATCH_MAPS = Measure(_activation_match, (3,), _check_match)
_MATCH_DENSE = Measure(_activation_match, (1,), _check_match)
