"""A Keras model on its JAX backend as a callable pytree, whose variables cross `jit` as arguments.

A Keras model is a function that jaxviz takes as it is, its layers named by Keras itself. But it is no pytree: `jax.jit`
does not take it as an argument, and bakes its weights into the program where it is closed over.
"""

from collections.abc import Callable
from typing import Any

from jaxviz.transforms import bind


def stateless(model: Any, **kwargs: Any) -> Callable:
    """A callable pytree that computes `model(images)`, as at inference; its leaves are the model's variables.

    It holds the values of this moment: what the model learns later is none of its own.

    Example:
        >>> network = stateless(keras.applications.MobileNetV2(weights=None))  # doctest: +SKIP
        >>> jax.jit(jv.saliency)(network, images, 0)  # doctest: +SKIP

    Args:
        model: a built `keras.Model`, with `KERAS_BACKEND=jax`.
        kwargs: of the call, such as `training=True`, which is False by default; also those of `jaxviz.bind`:
            `select="logits"` where the model has several outputs.

    Returns:
        The function. What a call updates (running statistics) is dropped.

    Raises:
        TypeError: `model` has no `stateless_call`.
        ValueError: `model` is not built, so that it has no variables yet.
    """
    if not hasattr(model, "stateless_call"):
        raise TypeError(f"`model` must be a keras.Model with the JAX backend, got {type(model).__name__}.")
    if not model.built:
        raise ValueError("`model` must be built, got one without variables. Call it once: model(images).")
    variables = [[v.value for v in some] for some in (model.trainable_variables, model.non_trainable_variables)]
    select, options = kwargs.pop("select", None), {"training": False, **kwargs}
    outputs = bind(model.stateless_call, *variables, **options, select=0)
    return outputs if select is None else bind(outputs, select=select)
