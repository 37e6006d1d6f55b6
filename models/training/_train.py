"""A training from its first epoch, or from where it was interrupted, to its last."""

import contextlib
import dataclasses
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Key

from jaxviz._core.identity import digest, traced
from models._labels import class_numbers
from models.datasets import Examples
from models.network import Network
from models.training._recipe import Recipe
from models.training._snapshots import snapshots
from models.training._step import State, epoch


class Epoch(NamedTuple):
    """What an epoch of training has left.

    Attributes:
        number: from 1.
        network: with the weights after this epoch.
        loss: the mean over the epoch's batches, as they were trained on: augmented, with dropout, smoothed labels.
        accuracy: of the same batches, each before its own step.
    """

    number: int
    network: Network
    loss: float
    accuracy: float


def train(
    network: Network,
    recipe: Recipe,
    examples: Examples,
    *,
    key: Key[Array, ""],
    folder: Path | None = None,
    report: Callable[[int], None] | None = None,
) -> Iterator[Epoch]:
    """Trains a network epoch by epoch; what is done between two of them is up to the caller.

    The weights follow from network, recipe, examples and key to the last bit (on one kind of device). With a folder
    that holds for a training that is killed as well: the next call goes on after the last epoch that the caller had
    asked to go beyond, so what the caller does with an epoch may be done twice and is never left out.

    Example:
        >>> import jax, models
        >>> from models import training
        >>> from models.datasets import load
        >>> network = models.initialize("mnist_cnn3")
        >>> recipe = training.RECIPES["mnist_cnn3"]
        >>> for epoch in training.train(network, recipe, load("mnist"), key=jax.random.key(0)):  # doctest: +SKIP
        ...     print(epoch.number, training.evaluate(epoch.network, load("mnist", "test")).accuracy)

    Args:
        network: with the weights to begin from. All of them are trained.
        recipe: how.
        examples: as bytes, of the size that the network takes. They lie on the device as long as the training goes on.
        key: for the order of the examples, the augmentation, and dropout.
        folder: for snapshots, and for nothing else; about three times the network. Snapshots of a training that
            computes anything else, or on other examples, are refused. Without a folder nothing is kept.
        report: called about fifty times an epoch with the number of its steps that are done, for a progress bar.

    Yields:
        What each epoch has left; those that snapshots say are done are left out.

    Raises:
        ValueError: examples that do not fit the network, fewer than a batch, snapshots of another training, or a loss
            that is no longer finite.
    """
    check(network, recipe, examples)
    num_steps = len(examples.labels) // recipe.batch_size
    parameters: Any = network
    start = State(network, recipe.optimizer(num_steps).init(parameters))
    with contextlib.ExitStack() as stack:
        kept = folder and stack.enter_context(snapshots(folder, _run(start, recipe, examples, key)))
        number, state = (0, start) if kept is None else kept.load(start)
        images, labels = map(jnp.asarray, examples)
        while number < recipe.epochs:
            number += 1
            state, losses, correct = epoch(state, images, labels, jax.random.fold_in(key, number), recipe, report)
            loss = float(losses.mean())
            if not math.isfinite(loss):
                raise ValueError(
                    f"`learning_rate` must keep the loss finite, got {recipe.learning_rate} and a loss of {loss} in "
                    f"epoch {number}. Use a smaller one."
                )
            yield Epoch(number, state.network, loss, float(correct.mean()))
            if kept is not None:
                kept.save(number, state)


def check(network: Network, recipe: Recipe, examples: Examples) -> None:
    """Whether `train` can begin, before anything is compiled or written.

    Raises:
        ValueError: examples that do not fit the network, or fewer than a batch.
        TypeError: labels that are no numbers of classes.
    """
    images, labels = examples
    if images.dtype != np.uint8 or images.shape[1:] != network.input_shape:
        expected = ", ".join(map(str, network.input_shape))
        raise ValueError(
            f"`examples` must hold uint8 images of shape (n, {expected}) for {network.name}, got {images.dtype} of "
            f"{images.shape}. Load them with the network's crop as transform."
        )
    class_numbers(labels, "examples.labels")
    if labels.shape != images.shape[:1] or labels.min() < 0 or labels.max() >= len(network.labels):
        raise ValueError(
            f"`examples` must have one label in 0..{len(network.labels) - 1} for each image, got {len(labels)} in "
            f"{labels.min()}..{labels.max()} for {len(images)} images."
        )
    if len(labels) < recipe.batch_size:
        raise ValueError(
            f"`batch_size` must be at most the number of examples, got {recipe.batch_size} for {len(labels)}."
        )


def _run(start: State, recipe: Recipe, examples: Examples, key: Array) -> dict[str, Any]:
    """All that the weights follow from, by the names that a refusal gives them."""
    shapes = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype), (start, *examples, key))
    program = traced(lambda *inputs: epoch(*inputs, recipe, None), *shapes)
    return {
        "network": start.network.name,
        "program": program.function,
        "weights": digest(*jax.tree.leaves(start.network)),
        "examples": digest(*examples),
        "key": digest(key),
        "version of jax": jax.__version__,
        **{name: repr(value) for name, value in dataclasses.asdict(recipe).items()},
    }
