"""One small network written in six ways, all of the same function, and a seventh by hand to compare with.

conv 3x3 (3 -> 4), ReLU, max-pool 3/2 (overlapping), then two conv 3x3 (4 -> 4) with ReLU, spatial mean, dense 4 -> 5.
"""

from collections.abc import Callable
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from flax import linen, nnx
from jax.ad_checkpoint import checkpoint_name

from jaxviz.adapters.nnx import name_layers

SHAPE = (9, 11, 3)
PARAMS: dict[str, jax.Array] = {
    "first": 0.5 * jax.random.normal(jax.random.key(0), (3, 3, 3, 4)),
    "blocks": 0.4 * jax.random.normal(jax.random.key(1), (2, 3, 3, 4, 4)),
    "dense": jax.random.normal(jax.random.key(2), (4, 5)),
}


def images(count: int = 2) -> jax.Array:
    return jax.random.normal(jax.random.key(3), (count, *SHAPE))


def conv(x: jax.Array, kernel: jax.Array) -> jax.Array:
    return jax.lax.conv_general_dilated(x, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))


def pool(x: jax.Array) -> jax.Array:
    return jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, 3, 3, 1), (1, 2, 2, 1), "VALID")


def by_hand(x: jax.Array, relu: Callable = jax.nn.relu) -> jax.Array:
    """The network with a ReLU of the caller's: the reference, in which nothing is rewritten."""
    x = pool(relu(conv(x, PARAMS["first"])))
    for kernel in PARAMS["blocks"]:
        x = relu(conv(x, kernel))
    return x.mean((1, 2)) @ PARAMS["dense"]


def _plain(params: dict[str, jax.Array], x: jax.Array) -> jax.Array:
    x = checkpoint_name(jax.nn.relu(conv(x, params["first"])), "first")
    x = pool(x)
    x = checkpoint_name(jnp.maximum(conv(x, params["blocks"][0]), 0), "middle")
    x = checkpoint_name(jax.nn.relu(conv(x, params["blocks"][1])), "last")
    return x.mean((1, 2)) @ params["dense"]


def _scanned(params: dict[str, jax.Array], x: jax.Array) -> jax.Array:
    x = checkpoint_name(jax.nn.relu(conv(x, params["first"])), "first")

    def block(x: jax.Array, kernel: jax.Array) -> tuple[jax.Array, None]:
        return checkpoint_name(jax.nn.relu(conv(x, kernel)), "block"), None

    x, _ = jax.lax.scan(block, pool(x), params["blocks"])
    return checkpoint_name(x, "last").mean((1, 2)) @ params["dense"]


def _checkpointed(params: dict[str, jax.Array], x: jax.Array) -> jax.Array:
    x = checkpoint_name(jax.nn.relu(conv(x, params["first"])), "first")

    @jax.checkpoint
    def blocks(x: jax.Array) -> jax.Array:
        x = checkpoint_name(jax.nn.relu(conv(x, params["blocks"][0])), "middle")
        return checkpoint_name(jax.nn.relu(conv(x, params["blocks"][1])), "last")

    return blocks(pool(x)).mean((1, 2)) @ params["dense"]


class LinenNet(linen.Module):
    @linen.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        x = linen.relu(linen.Conv(4, (3, 3), use_bias=False, name="first")(x))
        x = linen.max_pool(x, (3, 3), (2, 2))
        x = linen.relu(linen.Conv(4, (3, 3), use_bias=False, name="middle")(x))
        x = linen.relu(linen.Conv(4, (3, 3), use_bias=False, name="last")(x))
        return linen.Dense(5, use_bias=False, name="dense")(x.mean((1, 2)))


class NnxNet(nnx.Module):
    def __init__(self, rngs: nnx.Rngs):
        self.first = nnx.Conv(3, 4, (3, 3), use_bias=False, rngs=rngs)
        self.middle = nnx.Conv(4, 4, (3, 3), use_bias=False, rngs=rngs)
        self.last = nnx.Conv(4, 4, (3, 3), use_bias=False, rngs=rngs)
        self.dense = nnx.Linear(4, 5, use_bias=False, rngs=rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        x = nnx.max_pool(nnx.relu(self.first(x)), (3, 3), (2, 2))
        x = nnx.relu(self.last(nnx.relu(self.middle(x))))
        return self.dense(x.mean((1, 2)))


class EquinoxNet(eqx.Module):
    channel_axis: ClassVar[int] = 1  # as an adapter says it
    first: eqx.nn.Conv2d
    pool: eqx.nn.MaxPool2d
    blocks: list[eqx.nn.Conv2d]
    dense: eqx.nn.Linear
    activation: Callable

    def __call__(self, x: jax.Array) -> jax.Array:
        return jax.vmap(self.single)(x.transpose(0, 3, 1, 2))

    def single(self, x: jax.Array) -> jax.Array:
        x = self.pool(self.activation(self.first(x)))
        for number, block in enumerate(self.blocks):
            x = checkpoint_name(self.activation(block(x)), ("middle", "last")[number])
        return self.dense(x.mean((1, 2)))


def _linen() -> Callable:
    kernels = {"first": PARAMS["first"], "middle": PARAMS["blocks"][0], "last": PARAMS["blocks"][1]}
    kernels["dense"] = PARAMS["dense"]
    params = {"params": {name: {"kernel": kernel} for name, kernel in kernels.items()}}
    return jax.tree_util.Partial(LinenNet().apply, params)


def _nnx() -> Callable:
    net = NnxNet(nnx.Rngs(0))
    net.first.kernel[...] = PARAMS["first"]
    net.middle.kernel[...] = PARAMS["blocks"][0]
    net.last.kernel[...] = PARAMS["blocks"][1]
    net.dense.kernel[...] = PARAMS["dense"]
    return name_layers(net)


def _equinox() -> Callable:
    def layer(kernel: jax.Array) -> eqx.nn.Conv2d:
        out = eqx.nn.Conv2d(kernel.shape[2], 4, 3, padding=1, use_bias=False, key=jax.random.key(0))
        return eqx.tree_at(lambda conv: conv.weight, out, kernel.transpose(3, 2, 0, 1))

    dense = eqx.nn.Linear(4, 5, use_bias=False, key=jax.random.key(0))
    dense = eqx.tree_at(lambda linear: linear.weight, dense, PARAMS["dense"].T)
    return EquinoxNet(
        layer(PARAMS["first"]), eqx.nn.MaxPool2d(3, 2), [layer(k) for k in PARAMS["blocks"]], dense, jax.nn.relu
    )


FAMILIES: dict[str, Callable[[], Any]] = {
    "plain": lambda: jax.tree_util.Partial(_plain, PARAMS),
    "scan": lambda: jax.tree_util.Partial(_scanned, PARAMS),
    "checkpoint": lambda: jax.tree_util.Partial(_checkpointed, PARAMS),
    "linen": _linen,
    "nnx": _nnx,
    "equinox": _equinox,
}
