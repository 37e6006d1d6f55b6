"""ResNet-18: residual blocks of two 3x3 convolutions.

References:
    He et al., [Deep Residual Learning for Image Recognition](https://arxiv.org/abs/1512.03385), 2016, table 1.
"""

import functools

import jax
import jax.numpy as jnp
from flax import nnx
from jax.ad_checkpoint import checkpoint_name
from jaxtyping import Array, Float

_STAGES = ((2, 64), (2, 128), (2, 256), (2, 512))  # blocks and their channels
_norm = functools.partial(nnx.BatchNorm, use_running_average=True, epsilon=1e-5)


def _conv(channels: int, maps: int, size: int, stride: int, rngs: nnx.Rngs) -> nnx.Conv:
    pad = (size - 1) // 2
    return nnx.Conv(channels, maps, (size, size), stride, padding=[(pad, pad), (pad, pad)], use_bias=False, rngs=rngs)


def _pool(x: Float[Array, "n h w c"]) -> Float[Array, "n h2 w2 c"]:
    padding = ((0, 0), (1, 1), (1, 1), (0, 0))
    return jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, 3, 3, 1), (1, 2, 2, 1), padding)


class Block(nnx.Module):
    """Two convolutions and what goes around them, projected where the shape changes."""

    def __init__(self, channels: int, maps: int, stride: int, *, rngs: nnx.Rngs):
        self.conv1 = _conv(channels, maps, 3, stride, rngs)
        self.norm1 = _norm(maps, rngs=rngs)
        self.conv2 = _conv(maps, maps, 3, 1, rngs)
        self.norm2 = _norm(maps, rngs=rngs)
        projects = stride != 1 or channels != maps
        self.project = _conv(channels, maps, 1, stride, rngs) if projects else None
        self.project_norm = _norm(maps, rngs=rngs) if projects else None

    def __call__(self, x: Float[Array, "n h w c"]) -> Float[Array, "n h2 w2 k"]:
        """The sum, after ReLU."""
        y = jax.nn.relu(self.norm1(self.conv1(x)))
        y = self.norm2(self.conv2(y))
        if self.project is not None and self.project_norm is not None:
            x = self.project_norm(self.project(x))
        return jax.nn.relu(x + y)


class ResNet18(nnx.Module):
    """The network; its layers are named `conv1`, `pool1`, `block1_1` .. `block4_2`, `pooled`."""

    def __init__(self, num_classes: int = 1000, *, rngs: nnx.Rngs):
        self.conv1 = _conv(3, 64, 7, 2, rngs)
        self.norm1 = _norm(64, rngs=rngs)
        channels = 64
        for stage, (count, maps) in enumerate(_STAGES, 1):
            for number in range(1, count + 1):
                stride = 2 if number == 1 and stage > 1 else 1
                setattr(self, f"block{stage}_{number}", Block(channels, maps, stride, rngs=rngs))
                channels = maps
        self.fc = nnx.Linear(channels, num_classes, rngs=rngs)

    def __call__(self, images: Float[Array, "n h w 3"]) -> Float[Array, "n k"]:
        """Logits."""
        x = checkpoint_name(jax.nn.relu(self.norm1(self.conv1(images))), "conv1")
        x = checkpoint_name(_pool(x), "pool1")
        for stage, (count, _) in enumerate(_STAGES, 1):
            for number in range(1, count + 1):
                x = checkpoint_name(getattr(self, f"block{stage}_{number}")(x), f"block{stage}_{number}")
        return self.fc(checkpoint_name(x.mean((1, 2)), "pooled"))
