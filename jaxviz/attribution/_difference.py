"""A function whose gradient is that of differences: between two inputs, not at one.

The function runs on an input and on a reference at once. Backwards, what is not linear passes the quotient of the
differences of its output and its input, so that the gradient times the difference of the inputs adds up to the
difference of the outputs, exactly. What JAX does with linear operations does that already.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array

from jaxviz._core.jaxpr.elementwise import IDENTITIES, is_elementwise
from jaxviz._core.jaxpr.interpret import Site, evaluate, trace
from jaxviz._core.jaxpr.primitives import (
    CHECKPOINT,
    CUSTOM_JVP,
    CUSTOM_VJP,
    bodies,
    is_call,
    jaxpr_of,
    kind,
    rebind,
    unrolled,
)

_LINEAR = IDENTITIES | frozenset(
    "add add_any sub neg reshape transpose broadcast_in_dim squeeze expand_dims rev concatenate slice pad reduce_sum "
    "reduce_window_sum cumsum convert_element_type real imag split optimization_barrier psum device_put".split()
)
_BILINEAR = frozenset({"mul", "dot_general", "conv_general_dilated"})
_MAXIMA = frozenset({"reduce_max", "reduce_min", "reduce_window_max", "reduce_window_min"})
# Below this share of the operands a difference is rounding, and the derivative stands in for the quotient.
_LEAST = 1e-5


class Both(NamedTuple):
    """A value that depends on the input, and what it is for the reference."""

    value: Any
    reference: Any


def differing(f: Callable, reference: Any) -> Callable[[Any], Any]:
    """`x -> f(x)`, the same value, whose gradient is that of the differences from `f(reference)`.

    Raises:
        NotImplementedError: on the call, for an operation that depends on the input and for which no quotient is known:
            a loop, a branch, a sort, a choice by a comparison.
    """

    def call(x: Any) -> Any:
        program = trace(f, x)
        pairs = [
            Both(leaf, jax.lax.stop_gradient(other))
            for leaf, other in zip(program.leaves[program.num_own :], jax.tree.leaves(reference), strict=True)
        ]
        outs = evaluate(program.body, [*program.leaves[: program.num_own], *pairs], _handle)
        return program.out_tree.unflatten([out.value if isinstance(out, Both) else out for out in outs])

    return call


def _handle(eqn: Any, values: list[Any], site: Site) -> list[Any] | None:
    del site
    if not any(isinstance(value, Both) for value in values):
        return None
    outs: Any
    name = kind(eqn)
    inner = bodies(eqn)
    whole = _unary(eqn, values, inner)
    if inner and not whole:
        if is_call(eqn) or name in CHECKPOINT | {CUSTOM_JVP, CUSTOM_VJP}:
            return evaluate(inner[0].body, inner[0].taken(values), _handle)
        if name == "scan":
            carry, left = unrolled(eqn, values, lambda *inputs: evaluate(inner[0].body, inputs, _handle))
            return [*carry, *map(_stacked, zip(*left, strict=True))]
        raise _unknown(name)
    now, then = (
        [value[side] if isinstance(value, Both) else value for value in values] for side in range(len(Both._fields))
    )
    run = functools.partial(rebind, eqn)
    others = run(then)
    if all(not jnp.issubdtype(other.dtype, jnp.inexact) for other in others):
        outs = run(now)  # a comparison, a place: no gradient passes it
    elif whole:
        place = next(index for index, value in enumerate(values) if isinstance(value, Both))
        outs = _bent(_quotient, (run, place), now, then)
    elif name in ("max", "min"):
        outs = _bent(_larger, (run, name == "max"), now, then)
    elif name in _MAXIMA:
        outs = _bent(_largest, (run, "max" in name), now, then)
    elif name == "div":
        outs = _bent(_ratio, (run,), now, then)
    elif name in _BILINEAR and isinstance(values[0], Both) and isinstance(values[1], Both):
        outs = _bent(_product, (run,), now, then)
    elif name == "stop_gradient":
        # Subtracted for the sake of numbers (the largest logit of a softmax); it changes from one input to the other.
        outs, others = now, then
    elif name in _LINEAR or name in _BILINEAR or _chosen_by_a_constant(name, values):
        outs = run(now)
    else:
        raise _unknown(name)
    return [Both(out, jax.lax.stop_gradient(other)) for out, other in zip(outs, others, strict=True)]


def _stacked(values: Sequence[Any]) -> Any:
    """What the iterations of a loop have left, of which any may depend on the input."""
    if not any(isinstance(value, Both) for value in values):
        return jnp.stack(values)
    pairs = [value if isinstance(value, Both) else Both(value, value) for value in values]
    return jax.tree.map(lambda *entries: jnp.stack(entries), *pairs)


def _unknown(name: str) -> NotImplementedError:
    return NotImplementedError(
        f"`f` must be made of operations whose differences have a quotient, got `{name}` of what depends on the input. "
        "Use an activation of jax.nn, or integrated_gradients, which needs none."
    )


def _chosen_by_a_constant(name: str, values: Sequence[Any]) -> bool:
    """Whether what depends on the input is moved or chosen by something that does not."""
    places = {"select_n": slice(1), "gather": slice(1, None), "dynamic_slice": slice(1, None)}
    places["dynamic_update_slice"] = slice(2, None)
    return name in places and not any(isinstance(value, Both) for value in values[places[name]])


def _unary(eqn: Any, values: list[Any], inner: Sequence[Any]) -> bool:
    """Whether one operand that depends on the input becomes one output of its shape, number by number, not linearly."""
    if sum(isinstance(value, Both) for value in values) != 1 or len(eqn.outvars) != 1:
        return False
    [both] = [value for value in values if isinstance(value, Both)]
    if eqn.outvars[0].aval.shape != jnp.shape(both.value) or not jnp.issubdtype(eqn.outvars[0].aval.dtype, jnp.inexact):
        return False
    if inner:
        return (is_call(eqn) or kind(eqn) in (CUSTOM_JVP, CUSTOM_VJP)) and _elementwise(inner[0].body)
    return is_elementwise(kind(eqn)) and kind(eqn) not in _LINEAR | _BILINEAR | {"div", "select_n"}


def _elementwise(body: Any) -> bool:
    for eqn in jaxpr_of(body).eqns:
        inner = bodies(eqn)
        if inner:
            if not all(map(_elementwise, (one.body for one in inner))):
                return False
        elif not is_elementwise(kind(eqn)) and kind(eqn) != "broadcast_in_dim":
            return False
    return True


@functools.partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def _bent(rule: Callable, options: tuple, now: list[Any], then: list[Any]) -> Any:
    """What the operation gives, whose gradient is that of a rule."""
    del rule, then
    return options[0](now)


def _forwards(rule: Callable, options: tuple, now: list[Any], then: list[Any]) -> tuple[list[Any], Any]:
    return _bent(rule, options, now, then), (now, then)


def _backwards(rule: Callable, options: tuple, saved: Any, gradients: list[Any]) -> tuple[list[Any], list[Any]]:
    now, then = saved
    found = rule(*options, now, then, gradients[0])
    return found, jax.tree.map(jnp.zeros_like, then)


_bent.defvjp(_forwards, _backwards)


def _near(now: Any, then: Any) -> Array:
    return jnp.abs(now - then) <= _LEAST * jnp.maximum(jnp.abs(now), jnp.abs(then))


def _over(numerator: Any, now: Any, then: Any, instead: Any) -> Array:
    """A quotient by a difference, and something else where that is none."""
    near = _near(now, then)
    return jnp.where(near, instead, numerator / jnp.where(near, 1, now - then))


def _quotient(run: Callable, place: int, now: list[Any], then: list[Any], gradient: Array) -> list[Any]:
    """A number of one other: difference over difference."""

    def alone(x: Array) -> Array:
        return run([*now[:place], x, *now[place + 1 :]])[0]

    out, derivative = jax.vjp(alone, now[place])
    slope = _over(out - run(then)[0], now[place], then[place], derivative(jnp.ones_like(out))[0])
    return [gradient * slope if index == place else jnp.zeros_like(x) for index, x in enumerate(now)]


def _larger(run: Callable, largest: bool, now: list[Any], then: list[Any], gradient: Array) -> list[Any]:
    """The larger of two numbers is one of them and the positive part of how much the other exceeds it."""
    del run
    (a, b), (c, d) = now, then
    over, before = (a - b, c - d) if largest else (b - a, d - c)
    share = _over(jnp.maximum(over, 0) - jnp.maximum(before, 0), over, before, jnp.where(over > 0, 1.0, 0.0))
    share = share.astype(gradient.dtype)
    return [_fit(gradient * share, a), _fit(gradient * (1 - share), b)]


def _fit(gradient: Array, like: Any) -> Array:
    """The gradient of an operand that was stretched to the shape of the output, in its own shape."""
    shape = jnp.shape(like)
    if gradient.shape == shape:
        return gradient
    if not shape:
        return gradient.sum()
    return gradient.sum([axis for axis, size in enumerate(shape) if size != gradient.shape[axis]], keepdims=True)


def _largest(run: Callable, largest: bool, now: list[Any], then: list[Any], gradient: Array) -> list[Any]:
    """A maximum: its rise goes to where it is now, its fall to where it was (the code of Shrikumar et al.)."""
    (out,), back = jax.vjp(lambda x: run([x, *now[1:]]), now[0])
    (other,), back_then = jax.vjp(lambda x: run([x, *now[1:]]), then[0])
    middle = jnp.maximum(out, other) if largest else jnp.minimum(out, other)
    given = back([gradient * (middle - other)])[0] + back_then([gradient * (out - middle)])[0]
    return [_over(given, now[0], then[0], back([gradient])[0]), *map(jnp.zeros_like, now[1:])]


def _ratio(run: Callable, now: list[Any], then: list[Any], gradient: Array) -> list[Any]:
    """A quotient as the product with one over the divisor."""
    del run
    (a, b), (c, d) = now, then
    return [_fit(gradient * (1 / b + 1 / d) / 2, a), _fit(-gradient * (a + c) / (2 * b * d), b)]


def _product(run: Callable, now: list[Any], then: list[Any], gradient: Array) -> list[Any]:
    """What is linear in each of two: the derivative half way between."""
    middle = [(x + y) / 2 for x, y in zip(now, then, strict=True)]
    return list(jax.vjp(lambda *operands: run(list(operands))[0], *middle)[1](gradient))
