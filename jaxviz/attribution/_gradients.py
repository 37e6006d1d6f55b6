"""The gradient of one output with respect to the pixels, under any backward rule.

Cost: one forward and one backward pass. The gradient is exact but local: where the output has saturated it is small
although the pixels matter, and it is as rough as the network. `integrated_gradients` answers the first, `smoothgrad`
the second.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxviz._core.backward import quick_to_compile
from jaxviz._core.callables import as_pytree
from jaxviz._core.check import Inputs, check_inputs, check_outputs
from jaxviz._core.grown import num_rows
from jaxviz._core.program import one_program
from jaxviz._core.target import Indices, Target, check_target, nan_in_rows, nan_where_invalid, one_hot, scores
from jaxviz.transforms import Rule, with_rule


def saliency(f: Callable, images: Inputs, target: Target, *, rule: Rule = "gradient") -> Inputs:
    """The gradient of one output with respect to the image.

    An entry says by how much the output grows per unit of that pixel; it is signed. With `rule="guided"` this is
    guided backpropagation, with `rule="deconvnet"` a deconvnet that starts from the output.

    Example:
        >>> import jax.numpy as jnp
        >>> f = lambda images: jnp.stack([images.sum((1, 2, 3)), (images**2).sum((1, 2, 3))], axis=1)
        >>> saliency(f, jnp.full((1, 1, 2, 1), 3.0), target=1).ravel().tolist()
        [6.0, 6.0]

    Args:
        f: from images to outputs `(n, k)`, before any softmax: a gradient of probabilities mixes in all other classes.
            Each row of the output may depend on its own image alone. `jaxviz.bind` brings any other function into
            this form: one of several arguments or outputs.
        images: in the network's own range; also signals, volumes or rows of a table, with the examples along the first
            axis, or a tree of such arrays (several inputs).
        target: the output that is explained, one for all images or one per image. A traced one that does not exist
            gives NaN, and so does an output that is NaN.
        rule: how the gradient passes a ReLU, as in `with_rule`. Max-pools go down through switches for each rule,
            which under `"gradient"` is the same gradient, faster on a CPU.

    Returns:
        One entry per entry of `images`, in the same structure, signed and unscaled.

    Raises:
        ValueError: `images` are no batch, or arrays of different numbers of examples, `f` does not return one row per
            image, a `target` does not exist, or the rule matches nothing.
        TypeError: `images` are no floating-point numbers, or `target` no integers.

    References:
        Simonyan, Vedaldi and Zisserman, [Deep Inside Convolutional Networks](https://arxiv.org/abs/1312.6034), 2014,
        section 3. Differs from it in: signed and per channel, where the paper shows the maximum of the absolute value
        over the channels. Guided backpropagation: Springenberg et al., [Striving for
        Simplicity](https://arxiv.org/abs/1412.6806), 2015, section 3.4.
    """
    f, images = as_pytree(f), check_inputs(images)
    num_outputs = check_outputs(f, images)
    indices = check_target(target, num_rows(images), num_outputs)
    return _saliency(f, images, indices, rule=rule, num_outputs=num_outputs)


def gradient_x_input(f: Callable, images: Inputs, target: Target) -> Inputs:
    """The gradient of one output times the image: how much of the output each pixel makes up, to first order.

    An entry is in units of the output. For a network of ReLUs without biases the entries add up to the output; that is
    `integrated_gradients` from zero, at the cost of one gradient.

    Example:
        >>> import jax.numpy as jnp
        >>> f = lambda images: jnp.einsum("nhwc,w->n", images, jnp.array([2.0, -1.0]))[:, None]
        >>> gradient_x_input(f, jnp.full((1, 1, 2, 1), 3.0), target=0).ravel().tolist()
        [6.0, -3.0]

    Args:
        f: from images to outputs `(n, k)`, as for `saliency`.
        images: as for `saliency`, in a range in which zero stands for "nothing there" (the mean color, most often).
        target: the output that is explained, one for all images or one per image.

    Returns:
        One entry per entry of `images`, signed.

    Raises:
        ValueError: as for `saliency`.
        TypeError: as for `saliency`.

    References:
        Shrikumar et al., [Not Just a Black Box](https://arxiv.org/abs/1605.01713), 2016, section 2.
    """
    f, images = as_pytree(f), check_inputs(images)
    num_outputs = check_outputs(f, images)
    indices = check_target(target, num_rows(images), num_outputs)
    return _gradient_x_input(f, images, indices, num_outputs=num_outputs)


@one_program
def _saliency(f: Callable, images: Inputs, indices: Indices, *, rule: Rule, num_outputs: int) -> Inputs:
    return nan_where_invalid(gradient(f, images, indices, rule), indices, num_outputs)


@one_program
def _gradient_x_input(f: Callable, images: Inputs, indices: Indices, *, num_outputs: int) -> Inputs:
    products = jax.tree.map(jnp.multiply, gradient(f, images, indices, "gradient"), images)
    return nan_where_invalid(products, indices, num_outputs)


def gradient(f: Callable, images: Inputs, indices: Indices, rule: Rule) -> Inputs:
    """The gradient of the outputs `indices`, of arguments that have been checked; zero for an output that is none."""
    return gradient_of_scores(with_rule(f, rule), images, indices)


def gradient_of_scores(f: Callable, inputs: Inputs, indices: Indices, *beside: Any) -> Inputs:
    """The gradient of the outputs `indices` of `f(inputs, *beside)` with respect to the inputs.

    NaN where the output is NaN: a ReLU lets no gradient pass where its input is, and zeros would look like a result.
    """
    return quick_to_compile(_gradient_of_scores)(f, inputs, indices, *beside)


def _gradient_of_scores(f: Callable, inputs: Inputs, indices: Indices, *beside: Any) -> Inputs:
    gradients, outputs = jax.grad(_total, argnums=1, has_aux=True)(f, inputs, indices, *beside)
    undefined = jnp.isnan(scores(outputs, indices))

    if any(gradient.shape[:1] != undefined.shape for gradient in jax.tree.leaves(gradients)):
        # A layer that has no row for each example.
        return jax.tree.map(lambda gradient: jnp.where(undefined.any(), jnp.nan, gradient), gradients)
    return nan_in_rows(gradients, undefined)


def _total(f: Callable, inputs: Inputs, indices: Indices, *beside: Any) -> tuple[Float[Array, ""], Float[Array, "n k"]]:
    outputs = f(inputs, *beside)
    return jnp.where(one_hot(outputs, indices) > 0, outputs, 0).sum(), outputs
