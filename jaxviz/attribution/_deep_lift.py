"""DeepLIFT: what each pixel adds to an output on the way from a baseline, from one backward pass."""

from collections.abc import Callable
from typing import Any

import jax

from jaxviz._core.callables import as_pytree
from jaxviz._core.check import Inputs, check_baselines, check_inputs, check_outputs, start_of
from jaxviz._core.grown import num_rows
from jaxviz._core.program import one_program
from jaxviz._core.target import Indices, Target, check_target, nan_where_invalid
from jaxviz.attribution._difference import differing
from jaxviz.attribution._gradients import gradient_of_scores


def deep_lift(f: Callable, images: Inputs, target: Target, *, baseline: Any = 0.0) -> Inputs:
    """DeepLIFT: how much each pixel adds to one output, by the differences of all values from those of a baseline.

    An entry is in units of the output. All entries together are the output for the image less the output for the
    baseline, exactly: completeness as of `integrated_gradients`, from two forward passes and one backward pass. What is
    not linear passes the quotient of the differences (the rule "rescale"), a product the mean of its factors, and a
    maximum its rise to where it is and its fall to where it was.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> f = lambda images: jax.nn.relu(images.sum((1, 2)) - 1)
        >>> deep_lift(f, jnp.array([1.0, 3.0]).reshape(1, 1, 2, 1), target=0).ravel().tolist()
        [0.75, 2.25]

    Args:
        f: from images to outputs `(n, k)`, as for `saliency`. It may be any JAX function: a ReLU that is used twice, a
            function, or a nested model is not missed.
        images: in the network's own range, as for `saliency`.
        target: the output that is explained, one for all images or one per image.
        baseline: an image in which nothing is there, as for `integrated_gradients`.

    Returns:
        One entry per entry of `images`, in the same structure, signed.

    Raises:
        ValueError: `baseline` does not broadcast to `images`, or as for `saliency`.
        NotImplementedError: an operation that depends on the input and for which no such rule is known is named: a
            `while_loop`, a sort, a choice by a comparison. A `scan` is unrolled.
        TypeError: as for `saliency`.

    References:
        Shrikumar, Greenside and Kundaje, [Learning Important Features Through Propagating Activation
        Differences](https://arxiv.org/abs/1704.02685), 2017, section 3.5.1, "rescale". Products of two values are not
        in it; the mean of the factors is the one rule that is symmetric and adds up.
    """
    f, images = as_pytree(f), check_inputs(images)
    baseline = check_baselines(baseline, images, "images")
    num_outputs = check_outputs(f, images)
    indices = check_target(target, num_rows(images), num_outputs)
    return _deep_lift(f, images, indices, baseline, num_outputs=num_outputs)


@one_program
def _deep_lift(f: Callable, images: Inputs, indices: Indices, baseline: Any, *, num_outputs: int) -> Inputs:
    start = start_of(images, baseline)
    gradients = gradient_of_scores(differing(f, start), images, indices)
    products = jax.tree.map(lambda gradient, image, first: gradient * (image - first), gradients, images, start)
    return nan_where_invalid(products, indices, num_outputs)
