"""A tiny trunk and a tiny data set in place of SqueezeNet and of photos, for the scripts that fit to features."""

import jax
import numpy as np
from flax import nnx
from jax.ad_checkpoint import checkpoint_name

import models
from models import datasets
from models.datasets import Examples
from models.network import Network, Spec

CLASSES = ("red", "green", "blue")


class Trunk(nnx.Module):
    """Two layers of maps, and a third with one map a class of its own."""

    def __init__(self, *, rngs: nnx.Rngs):
        self.first = nnx.Conv(3, 6, (3, 3), padding="VALID", rngs=rngs)
        self.second = nnx.Conv(6, 8, (3, 3), padding="VALID", rngs=rngs)
        self.third = nnx.Conv(8, 4, (1, 1), rngs=rngs)

    def __call__(self, images):
        x = checkpoint_name(jax.nn.relu(self.first(images)), "first")
        x = checkpoint_name(jax.nn.relu(self.second(x)), "second")
        return checkpoint_name(self.third(x), "third").mean((1, 2))


def trunk(name: str = "tiny", weights: str | None = None) -> Network:
    del weights
    spec = Spec(name, (8, 8, 3), ("a", "b", "c", "d"), (0.5, 0.5, 0.5), resize=8, any_size=True)
    return Network.of(Trunk(rngs=nnx.Rngs(0)), spec)


def photos(count: int, size: int, seed: int) -> Examples:
    """Noise in which one color stands out a little: the class."""
    random = np.random.default_rng(seed)
    labels = np.arange(count) % len(CLASSES)
    images = random.integers(0, 200, (count, size, size, 3))
    images[np.arange(count), :, :, labels] += 40
    return Examples(images.astype(np.uint8), labels.astype(np.int32))


def stand_in(monkeypatch, train: int, test: int) -> None:
    """Let the scripts find these in place of networks and data sets, however large they want the photos."""

    def load(name, split="train", *, transform=None, progress=True):
        del name, progress
        examples = photos(train if split == "train" else test, 12, 0 if split == "train" else 1)
        return Examples(np.stack([transform(image) for image in examples.images]), examples.labels)

    def initialize(name, seed=0):
        return Network.of(Trunk(rngs=nnx.Rngs(seed)), trunk(name).spec)

    monkeypatch.setattr(models, "names", lambda: ["tiny", "squeezenet"])
    monkeypatch.setattr(models, "load", trunk)
    monkeypatch.setattr(models, "initialize", initialize)
    monkeypatch.setattr(datasets, "load", load)
    monkeypatch.setattr(datasets, "labels", lambda name: CLASSES)
