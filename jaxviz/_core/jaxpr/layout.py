"""Convolutions in the one layout that XLA has fast CPU kernels for, wherever they stand."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jaxviz._core.jaxpr.rewrite import Operation, rewrite


def channels_last(f: Callable) -> Callable:
    """`f` with each convolution as one from (n, ..., c) by a kernel (..., c, k) to (n, ..., k), and transposes around.

    Outside of loops XLA's CPU compiler brings every convolution into that layout by itself. Inside of a loop it does
    not (as of jaxlib 0.12), and computes those of another layout by a plain nest of loops
    (https://github.com/jax-ml/jax/issues/12868). The gradients of a convolution are of other layouts: a gradient of
    SqueezeNet in a `scan` takes a third of the time when it is rewritten, an epoch of `cifar_small` a fifteenth.
    Transposes of what does not change are taken out of the loop by XLA.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> f = lambda x: jax.lax.conv(x, jnp.ones((1, 1, 2, 2)), (1, 1), "VALID").sum()
        >>> channels_last(jax.grad(f))(jnp.ones((1, 1, 2, 3)))[0, 0].tolist()
        [[1.0, 2.0, 1.0], [1.0, 2.0, 1.0]]

    Args:
        f: any JAX function or callable pytree. Give the gradient itself, `channels_last(jax.grad(f))`: JAX writes what
            it derives from a convolution in layouts of its own.

    Returns:
        A function like `f`, with the same values up to the rounding of sums. A convolution whose output sharding is
        given explicitly stays as it is.
    """
    return rewrite(f, convolve)


Convolve = Callable[[Operation, jax.Array, Any], list[Any] | None]


def convolve(operation: Operation, operands: list[Any], instead: Convolve = lambda *_: None) -> list[Any] | None:
    """A handler for `rewrite`: the convolution with channels last, computed by `instead` where that answers."""
    if operation.name != "conv_general_dilated" or operation.params.get("out_sharding") is not None:
        return None
    images, kernel = operands
    layout = operation.params["dimension_numbers"]
    last = images.ndim - 1
    spatial = tuple(range(1, last))
    # A specification names the axes of batch and features (of a kernel: output and input features), then the others.
    wanted = jax.lax.ConvDimensionNumbers((0, last, *spatial), (last, last - 1, *range(last - 1)), (0, last, *spatial))
    if layout == wanted:
        return instead(operation, images, kernel)
    batch, features, *places = layout.lhs_spec
    outputs, inputs, *window = layout.rhs_spec
    images = jnp.transpose(images, (batch, *places, features))
    kernel = jnp.transpose(kernel, (*window, inputs, outputs))
    turned = Operation(operation.eqn.replace(params={**operation.params, "dimension_numbers": wanted}))
    [found] = instead(turned, images, kernel) or turned.bind(images, kernel)
    batch, features, *places = layout.out_spec
    order = (batch, *places, features)
    return [jnp.transpose(found, [order.index(axis) for axis in range(images.ndim)])]
