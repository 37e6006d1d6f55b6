"""Other operations in place of those of any JAX function, wherever they stand in it."""

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
from jax.extend import core

from jaxviz._core.callables import as_pytree
from jaxviz._core.jaxpr.interpret import Program, Site, evaluate, trace
from jaxviz._core.jaxpr.primitives import (
    CUSTOM_JVP,
    CUSTOM_VJP,
    Body,
    bodies,
    jaxpr_of,
    keep_rule,
    kind,
    opaque_bodies,
    parameters,
    rebind,
    rebuild,
)


@dataclasses.dataclass(frozen=True)
class Operation:
    """One operation of a traced function, as the handler of `rewrite` gets it.

    Attributes:
        eqn: the equation of the jaxpr.
    """

    eqn: core.JaxprEqn

    @property
    def name(self) -> str:
        """Of the JAX primitive: `"conv_general_dilated"`, `"dot_general"`, `"add"`."""
        return kind(self.eqn)

    @property
    def params(self) -> dict[str, Any]:
        """Of the JAX primitive, such as the strides of a convolution."""
        return parameters(self.eqn)

    def bind(self, *operands: Any, **changed: Any) -> list[Any]:
        """The outputs for these operands, with some of the parameters changed."""
        return rebind(self.eqn, operands, **changed)


Change = Callable[[Operation, list[Any]], Sequence[Any] | None]


def rewrite(f: Callable, handler: Change) -> Callable:
    """`f` with other operations: `handler(operation, operands)` answers with the outputs, or None to leave it.

    Each operation of the traced function is handed over once, in order of computation, also those inside `jit`,
    `checkpoint`, `scan`, `while_loop`, `cond` and `shard_map`, which are built again around what the handler answers
    (`jit` is inlined). A function with a derivative rule of its own (`jax.custom_jvp`, `jax.custom_vjp`) is rewritten
    in its values and keeps that rule; to rewrite what a gradient computes, rewrite the gradient:
    `rewrite(jax.grad(f), handler)`. `f` as a whole stays a function that can be differentiated, mapped and sharded.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> def in_half(operation, operands):
        ...     if operation.name == "dot_general":
        ...         return operation.bind(*[operand.astype(jnp.bfloat16) for operand in operands])
        >>> f = lambda x: jax.lax.map(lambda row: row @ x, x)
        >>> rewrite(f, in_half)(jnp.full((1, 1), 1 + 2.0**-10)).tolist(), f(jnp.full((1, 1), 1 + 2.0**-10)).tolist()
        ([[1.0]], [[1.0019540786743164]])

    Args:
        f: any JAX function or callable pytree.
        handler: its operands are arrays, or Python numbers where the program holds some. It answers with one array for
            each output of the operation, of the shape and dtype that it had. It runs while `f` is traced, maybe more
            than once for the same operation, so it should depend on nothing else.

    Returns:
        A function like `f`, a pytree with the leaves of `f`.

    Raises:
        ValueError: on the call, for an answer of another number, shape or dtype.
        NotImplementedError: on the call, where the handler answers for an operation inside a primitive that cannot be
            entered, which is named.
    """
    return Rewritten(as_pytree(f), handler)


@functools.partial(jax.tree_util.register_dataclass, data_fields=["f"], meta_fields=["handler"])
@dataclasses.dataclass(frozen=True, eq=False)  # compared and hashed by identity, as functions are
class Rewritten:
    """A function with other operations; made by `rewrite`."""

    f: Callable
    handler: Change

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The outputs of `f`."""
        return rewritten(trace(self.f, *args, **kwargs), self.handler)


def rewritten(program: Program, handler: Change, rename: Callable[[str], str] = str) -> Any:
    """What a traced call computes, by other operations and under scopes of other names."""
    handle = functools.partial(_handle, handler, rename)
    outs = evaluate(program.body, program.leaves, handle, rename=rename)
    return jax.tree.unflatten(program.out_tree, outs)


def _handle(handler: Change, rename: Callable[[str], str], eqn: Any, values: list[Any], site: Site) -> list[Any] | None:
    answer = handler(Operation(eqn), values)
    if answer is not None:
        return _checked(eqn, answer)
    handle = functools.partial(_handle, handler, rename)
    inner = bodies(eqn)

    def call(index: int, *inputs: Any) -> tuple[list[Any], dict]:
        return evaluate(inner[index].body, inputs, handle, (*site.path, index), rename=rename), {}

    if kind(eqn) in (CUSTOM_JVP, CUSTOM_VJP):
        # Left as it is where nothing changes: whatever JAX knows of it by its identity stays true.
        return keep_rule(eqn, values, lambda *inputs: call(0, *inputs)[0]) if _wants(handler, inner[0].body) else None
    if inner:
        return rebuild(eqn, values, call)[0]
    for body in opaque_bodies(eqn):
        # A function of scalars, by which a reduction or a scatter joins elements, is what that operation is.
        if any(var.aval.shape for var in jaxpr_of(body).invars) and _wants(handler, body):
            raise NotImplementedError(
                f"`f` must hold what is rewritten outside `{kind(eqn)}`, whose function cannot be entered. "
                "Answer for that operation as a whole, or call it elsewhere."
            )
    return None


def _wants(handler: Change, body: Body) -> bool:
    """Whether the handler answers for any operation in there."""
    answered = []

    def watch(operation: Operation, operands: list[Any]) -> Sequence[Any] | None:
        answer = handler(operation, operands)
        answered.append(answer is not None)
        return answer

    shapes = [var.aval for var in jaxpr_of(body).invars]
    jax.eval_shape(lambda *inputs: evaluate(body, inputs, functools.partial(_handle, watch, str)), *shapes)
    return any(answered)


def _checked(eqn: Any, answer: Sequence[Any]) -> list[Any]:
    wanted = [(var.aval.shape, var.aval.dtype) for var in eqn.outvars]
    found = [(value.shape, value.dtype) for value in map(jax.typeof, answer)]
    if found != wanted:
        raise ValueError(
            f"`handler` must answer `{eqn.primitive.name}` with its outputs {_text(wanted)}, got {_text(found)}. Cast "
            "or reshape what it returns."
        )
    return list(answer)


def _text(arrays: Sequence[tuple]) -> str:
    return ", ".join(f"{dtype}{list(shape)}" for shape, dtype in arrays) or "nothing"
