"""Convolutions and matrix products in the forms that XLA has its faster CPU kernels for, without a compiler option.

XLA has two sets of kernels on a CPU. It takes those of its newest library for every convolution and product that the
library supports, though these pack the weights again in each iteration of a loop, and lose against the older ones on
the networks here: 25 windows of occlusion on VGG16 under `jit` take 2.7 s of processor time by the new ones and 2.4 s
by the older ones (jaxlib 0.10.2). The option of the compiler that chooses is refused inside another `jit`. But the
newest library has no convolutions along one axis, and none whose output is longer than its input. That is used here:
where it does not hold any more, the values stay right.
"""

import itertools
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from jaxviz._core.jaxpr.layout import convolve
from jaxviz._core.jaxpr.primitives import bodies
from jaxviz._core.jaxpr.rewrite import Operation, rewrite
from jaxviz._core.meshes import explicit_mesh

_PADDED = 1 / 6  # how much longer an output may get: a row for maps of 6 rows and more
_NEW_KERNELS = {"float32", "float64"}


def fast_on_cpu(f: Callable) -> Callable:
    """`f` with its convolutions and matrix products in the forms that are fast on a CPU; on other devices `f` itself.

    The methods of this package run in these forms already. This is for a program of your own: give it all that one
    `jax.jit` holds, gradients included, as `jax.jit(fast_on_cpu(step))`. A forward pass of EfficientNet-Lite0, most of
    it convolutions of each channel by itself, takes a tenth of the time; one of VGG16 nine tenths (jaxlib 0.10.2).

    Example:
        >>> import jax.numpy as jnp
        >>> f = lambda images: jax.lax.conv(images, jnp.ones((1, 1, 2, 2)), (1, 1), "VALID")
        >>> jax.jit(fast_on_cpu(f))(jnp.ones((1, 1, 3, 3))).tolist()
        [[[[4.0, 4.0], [4.0, 4.0]]]]

    Args:
        f: any JAX function, of any arguments.

    Returns:
        A function of the same arguments and outputs, loops and branches included. Sums may be rounded in another
        order.
    """
    return rewrite(f, _older) if jax.default_backend() == "cpu" else f


def has_groups(program: Any) -> bool:
    """Whether a traced program has a convolution of groups of channels, for which no option finds a fast kernel."""
    return any(
        eqn.params["feature_group_count"] > 1
        if eqn.primitive.name == "conv_general_dilated"
        else any(has_groups(inner.body) for inner in bodies(eqn))
        for eqn in getattr(program, "jaxpr", program).eqns
    )


def _of_one_kind(operation: Operation) -> bool:
    """Whether operands and outputs have a dtype that the newest library takes."""
    values: tuple[Any, ...] = (*operation.eqn.invars, *operation.eqn.outvars)
    kinds = {value.aval.dtype.name for value in values}
    return len(kinds) == 1 and kinds <= _NEW_KERNELS


def _older(operation: Operation, operands: list[Any]) -> list[Any] | None:
    if operation.name == "conv_general_dilated":
        return convolve(operation, operands, _convolution)
    if operation.name != "dot_general" or operation.params.get("out_sharding") is not None or _is_split(operands):
        return None
    return _dot(operation, *operands) if _of_one_kind(operation) else None


def _is_split(operands: list[Any]) -> bool:
    # A form may join axes that are split over devices.
    return any(explicit_mesh(operand) is not None for operand in operands)


# A literal is no `jax.Array`.
def _convolution(operation: Operation, images: jax.Array, kernel: Any) -> list[Any] | None:
    params = operation.params
    if images.ndim != 4 or params["batch_group_count"] > 1 or not _of_one_kind(operation):
        return None
    if _is_split([images, kernel]):
        return None
    if params["feature_group_count"] > 1:
        return _depthwise(operation, images, kernel)
    if {*params["window_strides"], *params["lhs_dilation"]} != {1}:
        return None
    num_images, height, width, channels = images.shape
    (rows, cols), padding = kernel.shape[:2], params["padding"]
    if rows == cols == 1 and not any(map(any, padding)):
        found = _product(images.reshape(num_images, height * width, channels), kernel[0], params)
        return [found.reshape(num_images, height, width, -1)]
    wanted = height + sum(padding[0]) - (rows - 1) * params["rhs_dilation"][0]
    more = height + 1 - wanted
    if not 0 < more <= _PADDED * wanted:
        return None
    [found] = operation.bind(images, kernel, padding=((padding[0][0], padding[0][1] + more), *padding[1:]))
    return [found[:, :wanted]]


def _depthwise(operation: Operation, images: jax.Array, kernel: Any) -> list[Any] | None:
    """A convolution of each channel by itself as sums over the places of its kernel: one loop over the map.

    Both sets of kernels take ten times as long, or more (jaxlib 0.10.2).
    """
    params = operation.params
    channels = images.shape[-1]
    if not params["feature_group_count"] == channels == kernel.shape[-1]:
        return None
    strides, dilation = params["window_strides"], params["rhs_dilation"]
    around = [(*pair, step - 1) for pair, step in zip(params["padding"], params["lhs_dilation"], strict=True)]
    padded = lax.pad(images, jnp.zeros((), images.dtype), [(0, 0, 0), *around, (0, 0, 0)])
    reach = [(size - 1) * step for size, step in zip(kernel.shape[:2], dilation, strict=True)]
    height, width = ((padded.shape[1 + i] - reach[i] - 1) // strides[i] + 1 for i in (0, 1))
    total = None
    for row, col in itertools.product(*map(range, kernel.shape[:2])):
        top, left = row * dilation[0], col * dilation[1]
        stop = (len(images), top + (height - 1) * strides[0] + 1, left + (width - 1) * strides[1] + 1, channels)
        term = lax.slice(padded, (0, top, left, 0), stop, (1, *strides, 1)) * kernel[row, col, 0]
        total = term if total is None else total + term
    return None if total is None else [total]


def _dot(operation: Operation, left: Any, right: Any) -> list[Any] | None:
    params = operation.params
    (contracted, other), (batched, _) = params["dimension_numbers"]
    last = left.ndim - 1
    plain = tuple(contracted) == (last,) and tuple(other) == (0,) and not batched and right.ndim == 2 and last > 0
    # XLA has kernels of its own for a single row or column. A product may ask for more precisions than a convolution.
    if not plain or not isinstance(params["precision"], tuple | lax.Precision | None):
        return None
    rows = math.prod(left.shape[:-1])
    if rows == 1 or right.shape[1] == 1:
        return None
    found = _product(left.reshape(1, rows, left.shape[-1]), right[None], params)
    return [found.reshape(*left.shape[:-1], right.shape[1])]


def _product(left: Any, right: Any, params: dict[str, Any]) -> jax.Array:
    """A matrix product as a convolution along one axis."""
    return lax.conv_general_dilated(
        left,
        right,
        (1,),
        ((0, 0),),
        dimension_numbers=("NWC", "WIO", "NWC"),
        precision=params["precision"],
        preferred_element_type=params["preferred_element_type"],
    )
