"""How each JAX primitive carries the functions inside it: all knowledge of that is here.

A *body* is a jaxpr inside an equation (the function of a `jit`, a branch of a `cond`). `bodies` lists an equation's
bodies and says which operand each of their inputs is; `rebuild` binds the equation again with other functions in
their place. Parameter names differ between JAX releases, so this file is tested on the oldest and the newest.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
from jax.extend import core

Body = Any  # a ClosedJaxpr (jax < 0.12) or a Jaxpr that carries its constants (jax >= 0.12)

INLINED = frozenset({"jit", "pjit", "closed_call", "core_call", "core_closed_call"})
CUSTOM_JVP = "custom_jvp_call"
CUSTOM_VJP = "custom_vjp_call"
CHECKPOINT = frozenset({"remat2", "checkpoint", "remat"})
_CALLS = INLINED | CHECKPOINT | {CUSTOM_JVP, CUSTOM_VJP}
_KNOWN = _CALLS | {"scan", "while", "cond", "shard_map"}


class Inner(NamedTuple):
    """A body, with the index of the operand that each of its inputs is (None: differs from iteration to iteration)."""

    body: Body
    operands: tuple[int | None, ...]


def is_call(eqn: core.JaxprEqn) -> bool:
    """Whether the equation runs one body once, operands to inputs and outputs to outputs."""
    return eqn.primitive.name in _CALLS


def consts_of(body: Body) -> list[Any]:
    """The values of a body's `constvars`."""
    return list(getattr(body, "consts", ()))


def bodies(eqn: core.JaxprEqn) -> tuple[Inner, ...]:
    """The functions inside an equation that `rebuild` can replace, in the order that it calls them by."""
    name, params = eqn.primitive.name, eqn.params
    count = len(eqn.invars)
    if name in _CALLS:
        return (Inner(params["jaxpr"] if "jaxpr" in params else params["call_jaxpr"], tuple(range(count))),)
    if name == "shard_map":
        return (Inner(params["jaxpr"], tuple(range(count))),)
    if name == "scan":
        num_consts, _ = _scan_counts(params)
        return (Inner(params["jaxpr"], (*range(num_consts), *[None] * (count - num_consts))),)
    if name == "while":
        num_cond, num_body = params["cond_nconsts"], params["body_nconsts"]
        carry = [None] * (count - num_cond - num_body)
        return (
            Inner(params["cond_jaxpr"], (*range(num_cond), *carry)),
            Inner(params["body_jaxpr"], (*range(num_cond, num_cond + num_body), *carry)),
        )
    if name == "cond":
        return tuple(Inner(branch, tuple(range(1, count))) for branch in params["branches"])
    return ()


def opaque_bodies(eqn: core.JaxprEqn) -> tuple[Body, ...]:
    """The functions inside an equation that nothing here knows how to replace."""
    return () if eqn.primitive.name in _KNOWN else tuple(core.jaxprs_in_params(eqn.params))


def rebind(eqn: core.JaxprEqn, values: Sequence[Any], **changed: Any) -> list[Any]:
    """The outputs of the equation on other operands and with the parameters in `changed`, the rest as it was."""
    outs = eqn.primitive.bind(*values, **eqn.primitive.get_bind_params({**eqn.params, **changed}))
    return list(outs) if eqn.primitive.multiple_results else [outs]


def keep_rule(eqn: core.JaxprEqn, values: Sequence[Any], call: Callable[..., list[Any]]) -> list[Any]:
    """A `custom_jvp` or `custom_vjp` with `call(*inputs)` for its values; its own rule still makes its derivatives."""
    key = "jaxpr" if "jaxpr" in eqn.params else "call_jaxpr"
    params = {**eqn.params, key: jax.make_jaxpr(call)(*values)}
    return list(eqn.primitive.bind(*values, **eqn.primitive.get_bind_params(params)))


def rebuild(
    eqn: core.JaxprEqn, values: Sequence[Any], call: Callable[..., tuple[list[Any], Any]]
) -> tuple[list[Any], Any]:
    """Binds an equation again with `call(index, *inputs)` in place of its body number `index`.

    `call` returns the body's outputs and any pytree beside them, which comes out beside the equation's outputs: as
    it is from a call, stacked over the iterations from a `scan`, batch-concatenated from a `shard_map`. From a
    `while` or a `cond` nothing can come out, so there it must be empty. `jit`, `custom_jvp` and `custom_vjp` are
    inlined (what they did for the old body does not hold for the new one); put your own `jit` around the whole.

    Raises:
        NotImplementedError: the equation is of a primitive that this cannot bind again.
    """
    name, params = eqn.primitive.name, eqn.params
    if name in CHECKPOINT:
        if params["differentiated"] and params["prevent_cse"]:
            # Already part of a backward pass, where this alone keeps XLA from joining it with the forward pass again.
            values = jax.lax.optimization_barrier(list(values))
        wrapped = jax.checkpoint(
            lambda *inputs: call(0, *inputs), prevent_cse=params["prevent_cse"], policy=params["policy"]
        )
        return wrapped(*values)
    if name in _CALLS:
        outs, beside = call(0, *_constrain(values, params.get("in_shardings")))
        return _constrain(outs, params.get("out_shardings")), beside
    if name == "scan":
        return _rebuild_scan(params, values, call)
    if name == "while":
        return _rebuild_while(params, values, call), {}
    if name == "cond":
        branches = [_branch(call, index) for index in range(len(params["branches"]))]
        return jax.lax.switch(values[0], branches, *values[1:]), {}
    if name == "shard_map":
        return _rebuild_shard_map(params, values, call)
    raise NotImplementedError(
        f"`f` must hold what is looked for outside `{name}`, whose function cannot be entered. "
        "Call the part that needs it without that primitive."
    )


def batch_axes(eqn: core.JaxprEqn) -> Any:
    """The mesh axes that a `shard_map` splits the leading axis of its arrays over.

    Raises:
        NotImplementedError: it splits another axis, so what leaves it has no known layout.
    """
    for spec in (*eqn.params["in_specs"], *eqn.params["out_specs"]):
        if any(part is not None for part in tuple(spec)[1:]):
            raise NotImplementedError(
                f"`layer` must not lie inside a `shard_map` that splits more than the leading axis, got {spec}. "
                "Name the layer outside of it."
            )
    return _leading(eqn.params["in_specs"])


def _leading(specs: Sequence[Any]) -> Any:
    return next((axes[0] for axes in map(tuple, specs) if axes and axes[0] is not None), None)


def _scan_counts(params: dict[str, Any]) -> tuple[int, int]:
    if "num_consts" in params:
        return params["num_consts"], params["num_carry"]
    consts, carry, _ = params["ft_in"].unpack()  # jax >= 0.12
    return len(consts), len(carry)


def _rebuild_scan(params: dict[str, Any], values: Sequence[Any], call: Callable) -> tuple[list[Any], Any]:
    num_consts, num_carry = _scan_counts(params)
    consts, carry, xs = (
        values[:num_consts],
        values[num_consts : num_consts + num_carry],
        values[num_consts + num_carry :],
    )

    def step(carry: list[Any], xs: list[Any]) -> tuple[list[Any], Any]:
        outs, beside = call(0, *consts, *carry, *xs)
        return outs[:num_carry], (outs[num_carry:], beside)

    carry, (ys, beside) = jax.lax.scan(
        step, list(carry), list(xs), length=params["length"], reverse=params["reverse"], unroll=params["unroll"]
    )
    return [*carry, *ys], beside


def _rebuild_while(params: dict[str, Any], values: Sequence[Any], call: Callable) -> list[Any]:
    num_cond, num_body = params["cond_nconsts"], params["body_nconsts"]
    cond_consts, body_consts = values[:num_cond], values[num_cond : num_cond + num_body]
    return jax.lax.while_loop(
        lambda carry: call(0, *cond_consts, *carry)[0][0],
        lambda carry: call(1, *body_consts, *carry)[0],
        list(values[num_cond + num_body :]),
    )


def _rebuild_shard_map(params: dict[str, Any], values: Sequence[Any], call: Callable) -> tuple[list[Any], Any]:
    mapped = jax.shard_map(
        lambda *inputs: call(0, *inputs),
        mesh=params["mesh"],
        in_specs=tuple(params["in_specs"]),
        out_specs=(list(params["out_specs"]), jax.P(_leading(params["in_specs"]))),
        check_vma=params["check_vma"],
        axis_names=params["newly_manual_axes" if "newly_manual_axes" in params else "manual_axes"],
    )
    return mapped(*values)


def _branch(call: Callable, index: int) -> Callable:
    return lambda *operands: call(index, *operands)[0]


def _constrain(values: Sequence[Any], shardings: Any) -> list[Any]:
    if shardings is None:
        return list(values)
    return [
        jax.lax.with_sharding_constraint(value, sharding) if isinstance(sharding, jax.sharding.Sharding) else value
        for value, sharding in zip(values, shardings, strict=True)
    ]
