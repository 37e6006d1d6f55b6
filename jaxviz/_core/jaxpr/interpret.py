"""The one walker that every transform is made of.

`trace` turns a call into a jaxpr; `evaluate` runs a jaxpr equation by equation and hands each to a handler, which may
answer with other outputs. It runs at trace time, so what comes out is again a JAX function: it can be jitted, mapped,
differentiated, sharded, and transformed once more.
"""

import contextlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
from jax.extend import core

from jaxviz._core.jaxpr.per_example import is_per_example
from jaxviz._core.jaxpr.primitives import Body, consts_of, jaxpr_of, rebind

Path = tuple[int, ...]
"""Where an equation stands: its index, or the index of a call, of the body in it, and of the equation in that."""


class Program(NamedTuple):
    """A traced call: `jaxpr(*consts, *leaves)`, and how to put its outputs together.

    The first `num_own` leaves are the function's own, the rest its arguments. `of_examples` are the numbers of those
    that differ from example to example: the arguments, and what the function holds with a row for each.
    """

    body: Body
    leaves: list[Any]
    out_tree: Any
    num_own: int
    of_examples: frozenset[int]


class Site(NamedTuple):
    """Where a handler stands: the path of its equation, and `read`, which gives the value of a variable in scope."""

    path: Path
    read: Callable[[Any], Any]


Handler = Callable[[core.JaxprEqn, list[Any], Site], list[Any] | None]


def trace(f: Callable, *args: Any, **kwargs: Any) -> Program:
    """Traces a call of `f`, the parameters of a callable pytree among the leaves and not among the constants."""
    arrays, join = split((f, args, kwargs))

    def call(*arrays: Any) -> Any:
        function, inputs, named = join(arrays)
        return function(*inputs, **named)

    body, shapes = jax.make_jaxpr(call, return_shape=True)(*arrays)
    rows: list[bool] = []
    for node in jax.tree.leaves(f, is_leaf=is_per_example):
        rows += [is_per_example(node)] * sum(map(is_array, jax.tree.leaves(node)))
    of_examples = {number for number in range(len(arrays)) if number >= len(rows) or rows[number]}
    return Program(body, arrays, jax.tree.structure(shapes), len(rows), frozenset(of_examples))


def split(tree: Any) -> tuple[list[Any], Callable[[Iterable[Any]], Any]]:
    """The arrays among the leaves of a tree, and the function that gives the tree with others in their place."""
    leaves, structure = jax.tree.flatten(tree)

    def join(arrays: Iterable[Any]) -> Any:
        remaining = iter(arrays)
        return structure.unflatten([next(remaining) if is_array(leaf) else leaf for leaf in leaves])

    return [leaf for leaf in leaves if is_array(leaf)], join


def is_array(leaf: Any) -> bool:
    """Whether a leaf crosses `jit` as an argument (else it is a static part of its callable)."""
    return isinstance(leaf, jax.Array | jax.ShapeDtypeStruct) or hasattr(leaf, "__array__")


def evaluate(
    body: Body,
    args: Sequence[Any],
    handle: Handler,
    path: Path = (),
    only: Iterable[int] | None = None,
    given: Mapping[Any, Any] | None = None,
    rename: Callable[[str], str] = str,
) -> list[Any]:
    """Runs a jaxpr, each equation through `handle` first.

    Args:
        body: what to run.
        args: its inputs; of any type that `handle` understands, where it answers every equation that meets them.
        handle: `(equation, operands, site) -> outputs`, or None to bind the equation as it is.
        path: where `body` stands in the whole program.
        only: indices of the equations to run; the rest are skipped, and an output that needs one comes out as None.
        given: variables whose values are known already.
        rename: what the scopes of an equation are to be called, from what they are.

    Returns:
        The outputs.
    """
    jaxpr = jaxpr_of(body)
    env: dict[Any, Any] = dict(zip(jaxpr.constvars, consts_of(body), strict=True))
    env.update(zip(jaxpr.invars, args, strict=True))
    env.update(given or {})
    wanted = None if only is None else set(only)

    def read(atom: Any) -> Any:
        return atom.val if isinstance(atom, core.Literal) else env[atom]

    for index, eqn in enumerate(jaxpr.eqns):
        if wanted is not None and index not in wanted:
            continue
        values = [read(atom) for atom in eqn.invars]
        # The scopes are kept, since a later transform may find its layers by them.
        scope = rename(str(eqn.source_info.name_stack))
        with jax.named_scope(scope) if scope else contextlib.nullcontext(), eqn.ctx.manager:
            outs = handle(eqn, values, Site((*path, index), read))
            if outs is None:
                outs = rebind(eqn, values)
        env.update(zip(eqn.outvars, outs, strict=True))
    return [env.get(v) if isinstance(v, core.Var) else v.val for v in jaxpr.outvars]
