"""Which pixels a unit can see at all."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jaxtyping import Int

from jaxviz._core.callables import as_pytree
from jaxviz._core.jaxpr.cells import Cell, contents, use
from jaxviz._core.jaxpr.effects import outside, references
from jaxviz._core.jaxpr.interpret import Site, evaluate, trace
from jaxviz._core.jaxpr.primitives import bodies, jaxpr_of, kind, parameters, plain_body
from jaxviz.transforms import upto
from jaxviz.transforms._fields import RULES, Constant, Field, mixing, stacked, start, together


def receptive_field(f: Callable, images: Any, layer: str) -> Int[np.ndarray, "... 4"]:
    """The box of pixels that each unit of a layer can see: the smallest that holds all that its value can depend on.

    It is read from the program that JAX traces; the network is not run. Strides, paddings, dilations, pools, and
    branches of different reach are followed exactly, position by position and channel by channel, up to the image's
    border. What a unit in fact responds to is less: see `project`.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from jax.ad_checkpoint import checkpoint_name
        >>> def f(images):
        ...     sums = jax.lax.reduce_window(images, 0.0, jax.lax.add, (1, 3, 3, 1), (1, 2, 2, 1), "SAME")
        ...     return checkpoint_name(sums, "sums")
        >>> boxes = receptive_field(f, jnp.zeros((1, 7, 7, 1)), "sums")
        >>> boxes[0, 1, 0].tolist(), boxes[1, 1, 0].tolist()
        ([0, 1, 2, 4], [1, 1, 4, 4])

    Args:
        f: any function or callable pytree that has the layer.
        images: a batch, of which only the shape counts (a `jax.ShapeDtypeStruct` will do).
        layer: a name from `layers(f, images)`.

    Returns:
        For each unit `(h, w, c)` of the layer, `(c,)` in a dense one: top, left, bottom and right of its box, the ends
        not included. All zero for a unit that sees nothing but padding. A product with a constant matrix, as in
        `jax.image.resize`, reads where the matrix is not zero, and a gather from constant places reads those. An
        operation that mixes elements in a way that depends on other values (a `while_loop`, a gather from places that
        are computed from the image) is taken to need all of its operands. Read-only.

    Raises:
        ValueError: an unknown layer, or one that is the same for all images.
        NotImplementedError: the layer lies where `f` cannot be cut, as for `upto`.

    References:
        Araujo et al., [Computing Receptive Fields of Convolutional Neural
        Networks](https://distill.pub/2019/computing-receptive-fields/), 2019. Differs from it in: borders, channels and
        the whole program are followed, where closed formulas stand for chains of layers.
    """
    image = jax.ShapeDtypeStruct((1, *images.shape[1:]), images.dtype)
    program = trace(upto(as_pytree(f), layer), image)
    known: list[Any] = [None] * len(program.leaves)
    (found,) = evaluate(program.body, [*known[:-1], start(image.shape)], _handle)
    if not isinstance(found, Field):
        raise ValueError(f"`layer` must depend on the images, got {layer!r}, which is the same for all of them.")
    sides = np.moveaxis(found.sides[:, 0], 0, -1)
    boxes = np.concatenate([sides[..., :2], -sides[..., 2:]], -1)
    seen = (boxes[..., 2:] > boxes[..., :2]).all(-1, keepdims=True)
    return np.broadcast_to(np.where(seen, boxes, 0), (*found.shape[1:], 4))


def _handle(eqn: Any, values: list[Any], site: Site) -> list[Any]:
    if (outs := use(eqn, values)) is not None:
        return outs
    if not any(isinstance(value, Field) for value in contents(values)):
        return Constant.outputs(eqn, values)
    for effect in outside(eqn):
        raise NotImplementedError(
            f"`layer` must not depend on what is outside of the program, got `{kind(eqn)}` with {effect} on the way to "
            "it. Take it out."
        )
    if (inner := plain_body(eqn)) is not None:
        return evaluate(inner.body, inner.taken(values), _handle, (*site.path, 0))
    if kind(eqn) == "scan":
        return _unrolled(eqn, values, site)
    if kind(eqn) == "cond" and not isinstance(values[0], Field):
        return _branched(eqn, values, site)
    known, held = contents(values), [value for value in values if isinstance(value, Cell)]
    rule = mixing if held else RULES.get(kind(eqn), mixing)
    outs = [rule(eqn, known, var.aval.shape) for var in eqn.outvars]
    for cell, reference in zip(held, references(eqn), strict=True):
        # A read of a part leaves it as it is; anything else may have put anything anywhere.
        cell.value = cell.value if kind(eqn) == "get" else mixing(eqn, known, reference.aval.shape)
    return outs


def _branched(eqn: Any, values: list[Any], site: Site) -> list[Any]:
    """A `cond`: all that any branch makes, and may leave in a reference."""
    held = [value for value in values if isinstance(value, Cell)]
    before, branches, left = contents(held), [], []
    for index, inner in enumerate(bodies(eqn)):
        for cell, value in zip(held, before, strict=True):
            cell.value = value
        branches.append(evaluate(inner.body, values[1:], _handle, (*site.path, index)))
        left.append(contents(held))
    for cell, options, reference in zip(held, zip(*left, strict=True), references(eqn), strict=True):
        cell.value = together(options, reference.aval.shape)
    return [together(outs, var.aval.shape) for outs, var in zip(zip(*branches, strict=True), eqn.outvars, strict=True)]


def _unrolled(eqn: Any, values: list[Any], site: Site) -> list[Any]:
    """A `scan`, iteration by iteration."""
    (inner,), params = bodies(eqn), parameters(eqn)
    pairs = zip(eqn.invars, jaxpr_of(inner.body).invars, strict=True)
    # What is scanned over has an axis more outside of the body than in it; a carry has not.
    scanned = [len(outside.aval.shape) > len(inside.aval.shape) for outside, inside in pairs]
    carried = [i for i, place in enumerate(inner.operands) if place is None and not scanned[i]]
    current, made = list(values), []
    numbers = range(params["length"])
    for number in reversed(numbers) if params["reverse"] else numbers:
        inputs = [
            (value.at(number) if isinstance(value, Field) else None) if is_scanned else value
            for value, is_scanned in zip(current, scanned, strict=True)
        ]
        outs = evaluate(inner.body, inputs, _handle, (*site.path, 0))
        for i, out in zip(carried, outs, strict=False):
            current[i] = out
        made.append(outs[len(carried) :])
    made = made[::-1] if params["reverse"] else made
    shapes = [var.aval.shape for var in eqn.outvars[len(carried) :]]
    stacks = [stacked(list(ys), shape) for ys, shape in zip(zip(*made, strict=True), shapes, strict=True)]
    return [*(current[i] for i in carried), *stacks]
