"""New dense layers on the pooled features of a trunk: alone on features computed once, or with the trunk below them."""

import functools
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jax.ad_checkpoint import checkpoint_name
from jaxtyping import Array, Float, Int, Key

import jaxviz as jv
from models._labels import class_numbers
from models.network import Network
from models.training import Recipe
from models.transfer._features import flat, pooled


class Head(nnx.Module):
    """Standardized features, a dense layer with ReLU, and a dense layer to the classes.

    Its layers are named `features` and `hidden`. The standardization is given, and is not trained.
    """

    def __init__(
        self,
        center: Float[np.ndarray, " d"],
        scale: Float[np.ndarray, " d"],
        hidden: int,
        num_classes: int,
        *,
        rngs: nnx.Rngs,
    ):
        self.center, self.scale = nnx.Variable(jnp.asarray(center)), nnx.Variable(jnp.asarray(scale))
        self.hidden = nnx.Linear(len(center), hidden, rngs=rngs)
        self.classes = nnx.Linear(hidden, num_classes, rngs=rngs)

    def __call__(self, features: Float[Array, "n d"]) -> Float[Array, "n k"]:
        """Logits."""
        center, scale = jax.lax.stop_gradient((self.center[...], self.scale[...]))
        x = checkpoint_name((features - center) / scale, "features")
        return self.classes(checkpoint_name(jax.nn.relu(self.hidden(x)), "hidden"))


class Headed(nnx.Module):
    """A trunk with a head on means and maxima of some of its layers: images to logits of the new classes."""

    def __init__(self, trunk: Network, layers: tuple[str, ...], head: Head):
        self.trunk = nnx.merge(trunk.graphdef, trunk.state)
        self.layers, self.head = layers, head

    def __call__(self, images: Float[Array, "n h w c"]) -> Float[Array, "n k"]:
        """Logits."""
        return self.head(flat(pooled(self.trunk, images, self.layers)))


def fit_head(
    head: Head, recipe: Recipe, features: Float[np.ndarray, "n v d"], labels: Int[np.ndarray, " n"], *, key: Array
) -> Iterator[tuple[Head, float]]:
    """Trains a head on features computed once, epoch by epoch, one compiled program each.

    Args:
        head: to begin from; it is left as it is.
        recipe: how. Its dropout may name `features` and `hidden`; flips and shifts are not for features: they are what
            the views are for.
        features: of each photo in some views, such as itself and its mirror image. Each epoch sees one of them.
        labels: class numbers.
        key: for order, views and dropout.

    Yields:
        The head after each epoch, and the mean loss of its batches as they were trained on.

    Raises:
        ValueError: fewer photos than a batch has, not a label for each, or a recipe with flips or shifts.
        TypeError: `labels` are no numbers of classes.
    """
    if recipe.flip or recipe.shift:
        raise ValueError("`recipe` must be without flip and shift, which are for images. Give features of more views.")
    labels = class_numbers(labels)
    if len(labels) != len(features):
        raise ValueError(f"`labels` must be one for each photo, got {len(labels)} for {len(features)} photos.")
    if len(labels) < recipe.batch_size:
        raise ValueError(
            f"`batch_size` must be at most the number of photos, got {recipe.batch_size} for {len(labels)}."
        )
    graphdef, state = nnx.split(head)
    memory = recipe.optimizer(len(labels) // recipe.batch_size).init(state)
    rows, numbers = jnp.asarray(features), jnp.asarray(labels)
    for number in range(1, recipe.epochs + 1):
        state, memory, loss = _epoch(graphdef, state, memory, rows, numbers, jax.random.fold_in(key, number), recipe)
        yield nnx.merge(graphdef, state), float(loss)


@functools.partial(jax.jit, static_argnames=("graphdef", "recipe"))
def _epoch(
    graphdef: Any, state: Any, memory: Any, rows: Array, labels: Array, key: Key[Array, ""], recipe: Recipe
) -> tuple[Any, Any, Float[Array, ""]]:
    num_steps = len(labels) // recipe.batch_size
    optimizer = recipe.optimizer(num_steps)
    order_key, view_key, drop_key = jax.random.split(key, 3)
    order = jax.random.permutation(order_key, len(labels))[: num_steps * recipe.batch_size].reshape(num_steps, -1)
    views = jax.random.randint(view_key, order.shape, 0, rows.shape[1])

    def loss(state: Any, chosen: Array, view: Array, key: Array) -> Array:
        dropping = {
            layer: functools.partial(_drop, rate=rate, key=jax.random.fold_in(key, place))
            for place, (layer, rate) in enumerate(recipe.dropout)
        }
        head = nnx.merge(graphdef, state)
        logits = (jv.edit(head, dropping) if dropping else head)(rows[chosen, view])
        targets = optax.smooth_labels(jax.nn.one_hot(labels[chosen], logits.shape[-1]), recipe.label_smoothing)
        return optax.softmax_cross_entropy(logits, targets).mean()

    def step(carry: tuple[Any, Any], inputs: tuple[Array, Array, Array]) -> tuple[tuple[Any, Any], Array]:
        state, memory = carry
        value, gradient = jax.value_and_grad(loss)(state, *inputs)
        updates, memory = optimizer.update(gradient, memory, state)
        return (optax.apply_updates(state, updates), memory), value

    keys = jax.random.split(drop_key, num_steps)
    (state, memory), losses = jax.lax.scan(step, (state, memory), (order, views, keys))
    return state, memory, losses.mean()


def _drop(activation: Array, *, rate: float, key: Array) -> Array:
    return jnp.where(jax.random.bernoulli(key, 1 - rate, activation.shape), activation / (1 - rate), 0)
