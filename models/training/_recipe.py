"""How a network is trained: everything that, with the data and a key, decides its weights."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array


@dataclasses.dataclass(frozen=True)
class Recipe:
    """AdamW on a cosine schedule, with the usual ways against overfitting.

    Attributes:
        dataset: the name of its data in `models.datasets`.
        epochs: passes over the data.
        batch_size: images in a step. What is left of an epoch after whole batches is dropped, each time another part.
        learning_rate: the largest, after the warm-up.
        warmup: share of all steps in which the rate rises from zero; from there it falls to zero, as a cosine.
        weight_decay: of kernels, not of biases.
        label_smoothing: share of the target that is spread over all classes.
        dropout: layers and the share of their units that is dropped, for each image its own.
        flip: whether half of the images are mirrored, left to right.
        shift: the most pixels by which an image is moved, down and across; its rim is repeated.
        keep: epochs after which the weights are worth keeping.
    """

    dataset: str
    epochs: int
    batch_size: int
    learning_rate: float
    warmup: float = 0.1
    weight_decay: float = 0.0
    label_smoothing: float = 0.0
    dropout: tuple[tuple[str, float], ...] = ()
    flip: bool = False
    shift: int = 0
    keep: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        for name, least in (("epochs", 1), ("batch_size", 1), ("shift", 0), ("weight_decay", 0)):
            if getattr(self, name) < least:
                raise ValueError(f"`{name}` must be at least {least}, got {getattr(self, name)}.")
        if not self.learning_rate > 0:
            raise ValueError(f"`learning_rate` must be positive, got {self.learning_rate}.")
        shares = {"warmup": self.warmup, "label_smoothing": self.label_smoothing}
        for name, share in [*shares.items(), *((f"dropout of {layer}", rate) for layer, rate in self.dropout)]:
            if not 0 <= share < 1:
                raise ValueError(f"`{name}` must be at least 0 and below 1, got {share}.")

    def optimizer(self, steps_per_epoch: int) -> optax.GradientTransformation:
        """The optimizer of the whole training."""
        total = self.epochs * steps_per_epoch
        rising = max(1, round(self.warmup * total))

        def rate(step: Any) -> Array:
            risen = (step + 1) / rising
            fallen = jnp.cos(jnp.pi * (step + 1 - rising) / (total + 1 - rising))
            return self.learning_rate * jnp.where(risen < 1, risen, (1 + fallen) / 2)

        return optax.adamw(rate, weight_decay=self.weight_decay, mask=_kernels)


def _kernels(tree: Any) -> Any:
    return jax.tree.map(lambda leaf: leaf.ndim > 1, tree)


RECIPES = {
    "mnist_cnn1": Recipe("mnist", epochs=5, batch_size=128, learning_rate=4e-3),
    "mnist_cnn2": Recipe("mnist", epochs=5, batch_size=128, learning_rate=3e-3),
    "mnist_cnn3": Recipe("mnist", epochs=10, batch_size=256, learning_rate=8e-3),
    "cifar_small": Recipe(
        "cifar10",
        epochs=16,
        batch_size=128,
        learning_rate=3e-3,
        weight_decay=0.05,
        dropout=(("dense1", 0.25),),
        flip=True,
        shift=2,
        keep=(1, 2, 4, 6, 10, 16),
    ),
    "cifar_wide": Recipe(
        "cifar10",
        epochs=13,
        batch_size=128,
        learning_rate=5e-4,
        weight_decay=0.05,
        dropout=(("dense1", 0.5), ("dense2", 0.5)),
        flip=True,
        shift=4,
    ),
}
"""For each network that is trained here, the recipe of its committed weights."""
