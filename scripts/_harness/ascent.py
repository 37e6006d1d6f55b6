"""What all commands share: a network, how its images are shaken while they grow, and how they are judged."""

import functools
import re
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.ad_checkpoint import checkpoint_name

import jaxviz as jv
import models
from jaxviz import maximize
from scripts._harness.networks import check_size, network_of
from scripts._harness.words import class_index

if TYPE_CHECKING:
    from scripts._harness.ascent_options import Ascent

LOGITS = "logits"
"""The name under which the output of a network is a layer like the others."""
VIEWS = 8
OBJECTIVES = {
    "both": lambda k: maximize.log_probability(k) + maximize.logit(k),
    "logit": maximize.logit,
    "log_probability": maximize.log_probability,
}
"""What of a class can grow, by its name on the command line."""


class Study(NamedTuple):
    """A network with the settings of its ascents.

    `f` is the network with its output named as a layer; `labels` are in words; `augment` shakes an image in each step.
    """

    network: models.Network
    f: Any
    labels: tuple[str, ...]
    augment: maximize.augment.Augment
    steps: int
    seed: int

    def ascend(self, objective: maximize.Objective, **options: Any) -> maximize.Result:
        """Images for an objective, by the settings of the study."""
        return maximize.render(
            self.f,
            objective,
            key=jax.random.key(self.seed),
            shape=self.network.input_shape,
            normalize=self.network.normalize,
            augment=self.augment,
            num_steps=self.steps,
            **options,
        )

    def judge(self, pixels: Any) -> tuple[np.ndarray, np.ndarray]:
        """Logits of the images `(n, k)`, and of views of them `(VIEWS, n, k)` that no ascent has seen."""
        keys = jax.random.split(jax.random.key(self.seed + 1), VIEWS)
        logits, views = _judge(self.network, jnp.asarray(pixels), keys, self.augment)
        return np.asarray(logits), np.asarray(views)


def study(ascent: "Ascent", size: int | None = None) -> Study:
    """The study that the arguments ask for.

    Args:
        ascent: of the command line.
        size: height and width of the images, where the network takes any; those it was trained on by default.

    Raises:
        ValueError: the first argument that does not fit.
        UsageError: weights that are not there or do not fit.
    """
    network = network_of(ascent.network, ascent.weights)
    if size is not None and network.spec.any_size:
        network = network.resized(size)
        check_size(network, "--size")
    return of(network, ascent.steps, ascent.seed)


def of(network: models.Network, steps: int, seed: int) -> Study:
    """The study of a network."""
    labels = tuple(label.replace("_", " ") for label in network.labels)
    augment = maximize.augment.standard(min(network.input_shape[:2]))
    return Study(network, jax.tree_util.Partial(_named, network), labels, augment, steps, seed)


def chosen(classes: tuple[str, ...], labels: tuple[str, ...], argument: str) -> list[int]:
    """The classes with these numbers or labels, each once."""
    return list(dict.fromkeys(class_index(name, labels, argument) for name in classes))


def picture(pixels: Any) -> np.ndarray:
    """Pixels in [0, 1] as uint8, gray ones in three equal channels."""
    array = np.rint(255 * np.asarray(pixels)).astype(np.uint8)
    return np.repeat(array, 3, axis=-1) if array.shape[-1] == 1 else array


def file_name(text: str) -> str:
    """The text with nothing in it that a file system minds."""
    return re.sub(r"[^\w-]+", "_", text)


def rounded(values: Any, digits: int = 4) -> Any:
    """Numbers for JSON."""
    return np.round(np.asarray(values, np.float64), digits).tolist()


def _named(network: models.Network, images: jax.Array) -> jax.Array:
    return checkpoint_name(network(images), LOGITS)


@functools.partial(jax.jit, static_argnames="augment")
def _judge(
    network: models.Network, pixels: jax.Array, keys: jax.Array, augment: maximize.augment.Augment
) -> tuple[jax.Array, jax.Array]:
    def seen(key: jax.Array) -> jax.Array:
        return network(network.normalize(maximize.augment.view(augment, key, pixels)))

    return jv.fast_on_cpu(network)(network.normalize(pixels)), jax.lax.map(jv.fast_on_cpu(seen), keys)
