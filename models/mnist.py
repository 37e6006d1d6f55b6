"""Three small networks for MNIST: two that differ in size and stride of their filters, one of 7,465 parameters."""

import jax
from flax import nnx
from jax.ad_checkpoint import checkpoint_name
from jaxtyping import Array, Float


def _conv(channels: int, maps: int, size: int, stride: int, rngs: nnx.Rngs) -> nnx.Conv:
    return nnx.Conv(channels, maps, (size, size), stride, padding=[(2, 2), (2, 2)], rngs=rngs)


class _TwoConvs(nnx.Module):
    """Two convolutions, each with ReLU and a 2x2 max-pool, and one dense layer on what is left."""

    conv1: nnx.Conv
    conv2: nnx.Conv
    predictions: nnx.Linear

    def __call__(self, images: Float[Array, "n 28 28 1"]) -> Float[Array, "n k"]:
        """Logits, which are the layer `predictions`."""
        x = checkpoint_name(jax.nn.relu(self.conv1(images)), "conv1")
        x = checkpoint_name(nnx.max_pool(x, (2, 2), (2, 2)), "pool1")
        x = checkpoint_name(jax.nn.relu(self.conv2(x)), "conv2")
        x = checkpoint_name(nnx.max_pool(x, (2, 2), (2, 2)), "pool2")
        return checkpoint_name(self.predictions(x.reshape(len(x), -1)), "predictions")


class MnistCNN1(_TwoConvs):
    """Large filters that step far: 10x10 by 4, then 5x5 by 2. Its last map has one place.

    Its layers are named `conv1`, `pool1`, `conv2`, `pool2`, `predictions`.
    """

    def __init__(self, num_classes: int = 10, *, rngs: nnx.Rngs):
        self.conv1 = _conv(1, 16, 10, 4, rngs)
        self.conv2 = _conv(16, 32, 5, 2, rngs)
        self.predictions = nnx.Linear(32, num_classes, rngs=rngs)


class MnistCNN2(_TwoConvs):
    """Small filters that step by one pixel: 5x5 twice. Its last map is 7x7, its layers are those of `MnistCNN1`."""

    def __init__(self, num_classes: int = 10, *, rngs: nnx.Rngs):
        self.conv1 = _conv(1, 16, 5, 1, rngs)
        self.conv2 = _conv(16, 32, 5, 1, rngs)
        self.predictions = nnx.Linear(7 * 7 * 32, num_classes, rngs=rngs)


class MnistCNN3(nnx.Module):
    """Three narrow convolutions and a dense layer.

    Its layers are named `conv1`, `pool1` .. `pool3`, `dense1`, `predictions`.
    """

    def __init__(self, num_classes: int = 10, *, rngs: nnx.Rngs):
        self.conv1 = nnx.Conv(1, 9, (5, 5), rngs=rngs)
        self.conv2 = nnx.Conv(9, 9, (5, 5), rngs=rngs)
        self.conv3 = nnx.Conv(9, 16, (3, 3), rngs=rngs)
        self.dense1 = nnx.Linear(3 * 3 * 16, 25, rngs=rngs)
        self.predictions = nnx.Linear(25, num_classes, rngs=rngs)

    def __call__(self, images: Float[Array, "n 28 28 1"]) -> Float[Array, "n k"]:
        """Logits, which are the layer `predictions`."""
        x = images
        for number, conv in enumerate((self.conv1, self.conv2, self.conv3), 1):
            x = checkpoint_name(jax.nn.relu(conv(x)), f"conv{number}")
            x = checkpoint_name(nnx.max_pool(x, (2, 2), (2, 2)), f"pool{number}")
        x = checkpoint_name(jax.nn.relu(self.dense1(x.reshape(len(x), -1))), "dense1")
        return checkpoint_name(self.predictions(x), "predictions")
