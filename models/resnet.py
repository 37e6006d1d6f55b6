"""Residual networks: 18 layers in blocks of two 3x3 convolutions, and 50 in bottlenecks.

References:
    He et al., [Deep Residual Learning for Image Recognition](https://arxiv.org/abs/1512.03385), 2016, table 1.
    Differs from it in: a bottleneck steps in its 3x3 convolution and not in its first, as in torchvision and timm.
"""

import functools
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
from flax import nnx
from jax.ad_checkpoint import checkpoint_name
from jaxtyping import Array, Float

BLOCKS_18 = (2, 2, 2, 2)  # in each stage
BLOCKS_50 = (3, 4, 6, 3)
_MAPS = (64, 128, 256, 512)
_norm = functools.partial(nnx.BatchNorm, use_running_average=True, epsilon=1e-5)


def _conv(channels: int, maps: int, size: int, stride: int, rngs: nnx.Rngs) -> nnx.Conv:
    pad = (size - 1) // 2
    return nnx.Conv(channels, maps, (size, size), stride, padding=[(pad, pad), (pad, pad)], use_bias=False, rngs=rngs)


def _pool(x: Float[Array, "n h w c"]) -> Float[Array, "n h2 w2 c"]:
    padding = ((0, 0), (1, 1), (1, 1), (0, 0))
    return jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, 3, 3, 1), (1, 2, 2, 1), padding)


class Block(nnx.Module):
    """Two convolutions and what goes around them, projected where the shape changes."""

    growth = 1

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


class Bottleneck(nnx.Module):
    """A 3x3 convolution on few maps, between a 1x1 one that makes them few and one that makes them four times as many.

    What goes around them is projected where the shape changes.
    """

    growth = 4

    def __init__(self, channels: int, maps: int, stride: int, *, rngs: nnx.Rngs):
        grown = maps * self.growth
        self.conv1 = _conv(channels, maps, 1, 1, rngs)
        self.norm1 = _norm(maps, rngs=rngs)
        self.conv2 = _conv(maps, maps, 3, stride, rngs)
        self.norm2 = _norm(maps, rngs=rngs)
        self.conv3 = _conv(maps, grown, 1, 1, rngs)
        self.norm3 = _norm(grown, rngs=rngs)
        projects = stride != 1 or channels != grown
        self.project = _conv(channels, grown, 1, stride, rngs) if projects else None
        self.project_norm = _norm(grown, rngs=rngs) if projects else None

    def __call__(self, x: Float[Array, "n h w c"]) -> Float[Array, "n h2 w2 k"]:
        """The sum, after ReLU."""
        y = jax.nn.relu(self.norm1(self.conv1(x)))
        y = jax.nn.relu(self.norm2(self.conv2(y)))
        y = self.norm3(self.conv3(y))
        if self.project is not None and self.project_norm is not None:
            x = self.project_norm(self.project(x))
        return jax.nn.relu(x + y)


class ResNet(nnx.Module):
    """The network; its layers are named `conv1`, `pool1`, `block1_1` .. the last block of stage 4, `pooled`.

    Args:
        block: `Block` or `Bottleneck`.
        blocks: how many of them each of the four stages has.
        num_classes: logits.
        width: factor on all channels, for a test that has no time.
        rngs: for the weights.
    """

    def __init__(
        self,
        block: Callable[..., Block] | Callable[..., Bottleneck],
        blocks: Sequence[int],
        num_classes: int = 1000,
        *,
        width: float = 1.0,
        rngs: nnx.Rngs,
    ):
        self.blocks = tuple(blocks)
        channels = int(64 * width)
        self.conv1 = _conv(3, channels, 7, 2, rngs)
        self.norm1 = _norm(channels, rngs=rngs)
        for stage, (count, maps) in enumerate(zip(blocks, _MAPS, strict=True), 1):
            for number in range(1, count + 1):
                stride = 2 if number == 1 and stage > 1 else 1
                made = block(channels, int(maps * width), stride, rngs=rngs)
                setattr(self, f"block{stage}_{number}", made)
                channels = int(maps * width) * made.growth
        self.fc = nnx.Linear(channels, num_classes, rngs=rngs)

    def __call__(self, images: Float[Array, "n h w 3"]) -> Float[Array, "n k"]:
        """Logits."""
        x = checkpoint_name(jax.nn.relu(self.norm1(self.conv1(images))), "conv1")
        x = checkpoint_name(_pool(x), "pool1")
        for stage, count in enumerate(self.blocks, 1):
            for number in range(1, count + 1):
                x = checkpoint_name(getattr(self, f"block{stage}_{number}")(x), f"block{stage}_{number}")
        return self.fc(checkpoint_name(x.mean((1, 2)), "pooled"))


ResNet18 = functools.partial(ResNet, Block, BLOCKS_18)
ResNet50 = functools.partial(ResNet, Bottleneck, BLOCKS_50)
