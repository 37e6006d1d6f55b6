"""Which pixels a unit can see at all."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Int

from jaxviz.analysis._fields import RULES, Field, mixing, stacked, start, together
from jaxviz.transforms import upto
from jaxviz.transforms._callable import callee
from jaxviz.transforms._interpret import Site, evaluate, trace
from jaxviz.transforms._primitives import bodies, is_call


def receptive_field(f: Callable, layer: str, images: Any = None) -> Int[np.ndarray, "... 4"]:
    """The box of pixels that each unit of a layer can see: the smallest that holds all that its value can depend on.

    It is read from the program that JAX traces, nothing is computed: strides, paddings, dilations, pools, and branches
    of different reach are followed exactly, position by position and channel by channel, up to the image's border. What
    a unit in fact responds to is less: see `project`.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from jax.ad_checkpoint import checkpoint_name
        >>> def f(images):
        ...     sums = jax.lax.reduce_window(images, 0.0, jax.lax.add, (1, 3, 3, 1), (1, 2, 2, 1), "SAME")
        ...     return checkpoint_name(sums, "sums")
        >>> boxes = receptive_field(f, "sums", jnp.zeros((1, 7, 7, 1)))
        >>> boxes[0, 1, 0].tolist(), boxes[1, 1, 0].tolist()
        ([0, 1, 2, 4], [1, 1, 4, 4])

    Args:
        f: any function or callable pytree that has the layer.
        layer: a name from `layers(f, images)`.
        images: a batch, of which only the shape counts (a `jax.ShapeDtypeStruct` will do). By default of the size in
            `f.input_shape`, where `f` has one.

    Returns:
        For each unit `(h, w, c)` of the layer, `(c,)` in a dense one: top, left, bottom and right of its box, the ends
        not included. All zero for a unit that sees nothing but padding. An operation that mixes elements in a way that
        depends on the program's values (a gather, a `while_loop`) is taken to need all of its operands. Read-only.

    Raises:
        ValueError: an unknown layer, or no `images` for a function without an `input_shape`.
        NotImplementedError: the layer lies where `f` cannot be cut, as for `upto`.

    References:
        Araujo et al., [Computing Receptive Fields of Convolutional Neural
        Networks](https://distill.pub/2019/computing-receptive-fields/), 2019. Differs from it in: borders, channels and
        the whole program are followed, where closed formulas stand for chains of layers.
    """
    if images is None:
        shape = getattr(f, "input_shape", None)
        if shape is None:
            raise ValueError("`images` must be given for a function that has no input_shape, got None.")
    else:
        shape = images.shape[1:]
    image = jax.ShapeDtypeStruct((1, *shape), jnp.float32 if images is None else images.dtype)
    program = trace(upto(callee(f), layer), image)
    known: list[Any] = [None] * len(program.leaves)
    (found,) = evaluate(program.body, [*known[:-1], start(image.shape)], _handle)
    if not isinstance(found, Field):
        raise ValueError(f"`layer` must depend on the images, got {layer!r}, which is the same for all of them.")
    sides = np.moveaxis(found.sides[:, 0], 0, -1)
    boxes = np.concatenate([sides[..., :2], -sides[..., 2:]], -1)
    seen = (boxes[..., 2:] > boxes[..., :2]).all(-1, keepdims=True)
    return np.broadcast_to(np.where(seen, boxes, 0), (*found.shape[1:], 4))


def _handle(eqn: Any, values: list[Any], site: Site) -> list[Any]:
    if not any(isinstance(value, Field) for value in values):
        return [None] * len(eqn.outvars)
    if is_call(eqn):
        return evaluate(bodies(eqn)[0].body, values, _handle, (*site.path, 0))
    if eqn.primitive.name == "scan":
        return _unrolled(eqn, values, site)
    if eqn.primitive.name == "cond" and not isinstance(values[0], Field):
        branches = [
            evaluate(inner.body, values[1:], _handle, (*site.path, index)) for index, inner in enumerate(bodies(eqn))
        ]
        return [
            together(outs, var.aval.shape) for outs, var in zip(zip(*branches, strict=True), eqn.outvars, strict=True)
        ]
    rule = RULES.get(eqn.primitive.name, mixing)
    return [rule(eqn, values, var.aval.shape) for var in eqn.outvars]


def _unrolled(eqn: Any, values: list[Any], site: Site) -> list[Any]:
    """A `scan`, iteration by iteration."""
    (inner,) = bodies(eqn)
    first = inner.operands.count(None) and inner.operands.index(None)
    jaxpr = inner.body.jaxpr if hasattr(inner.body, "jaxpr") else inner.body
    # What is scanned over has an axis more outside of the body than in it; a carry has not.
    ranks = [outside.aval.ndim - inside.aval.ndim for outside, inside in zip(eqn.invars, jaxpr.invars, strict=True)]
    consts, carry = values[:first], values[first : len(values) - sum(ranks)]
    scanned, made = values[len(values) - sum(ranks) :], []
    numbers = range(eqn.params["length"])
    for number in reversed(numbers) if eqn.params["reverse"] else numbers:
        slices = [value.at(number) if isinstance(value, Field) else None for value in scanned]
        outs = evaluate(inner.body, [*consts, *carry, *slices], _handle, (*site.path, 0))
        carry, ys = outs[: len(carry)], outs[len(carry) :]
        made.append(ys)
    made = made[::-1] if eqn.params["reverse"] else made
    shapes = [var.aval.shape for var in eqn.outvars[len(carry) :]]
    return [*carry, *(stacked(list(ys), shape) for ys, shape in zip(zip(*made, strict=True), shapes, strict=True))]
