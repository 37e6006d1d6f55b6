"""Convolutions in the layout that XLA has a fast CPU kernel for, wherever they stand.

Outside of loops XLA brings every convolution into that layout by itself. Inside of a loop it does not, and computes
those of another layout by a plain nest of loops. The gradient of a convolution with respect to its input is of another
layout, so that a step of gradient ascent on SqueezeNet takes twice as long in a `scan` as outside
(https://github.com/jax-ml/jax/issues/12868, seen on jax 0.10.2).
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jaxviz.transforms._interpret import Site, evaluate, trace
from jaxviz.transforms._primitives import CHECKPOINT, INLINED, bodies, rebind, rebuild

_ENTERED = INLINED | CHECKPOINT | {"scan"}


def channels_last(function: Callable) -> Callable:
    """`function` with each convolution as one from (n, ..., c) by a kernel (..., c, k) to (n, ..., k), and transposes.

    Transposes of what does not change are taken out of the loop by XLA. Apply it to a whole gradient: what JAX makes of
    a convolution when it differentiates is seen then.
    """

    def call(*args: Any) -> Any:
        program = trace(function, *args)
        return jax.tree.unflatten(program.out_tree, evaluate(program.body, program.leaves, _handle))

    return call


def _handle(eqn: Any, values: list[Any], site: Site) -> list[Any] | None:
    del site
    if eqn.primitive.name == "conv_general_dilated":
        return [_convolve(eqn, *values)]
    if eqn.primitive.name in _ENTERED:
        inner = bodies(eqn)

        def call(index: int, *inputs: Any) -> tuple[list[Any], dict]:
            return evaluate(inner[index].body, inputs, _handle), {}

        return rebuild(eqn, values, call)[0]
    return None


def _convolve(eqn: Any, images: jax.Array, kernel: jax.Array) -> jax.Array:
    layout = eqn.params["dimension_numbers"]
    last = images.ndim - 1
    spatial = tuple(range(1, last))
    # A specification names the axes of batch and features (of a kernel: output and input features), then the others.
    wanted = jax.lax.ConvDimensionNumbers((0, last, *spatial), (last, last - 1, *range(last - 1)), (0, last, *spatial))
    if layout == wanted or eqn.params.get("out_sharding") is not None:
        return rebind(eqn, [images, kernel])[0]
    batch, features, *places = layout.lhs_spec
    outputs, inputs, *window = layout.rhs_spec
    found = eqn.primitive.bind(
        jnp.transpose(images, (batch, *places, features)),
        jnp.transpose(kernel, (*window, inputs, outputs)),
        **{**eqn.params, "dimension_numbers": wanted},
    )
    batch, features, *places = layout.out_spec
    order = (batch, *places, features)
    return jnp.transpose(found, [order.index(axis) for axis in range(images.ndim)])
