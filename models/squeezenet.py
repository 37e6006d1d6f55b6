"""SqueezeNet 1.1: a network for ImageNet in 1.2 million parameters.

References:
    Iandola et al., [SqueezeNet: AlexNet-level accuracy with 50x fewer parameters and <0.5MB model
    size](https://arxiv.org/abs/1602.07360), 2016; version 1.1 as published by its authors.
"""

import functools

import jax
import jax.numpy as jnp
from flax import nnx
from jax.ad_checkpoint import checkpoint_name
from jaxtyping import Array, Float

_FIRES = {  # squeeze, expand 1x1 and expand 3x3 channels
    "fire2": (64, 16, 64),
    "fire3": (128, 16, 64),
    "fire4": (128, 32, 128),
    "fire5": (256, 32, 128),
    "fire6": (256, 48, 192),
    "fire7": (384, 48, 192),
    "fire8": (384, 64, 256),
    "fire9": (512, 64, 256),
}
_pool = functools.partial(nnx.max_pool, window_shape=(3, 3), strides=(2, 2))


class Fire(nnx.Module):
    """Squeezes to few channels, and expands by 1x1 and 3x3 convolutions side by side."""

    def __init__(self, channels: int, squeezed: int, expanded: int, *, rngs: nnx.Rngs):
        self.squeeze1x1 = nnx.Conv(channels, squeezed, (1, 1), rngs=rngs)
        self.expand1x1 = nnx.Conv(squeezed, expanded, (1, 1), rngs=rngs)
        self.expand3x3 = nnx.Conv(squeezed, expanded, (3, 3), rngs=rngs)

    def __call__(self, x: Float[Array, "n h w c"]) -> Float[Array, "n h w k"]:
        """The two expansions, one behind the other along the channels."""
        x = jax.nn.relu(self.squeeze1x1(x))
        return jnp.concatenate([jax.nn.relu(self.expand1x1(x)), jax.nn.relu(self.expand3x3(x))], axis=-1)


class SqueezeNet(nnx.Module):
    """The network; its layers are named `conv1`, `pool1`, `fire2`, `fire3`, `pool3`, ..., `fire9`, `conv10`."""

    def __init__(self, num_classes: int = 1000, *, rngs: nnx.Rngs):
        self.conv1 = nnx.Conv(3, 64, (3, 3), strides=2, padding="VALID", rngs=rngs)
        for name, (channels, squeezed, expanded) in _FIRES.items():
            setattr(self, name, Fire(channels, squeezed, expanded, rngs=rngs))
        self.conv10 = nnx.Conv(512, num_classes, (1, 1), rngs=rngs)

    def __call__(self, images: Float[Array, "n h w 3"]) -> Float[Array, "n k"]:
        """Logits: the spatial mean of `conv10`."""
        x = checkpoint_name(jax.nn.relu(self.conv1(images)), "conv1")
        x = checkpoint_name(_pool(x), "pool1")
        for name in _FIRES:
            x = checkpoint_name(getattr(self, name)(x), name)
            if name in ("fire3", "fire5"):
                x = checkpoint_name(_pool(x), name.replace("fire", "pool"))
        x = checkpoint_name(jax.nn.relu(self.conv10(x)), "conv10")
        return x.mean((1, 2))
