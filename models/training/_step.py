"""One epoch as one program: all its steps in a loop on the device, where the data lies as bytes."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int, Key, UInt8

import jaxviz as jv
from jaxviz.transforms import channels_last
from models.network import Network
from models.training._augment import flip, shift
from models.training._recipe import Recipe

_REPORTS = 50  # an epoch: each makes the device wait for the host


class State(NamedTuple):
    """What a training goes on from: the network, and what the optimizer remembers."""

    network: Network
    memory: Any


@jax.jit(static_argnames=("recipe", "report"))
def epoch(
    state: State,
    images: UInt8[Array, "n h w c"],
    labels: Int[Array, " n"],
    key: Key[Array, ""],
    recipe: Recipe,
    report: Callable[[int], None] | None,
) -> tuple[State, Float[Array, " steps"], Float[Array, " steps"]]:
    """The state after all examples have been seen once, in an order by `key`; loss and accuracy of each step.

    `report` is called now and then, with the number of steps that are done.
    """
    num_steps = len(labels) // recipe.batch_size
    optimizer = recipe.optimizer(num_steps)
    order_key, steps_key = jax.random.split(key)
    order = jax.random.permutation(order_key, len(labels))[: num_steps * recipe.batch_size]

    def step(state: State, inputs: tuple[Array, Array, Array]) -> tuple[State, tuple[Array, Array]]:
        number, chosen, key = inputs
        differentiate = jax.value_and_grad(_loss, has_aux=True)
        if jax.default_backend() == "cpu":
            differentiate = channels_last(differentiate)
        (loss, correct), gradient = differentiate(state.network, images[chosen], labels[chosen], key, recipe)
        network: Any = state.network  # a pytree as good as any, which optax's types do not say
        updates, memory = optimizer.update(gradient, state.memory, network)
        if report is not None:
            _now_and_then(report, number, max(1, num_steps // _REPORTS))
        moved: Any = optax.apply_updates(network, updates)
        return State(moved, memory), (loss, correct)

    keys = jax.random.split(steps_key, num_steps)
    state, (losses, correct) = jax.lax.scan(step, state, (jnp.arange(num_steps), order.reshape(num_steps, -1), keys))
    return state, losses, correct


def _now_and_then(report: Callable[[int], None], number: Array, every: int) -> None:
    done = number + 1

    def call() -> None:
        jax.debug.callback(lambda done: report(int(done)), done)

    jax.lax.cond(done % every == 0, call, lambda: None)


def _loss(network: Network, images: Array, labels: Array, key: Array, recipe: Recipe) -> tuple[Array, Array]:
    """The mean cross-entropy of a batch as it is trained on, and the share that is right."""
    flip_key, shift_key, drop_key = jax.random.split(key, 3)
    if recipe.flip:
        images = flip(images, key=flip_key)
    if recipe.shift:
        images = shift(images, recipe.shift, key=shift_key)
    # The switches of "gradient" give the same derivatives as JAX's own max-pools do, which are slow on a CPU.
    forward = jv.with_rule(_dropping(network, recipe, drop_key), "gradient")
    logits = forward(network.normalize(images / 255.0))
    targets = optax.smooth_labels(jax.nn.one_hot(labels, logits.shape[-1]), recipe.label_smoothing)
    correct = jnp.mean(logits.argmax(-1) == labels)
    return optax.softmax_cross_entropy(logits, targets).mean(), correct


def _dropping(network: Network, recipe: Recipe, key: Array) -> Any:
    """The network with dropout after the layers that the recipe names."""
    keys = jax.random.split(key, max(1, len(recipe.dropout)))

    def drop(rate: float, key: Array) -> Any:
        def act(activation: Array) -> Array:
            return jnp.where(jax.random.bernoulli(key, 1 - rate, activation.shape), activation / (1 - rate), 0)

        return act

    edits = {layer: drop(rate, key) for (layer, rate), key in zip(recipe.dropout, keys, strict=False)}
    return jv.edit(network, edits) if edits else network
