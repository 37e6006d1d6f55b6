"""Two networks for CIFAR-10: a small one that a CPU trains in minutes, and a wide one for a GPU."""

from collections.abc import Sequence

import jax
from flax import nnx
from jax.ad_checkpoint import checkpoint_name
from jaxtyping import Array, Float


class CifarSmall(nnx.Module):
    """3x3 convolutions, of which the first two have a pool, and dense layers.

    Its layers are named `conv1`, `pool1`, `conv2`, `pool2`, `conv3`, `dense1`, `predictions`. Dropout acts on `dense1`
    while it is trained: `models.training` puts it there, so that the network is a function of the images alone.

    Args:
        num_classes: logits.
        maps: channels of `conv1`, `conv2`, `conv3`. A 0 leaves that convolution out, and keeps its pool.
        dense: units of each dense layer below the logits.
        rngs: for the weights.
    """

    def __init__(
        self,
        num_classes: int = 10,
        *,
        maps: Sequence[int] = (16, 32, 32),
        dense: Sequence[int] = (128,),
        rngs: nnx.Rngs,
    ):
        channels = 3
        self.num_convs, self.num_dense = len(maps), len(dense)
        for number, width in enumerate(maps, 1):
            setattr(self, f"conv{number}", nnx.Conv(channels, width, (3, 3), rngs=rngs) if width else None)
            channels = width or channels
        units = 8 * 8 * channels
        for number, width in enumerate(dense, 1):
            setattr(self, f"dense{number}", nnx.Linear(units, width, rngs=rngs))
            units = width
        self.predictions = nnx.Linear(units, num_classes, rngs=rngs)

    def __call__(self, images: Float[Array, "n 32 32 3"]) -> Float[Array, "n k"]:
        """Logits, which are the layer `predictions`."""
        x = images
        for number in range(1, self.num_convs + 1):
            conv = getattr(self, f"conv{number}")
            if conv is not None:
                x = checkpoint_name(jax.nn.relu(conv(x)), f"conv{number}")
            if number <= 2:
                x = checkpoint_name(nnx.max_pool(x, (2, 2), (2, 2)), f"pool{number}")
        x = x.reshape(len(x), -1)
        for number in range(1, self.num_dense + 1):
            x = checkpoint_name(jax.nn.relu(getattr(self, f"dense{number}")(x)), f"dense{number}")
        return checkpoint_name(self.predictions(x), "predictions")


class CifarWide(nnx.Module):
    """Four wide convolutions down to one place, each with a pool, and dense layers; 27,815,690 parameters.

    Its layers are named `conv1`, `pool1` .. `pool4`, `dense1`, `dense2`, `predictions`.

    Args:
        num_classes: logits.
        width: factor on all channels and units, for a test that has no time.
        rngs: for the weights.
    """

    def __init__(self, num_classes: int = 10, *, width: float = 1.0, rngs: nnx.Rngs):
        channels = 3
        for number, (maps, size) in enumerate(((256, 5), (1024, 3), (2048, 3), (2048, 1)), 1):
            maps = int(maps * width)
            setattr(self, f"conv{number}", nnx.Conv(channels, maps, (size, size), padding="VALID", rngs=rngs))
            channels = maps
        self.dense1 = nnx.Linear(channels, int(1024 * width), rngs=rngs)
        self.dense2 = nnx.Linear(int(1024 * width), int(256 * width), rngs=rngs)
        self.predictions = nnx.Linear(int(256 * width), num_classes, rngs=rngs)

    def __call__(self, images: Float[Array, "n 32 32 3"]) -> Float[Array, "n k"]:
        """Logits, which are the layer `predictions`."""
        x = images
        for number in range(1, 5):
            x = checkpoint_name(jax.nn.relu(getattr(self, f"conv{number}")(x)), f"conv{number}")
            x = checkpoint_name(nnx.max_pool(x, (2, 2), (2, 2)), f"pool{number}")
        x = x.reshape(len(x), -1)
        x = checkpoint_name(jax.nn.relu(self.dense1(x)), "dense1")
        x = checkpoint_name(jax.nn.relu(self.dense2(x)), "dense2")
        return checkpoint_name(self.predictions(x), "predictions")
