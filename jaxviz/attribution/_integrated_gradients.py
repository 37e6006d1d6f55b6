"""The gradient integrated along the way from a baseline to the image, so that the entries add up to the output."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxviz._core.batch import default_batch
from jaxviz._core.callables import as_pytree
from jaxviz._core.check import Inputs, check_baselines, check_count, check_inputs, check_outputs, start_of
from jaxviz._core.grown import num_rows
from jaxviz._core.program import one_program
from jaxviz._core.target import Indices, Target, check_target, nan_where_invalid
from jaxviz.attribution._mean_gradient import sum_of_gradients


def integrated_gradients(
    f: Callable,
    images: Inputs,
    target: Target,
    *,
    baseline: Any = 0.0,
    num_steps: int = 50,
    batch_size: int | None = None,
) -> Inputs:
    """How much each pixel adds to one output on the straight way from a baseline to the image.

    An entry is in units of the output. All entries together are the output for the image less the output for the
    baseline, up to the error of the numerical integral, which `completeness_gap` tells.

    Example:
        >>> import jax.numpy as jnp
        >>> f = lambda images: (images**2).sum((1, 2, 3))[:, None]
        >>> image = jnp.array([1.0, 3.0]).reshape(1, 1, 2, 1)
        >>> integrated_gradients(f, image, target=0).round(3).ravel().tolist()
        [1.0, 9.0]

    Args:
        f: from images to outputs `(n, k)`, as for `saliency`.
        images: in the network's own range, as for `saliency`.
        target: the output that is explained, one for all images or one per image.
        baseline: an image in which nothing is there: a number, one pixel `(c,)`, one image, or one for each image; for
            a tree of inputs a number or a tree of such. Zero is the mean color for a network that subtracts it. What a
            pixel has in common with the baseline gets no credit.
        num_steps: points of the integral. Each costs a forward and a backward pass. The paper says 20 to 300.
        batch_size: how many points go through `f` at a time, at least one for each image: it bounds the memory.
            By default a number that suits the network and the device.

    Returns:
        One entry per entry of `images`, in the same structure, signed.

    Raises:
        ValueError: `baseline` does not broadcast to `images`, `num_steps` or `batch_size` is below 1, `f`
            takes no other number of images than was given, or as for `saliency`.
        TypeError: as for `saliency`.

    References:
        Sundararajan, Taly and Yan, [Axiomatic Attribution for Deep Networks](https://arxiv.org/abs/1703.01365), 2017,
        section 3, equation 1. Differs from it in: the integral is a Gauss-Legendre quadrature, where the paper's
        equation 3 is a Riemann sum over right ends. For SqueezeNet, four photos and 50 steps the mean gap is 1% of the
        difference against 4%.
    """
    f, images = as_pytree(f), check_inputs(images)
    baseline = check_baselines(baseline, images, "images")
    num_steps = check_count(num_steps, "num_steps")
    batch_size = None if batch_size is None else check_count(batch_size, "batch_size")
    num_outputs = check_outputs(f, images)
    indices = check_target(target, num_rows(images), num_outputs)
    return _integrated(
        f,
        images,
        indices,
        baseline,
        num_steps=num_steps,
        batch_size=batch_size or default_batch(f, images),
        num_outputs=num_outputs,
    )


@one_program
def _integrated(
    f: Callable,
    images: Inputs,
    indices: Indices,
    baseline: Any,
    *,
    num_steps: int,
    batch_size: int,
    num_outputs: int,
) -> Inputs:
    # On [-1, 1], moved to [0, 1].
    nodes, weights = np.polynomial.legendre.leggauss(num_steps)
    dtype = jnp.promote_types(jnp.result_type(*jax.tree.leaves(images)), jnp.float32)
    shares = jnp.asarray((1 + nodes) / 2, dtype)
    start = start_of(images, baseline)
    way = jax.tree.map(jnp.subtract, images, start)
    total = sum_of_gradients(
        f,
        images,
        indices,
        "gradient",
        lambda number: jax.tree.map(lambda first, whole: first + shares[number] * whole, start, way),
        jnp.asarray(weights / 2, dtype),
        batch_size,
    )
    return nan_where_invalid(jax.tree.map(jnp.multiply, total, way), indices, num_outputs)
