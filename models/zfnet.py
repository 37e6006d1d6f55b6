"""ZFNet: AlexNet with smaller filters and a shorter stride in its first layers, which deconvnets asked for.

References:
    Zeiler and Fergus, [Visualizing and Understanding Convolutional Networks](https://arxiv.org/abs/1311.2901), 2014,
    figure 3. Differs from it in: no contrast normalization after the first two pools, and the padding, which the paper
    leaves open, is the one that gives its maps of 110, 55, 26, 13 and 6.
"""

import jax
import jax.numpy as jnp
from flax import nnx
from jax.ad_checkpoint import checkpoint_name
from jaxtyping import Array, Float


def _conv(channels: int, maps: int, size: int, stride: int, pad: int, rngs: nnx.Rngs) -> nnx.Conv:
    return nnx.Conv(channels, maps, (size, size), stride, padding=[(pad, pad), (pad, pad)], rngs=rngs)


def _pool(x: Float[Array, "n h w c"], pad: int) -> Float[Array, "n h2 w2 c"]:
    padding = ((0, 0), (pad, pad), (pad, pad), (0, 0))
    return jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, 3, 3, 1), (1, 2, 2, 1), padding)


class ZFNet(nnx.Module):
    """The network; 62,357,608 parameters.

    Its layers are named `conv1`, `pool1`, `conv2`, `pool2`, `conv3` .. `conv5`, `pool5`, `fc1`, `fc2`, `predictions`.

    Args:
        num_classes: logits.
        width: factor on all channels and units, for a test that has no time.
        rngs: for the weights.
    """

    def __init__(self, num_classes: int = 1000, *, width: float = 1.0, rngs: nnx.Rngs):
        maps = [int(count * width) for count in (96, 256, 384, 384, 256)]
        self.conv1 = _conv(3, maps[0], 7, 2, 1, rngs)
        self.conv2 = _conv(maps[0], maps[1], 5, 2, 0, rngs)
        self.conv3 = _conv(maps[1], maps[2], 3, 1, 1, rngs)
        self.conv4 = _conv(maps[2], maps[3], 3, 1, 1, rngs)
        self.conv5 = _conv(maps[3], maps[4], 3, 1, 1, rngs)
        self.fc1 = nnx.Linear(6 * 6 * maps[4], int(4096 * width), rngs=rngs)
        self.fc2 = nnx.Linear(int(4096 * width), int(4096 * width), rngs=rngs)
        self.predictions = nnx.Linear(int(4096 * width), num_classes, rngs=rngs)

    def __call__(self, images: Float[Array, "n 224 224 3"]) -> Float[Array, "n k"]:
        """Logits, which are the layer `predictions`."""
        x = images
        for number in range(1, 6):
            x = checkpoint_name(jax.nn.relu(getattr(self, f"conv{number}")(x)), f"conv{number}")
            if number in (1, 2, 5):
                x = checkpoint_name(_pool(x, 0 if number == 5 else 1), f"pool{number}")
        x = x.reshape(len(x), -1)
        x = checkpoint_name(jax.nn.relu(self.fc1(x)), "fc1")
        x = checkpoint_name(jax.nn.relu(self.fc2(x)), "fc2")
        return checkpoint_name(self.predictions(x), "predictions")
