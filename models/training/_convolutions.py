"""Convolutions in the one layout that XLA's fast CPU kernels take, wherever they stand in a program.

XLA brings the convolutions of a program's main computation into that layout itself, but not those in the body of a
loop (as of jaxlib 0.12). The gradients of a convolution are convolutions along other axes, so that an epoch of
`cifar_small` as a `lax.scan` took fifteen times as long.
"""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from jaxviz.transforms._interpret import Site, evaluate, trace
from jaxviz.transforms._primitives import bodies, is_call, rebuild


def in_fast_layout(f: Callable) -> Callable:
    """`f`, its 2-D convolutions written as NHWC by HWIO with explicit transpositions around them; same values.

    Apply it to what is differentiated already: JAX writes the gradient of a convolution in a layout of its own.
    """

    def call(*args: Any) -> Any:
        program = trace(f, *args)
        return jax.tree.unflatten(program.out_tree, evaluate(program.body, program.leaves, _handle))

    return call


def _handle(eqn: Any, values: list[Any], site: Site) -> list[Any] | None:
    if eqn.primitive.name == "conv_general_dilated":
        return _conv(eqn.params, *values)
    if not is_call(eqn):
        return None
    inner = bodies(eqn)
    return rebuild(
        eqn, values, lambda index, *inputs: (evaluate(inner[index].body, inputs, _handle, (*site.path, index)), {})
    )[0]


def _conv(params: dict[str, Any], lhs: jax.Array, rhs: jax.Array) -> list[jax.Array] | None:
    layout = params["dimension_numbers"]
    if len(layout.lhs_spec) != 4 or params["feature_group_count"] != 1 or params["batch_group_count"] != 1:
        return None
    # A spec says where batch, channels, rows and columns stand; of a kernel: outputs, inputs, rows and columns.
    batch, channels, *space = layout.lhs_spec
    maps, inputs, *window = layout.rhs_spec
    images, filters = lhs.transpose(batch, *space, channels), rhs.transpose(*window, inputs, maps)
    others = {key: value for key, value in params.items() if key not in ("dimension_numbers", "out_sharding")}
    out = jax.lax.conv_general_dilated(images, filters, dimension_numbers=("NHWC", "HWIO", "NHWC"), **others)
    batch, channels, *space = layout.out_spec
    return [out.transpose(np.argsort((batch, *space, channels)))]
