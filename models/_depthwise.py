"""Depthwise convolutions that are fast on a CPU.

XLA's grouped convolution takes 20 to 200 times as long there, and so do its gradients. The sums over the places of the
kernel that stand here are the same to rounding.
"""

import functools
import itertools
import math

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

Kernel = Float[Array, "size size 1 c"]


class Depthwise(nnx.Module):
    """A convolution that filters every map by itself, padded as `padding="SAME"` does.

    Its derivatives are taken backwards only (`jax.grad`, `jax.vjp`), not by `jax.jvp`.
    """

    def __init__(self, channels: int, size: int, stride: int, *, rngs: nnx.Rngs):
        self.stride = stride
        self.kernel = nnx.Param(nnx.initializers.lecun_normal()(rngs.params(), (size, size, 1, channels)))

    def __call__(self, x: Float[Array, "n h w c"]) -> Float[Array, "n h2 w2 c"]:
        """The filtered maps."""
        return depthwise(x, self.kernel[...], self.stride)


@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def depthwise(x: Float[Array, "n h w c"], kernel: Kernel, stride: int) -> Float[Array, "n h2 w2 c"]:
    """`jax.lax.conv_general_dilated` with as many groups as channels."""
    sides = tuple(math.ceil(side / stride) for side in x.shape[1:3])
    return _slid(_padded(x, len(kernel), stride), kernel, sides, stride)


def _forward(x: Array, kernel: Array, stride: int) -> tuple[Array, tuple[Array, Array]]:
    return depthwise(x, kernel, stride), (x, kernel)


def _backward(stride: int, kept: tuple[Array, Array], g: Array) -> tuple[Array, Array]:
    # JAX would make a sum of padded maps of it, which XLA takes fifty times as long for.
    x, kernel = kept
    size, sides = len(kernel), x.shape[1:3]
    spread = []
    for side, count, (low, _) in zip(sides, g.shape[1:3], _pads(sides, size, stride), strict=True):
        before = size - 1 - low
        spread.append((before, side + size - 1 - before - (count - 1) * stride - 1, stride - 1))
    none = (0, 0, 0)
    dx = _slid(jax.lax.pad(g, jnp.zeros((), g.dtype), (none, *spread, none)), kernel[::-1, ::-1], sides, 1)
    parts = _parts(_padded(x, size, stride), size, g.shape[1:3], stride)
    return dx, jnp.stack([(part * g).sum((0, 1, 2)) for part in parts]).reshape(kernel.shape)


depthwise.defvjp(_forward, _backward)


def _pads(sides: tuple[int, ...], size: int, stride: int) -> list[tuple[int, int]]:
    return jax.lax.padtype_to_pads(sides, (size, size), (stride, stride), "SAME")


def _padded(x: Array, size: int, stride: int) -> Array:
    return jnp.pad(x, ((0, 0), *_pads(x.shape[1:3], size, stride), (0, 0)))


def _parts(x: Array, size: int, sides: tuple[int, ...], stride: int) -> list[Array]:
    """What each place of the kernel reads, row by row."""
    count, _, _, channels = x.shape
    rows, cols = ((side - 1) * stride + 1 for side in sides)
    return [
        jax.lax.slice(x, (0, row, col, 0), (count, row + rows, col + cols, channels), (1, stride, stride, 1))
        for row, col in itertools.product(range(size), repeat=2)
    ]


def _slid(x: Array, kernel: Array, sides: tuple[int, ...], stride: int) -> Array:
    size, _, _, channels = kernel.shape
    weights = jnp.split(kernel.reshape(-1, 1, 1, channels), size * size)
    parts = _parts(x, size, sides, stride)
    first, *others = (part * weight for part, weight in zip(parts, weights, strict=True))
    return sum(others, start=first)
