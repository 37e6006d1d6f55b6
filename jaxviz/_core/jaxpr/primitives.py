"""How each JAX primitive carries the functions inside it: all knowledge of that is here.

A *body* is a jaxpr inside an equation (the function of a `jit`, a branch of a `cond`). `bodies` lists an equation's
bodies and says which operand each of their inputs is; `rebuild` binds the equation again with other functions in
their place. Parameter names differ between JAX releases, so this file is tested on the oldest and the newest.

JAX is moving `custom_jvp`, `custom_vjp`, `checkpoint` and `scan` to one primitive, `call_hi_primitive`, whose parameter
is an object that says which of them it is and holds the traced function. `kind` and `parameters` see through that.
"""

import dataclasses
import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import jax.ref
import numpy as np
from jax.extend import core

Body = Any  # a ClosedJaxpr (jax < 0.12) or a Jaxpr that carries its constants (jax >= 0.12)

INLINED = frozenset({"jit", "pjit", "closed_call", "core_call", "core_closed_call", "eval_jaxpr"})
CUSTOM_JVP = "custom_jvp_call"
CUSTOM_VJP = "custom_vjp_call"
CHECKPOINT = frozenset({"remat2", "checkpoint", "remat"})
_CALLS = INLINED | CHECKPOINT | {CUSTOM_JVP, CUSTOM_VJP}
_KNOWN = _CALLS | {"scan", "while", "cond", "shard_map"}
# What `call_hi_primitive` can be, by the class of its parameter.
_HIGHER = {
    "CustomJVPTraced": CUSTOM_JVP,
    "CustomVJPTraced": CUSTOM_VJP,
    "RematTraced": "checkpoint",
    "Scan3": "scan",
    "CheckpointName": "name",
    "CheckpointNameFwd": "name",
}


class Inner(NamedTuple):
    """A body, with the index of the operand that each of its inputs is (None: differs from iteration to iteration)."""

    body: Body
    operands: tuple[int | None, ...]

    def taken(self, values: Sequence[Any]) -> list[Any]:
        """The inputs among the operands."""
        return [values[i] for i in self.operands if i is not None]


def kind(eqn: core.JaxprEqn) -> str:
    """The name of what the equation does, the same whichever primitive JAX uses for it."""
    higher = _higher(eqn)
    return eqn.primitive.name if higher is None else _HIGHER.get(type(higher).__name__, type(higher).__name__)


def parameters(eqn: core.JaxprEqn) -> dict[str, Any]:
    """The parameters, those of a `call_hi_primitive` being its object's."""
    higher = _higher(eqn)
    return eqn.params if higher is None else higher.params


def _higher(eqn: core.JaxprEqn) -> Any:
    return eqn.params["_prim"] if eqn.primitive.name == "call_hi_primitive" else None


def is_call(eqn: core.JaxprEqn) -> bool:
    """Whether the equation runs one body once, operands to inputs and outputs to outputs."""
    return kind(eqn) in _CALLS


def layer_name(eqn: core.JaxprEqn) -> str | None:
    """The name that the equation gives its value (`jax.ad_checkpoint.checkpoint_name`), if that is what it does."""
    return parameters(eqn)["name"] if kind(eqn) == "name" else None


def function_name(eqn: core.JaxprEqn) -> str:
    """What the user called the function of a call."""
    return str(jaxpr_of(bodies(eqn)[0].body).debug_info.func_name)


def jaxpr_of(body: Body) -> Any:
    """The jaxpr of a body, without its constants where it carries them apart."""
    return body.jaxpr if hasattr(body, "jaxpr") else body


def consts_of(body: Body) -> list[Any]:
    """The values of a body's `constvars`."""
    return list(getattr(body, "consts", ()))


def bodies(eqn: core.JaxprEqn) -> tuple[Inner, ...]:
    """The functions inside an equation that `rebuild` can replace, in the order that it calls them by."""
    name, params = kind(eqn), parameters(eqn)
    count = len(eqn.invars)
    if name in _CALLS:
        return (_checked(eqn, Inner(_called(params), _call_operands(eqn))),)
    if name == "shard_map":
        return (Inner(params["jaxpr"], tuple(range(count))),)
    if name == "scan":
        scanned = _differs(params, count)
        return (Inner(params["jaxpr"], tuple(None if scanned[i] else i for i in range(count))),)
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


def _called(params: dict[str, Any]) -> Body:
    for key in ("jaxpr", "call_jaxpr"):
        if key in params:
            return params[key]
    return params["traced"].jaxpr


def _call_operands(eqn: core.JaxprEqn) -> tuple[int, ...]:
    numbers = tuple(range(len(eqn.invars)))
    if _higher(eqn) is None or kind(eqn) != CUSTOM_VJP:
        return numbers
    # Between the constants and the arguments stand those of the forward rule alone.
    consts, of_rule = (len(jax.tree.leaves(part)) for part in _higher(eqn).in_avals[:2])
    return numbers[:consts] + numbers[consts + of_rule :]


def _checked(eqn: core.JaxprEqn, inner: Inner) -> Inner:
    if len(inner.operands) != len(jaxpr_of(inner.body).invars):
        raise NotImplementedError(
            f"`f` must hold functions in a form that is known here, got a `{kind(eqn)}` of {len(eqn.invars)} operands "
            f"whose function takes {len(jaxpr_of(inner.body).invars)}. Use a release of JAX that jaxviz is tested on."
        )
    return inner


def opaque_bodies(eqn: core.JaxprEqn) -> tuple[Body, ...]:
    """The functions inside an equation that nothing here knows how to replace, wherever in its parameters they are."""
    name = kind(eqn)
    if name in _KNOWN or name == "name":
        return ()
    if (body := expansion(eqn)) is not None:
        return (body,)
    return tuple(_programs(list(parameters(eqn).values()), set()))


def expansion(eqn: core.JaxprEqn) -> Body | None:
    """What a `call_hi_primitive` of an unknown kind computes, in equations; None where the equation is none.

    It may have derivative rules of its own, so only what asks for values can go by it.
    """
    higher = _higher(eqn)
    if higher is None or kind(eqn) in _HIGHER.values() or any(is_reference(atom) for atom in eqn.invars):
        return None
    avals, tree = jax.tree.flatten(higher.in_avals)
    shapes = [jax.ShapeDtypeStruct(aval.shape, aval.dtype) for aval in avals]
    return jax.make_jaxpr(lambda *leaves: jax.tree.leaves(higher.expand(*jax.tree.unflatten(tree, leaves))))(*shapes)


def plain_body(eqn: core.JaxprEqn) -> Inner | None:
    """The one function whose values are the equation's, where it is known which; its derivatives may be others."""
    if is_call(eqn):
        return bodies(eqn)[0]
    body = expansion(eqn)
    return None if body is None else Inner(body, tuple(range(len(eqn.invars))))


def is_reference(atom: Any) -> bool:
    """Whether a variable stands for a `jax.Ref`, which equations read and write."""
    return isinstance(atom.aval, jax.ref.AbstractRef)


def _programs(value: Any, seen: set[int]) -> Iterator[Body]:
    """All programs in a value: in containers, in objects that carry one as `jaxpr`, in what a callable has bound."""
    if value is None or isinstance(value, str | bytes | int | float | np.ndarray | jax.Array) or id(value) in seen:
        return
    seen.add(id(value))
    if isinstance(value, core.Jaxpr | core.ClosedJaxpr):
        yield value
    elif isinstance(getattr(value, "jaxpr", None), core.Jaxpr | core.ClosedJaxpr):
        yield value.jaxpr
    else:
        for part in _parts(value):
            yield from _programs(part, seen)


def _parts(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    if isinstance(value, list | tuple | set | frozenset):
        return list(value)
    if isinstance(value, functools.partial):
        return [value.func, value.args, value.keywords]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return [getattr(value, field.name) for field in dataclasses.fields(value)]
    bound = [getattr(value, name, None) for name in ("__wrapped__", "__self__")] if callable(value) else []
    cells = getattr(value, "__closure__", None) or ()
    leaves = jax.tree.leaves(value)
    return [*bound, *(cell.cell_contents for cell in cells), *(leaf for leaf in leaves if leaf is not value)]


def rebind(eqn: core.JaxprEqn, values: Sequence[Any], **changed: Any) -> list[Any]:
    """The outputs of the equation on other operands and with the parameters in `changed`, the rest as it was."""
    outs = eqn.primitive.bind(*values, **eqn.primitive.get_bind_params({**eqn.params, **changed}))
    return list(outs) if eqn.primitive.multiple_results else [outs]


def keep_rule(eqn: core.JaxprEqn, values: Sequence[Any], call: Callable[..., list[Any]]) -> list[Any]:
    """A `custom_jvp` or `custom_vjp` with `call(*inputs)` for its values; its own rule still makes its derivatives."""
    if _higher(eqn) is not None:
        return _with_rule_of(eqn, call)(*values)
    key = "jaxpr" if "jaxpr" in eqn.params else "call_jaxpr"
    params = {**eqn.params, key: jax.make_jaxpr(call)(*values)}
    return list(eqn.primitive.bind(*values, **eqn.primitive.get_bind_params(params)))


def _with_rule_of(eqn: core.JaxprEqn, call: Callable[..., list[Any]]) -> Callable[..., list[Any]]:
    """The values of `call` with the derivatives of the equation as it is."""
    operands = _call_operands(eqn)

    def changed(*values: Any) -> list[Any]:
        return call(*(values[i] for i in operands))

    def unchanged(*values: Any) -> list[Any]:
        return rebind(eqn, values)

    if kind(eqn) == CUSTOM_JVP:
        own = jax.custom_jvp(changed)
        own.defjvp(lambda primals, tangents: (own(*primals), jax.jvp(unchanged, primals, tangents)[1]))
        return own
    ruled = jax.custom_vjp(changed)
    ruled.defvjp(lambda *values: (ruled(*values), jax.vjp(unchanged, *values)[1]), lambda pull, g: pull(g))
    return ruled


def rebuild(
    eqn: core.JaxprEqn, values: Sequence[Any], call: Callable[..., tuple[list[Any], Any]], beside: Any = None
) -> tuple[list[Any], Any]:
    """Binds an equation again with `call(index, *inputs)` in place of its body number `index`.

    A tree of arrays `beside` goes in as well, `call(index, *inputs, beside=...)`: as it is into a call, an entry at a
    time into a `scan`.

    `call` returns the body's outputs and any pytree beside them, which comes out beside the equation's outputs: as
    it is from a call, stacked over the iterations from a `scan`, batch-concatenated from a `shard_map`. From a
    `while` or a `cond` nothing can come out, so there it must be empty. `jit`, `custom_jvp` and `custom_vjp` are
    inlined (what they did for the old body does not hold for the new one); put your own `jit` around the whole.

    Raises:
        NotImplementedError: the equation is of a primitive that this cannot bind again.
    """
    name, params = kind(eqn), parameters(eqn)
    if beside is not None and name == "shard_map":
        raise NotImplementedError("`layer` must not lie inside a `shard_map` here. Name it outside.")
    if beside is not None and name != "scan":
        call = functools.partial(call, beside=beside)
    if name in CHECKPOINT:
        if params.get("differentiated") and params["prevent_cse"]:
            # Already part of a backward pass, where this alone keeps XLA from joining it with the forward pass again.
            values = jax.lax.optimization_barrier(list(values))
        wrapped = jax.checkpoint(
            lambda *inputs: call(0, *inputs), prevent_cse=params["prevent_cse"], policy=params["policy"]
        )
        return wrapped(*values)
    if name in _CALLS:
        inputs = [values[i] for i in _call_operands(eqn)]
        outs, beside = call(0, *_constrain(inputs, params.get("in_shardings")))
        return _constrain(outs, params.get("out_shardings")), beside
    if name == "scan":
        return _rebuild_scan(params, values, call, beside)
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
    if "extensives" in params:  # `jax_scan3`: the carry is kept in references among the constants
        return params["extensives"].count(False), 0
    if "num_consts" in params:
        return params["num_consts"], params["num_carry"]
    consts, carry, _ = params["ft_in"].unpack()  # jax >= 0.12
    return len(consts), len(carry)


def _differs(params: dict[str, Any], count: int) -> list[bool]:
    """Which operands of a `scan` its body gets another value of in every iteration."""
    if "extensives" in params:
        return list(params["extensives"])
    num_consts, _ = _scan_counts(params)
    return [i >= num_consts for i in range(count)]


def _rebuild_scan(
    params: dict[str, Any], values: Sequence[Any], call: Callable, given: Any = None
) -> tuple[list[Any], Any]:
    num_consts, num_carry = _scan_counts(params)
    differs = _differs(params, len(values))
    order = sorted(range(len(values)), key=lambda i: differs[i])  # stable: constants, carry, what is scanned over
    ordered = [values[i] for i in order]
    consts, carry, xs = (
        ordered[:num_consts],
        ordered[num_consts : num_consts + num_carry],
        ordered[num_consts + num_carry :],
    )

    def step(carry: list[Any], along: tuple[list[Any], Any]) -> tuple[list[Any], Any]:
        xs, one = along
        operands = dict(zip(order, [*consts, *carry, *xs], strict=True))
        more = {} if one is None else {"beside": one}
        outs, beside = call(0, *(operands[i] for i in range(len(values))), **more)
        return outs[:num_carry], (outs[num_carry:], beside)

    carry, (ys, beside) = jax.lax.scan(
        step,
        list(carry),
        (list(xs), given),
        length=params["length"],
        reverse=params["reverse"],
        unroll=params["unroll"],
    )
    return [*carry, *ys], beside


def unrolled(
    eqn: core.JaxprEqn, values: Sequence[Any], call: Callable[..., list[Any]]
) -> tuple[list[Any], list[list[Any]]]:
    """A `scan` as its iterations one after the other, of values of any type: the carry, and what each has left."""
    params = parameters(eqn)
    num_consts, num_carry = _scan_counts(params)
    differs = _differs(params, len(values))
    order = sorted(range(len(values)), key=lambda i: differs[i])
    same, carry = [values[i] for i in order[:num_consts]], [values[i] for i in order[num_consts:][:num_carry]]
    left: list[list[Any]] = [[] for _ in range(params["length"])]
    for step in reversed(range(params["length"])) if params["reverse"] else range(params["length"]):
        along = [jax.tree.map(lambda x, step=step: x[step], values[i]) for i in order[num_consts + num_carry :]]
        operands = dict(zip(order, [*same, *carry, *along], strict=True))
        outs = call(*(operands[i] for i in range(len(values))))
        carry, left[step] = outs[:num_carry], outs[num_carry:]
    return carry, left


def _rebuild_while(params: dict[str, Any], values: Sequence[Any], call: Callable) -> list[Any]:
    num_cond, num_body = params["cond_nconsts"], params["body_nconsts"]
    cond_consts, body_consts = values[:num_cond], values[num_cond : num_cond + num_body]

    def goes_on(carry: list[Any]) -> Any:
        return call(0, *cond_consts, *carry)[0][0]

    def step(carry: list[Any]) -> list[Any]:
        return call(1, *body_consts, *carry)[0]

    def step_of_each(carry: list[Any]) -> list[Any]:
        going = goes_on(carry)
        wide = [going.reshape(*going.shape, *[1] * (old.ndim - going.ndim)) for old in carry]
        return [jnp.where(each, new, old) for each, new, old in zip(wide, step(carry), carry, strict=True)]

    carry = list(values[num_cond + num_body :])
    if not params["cond_jaxpr"].out_avals[0].shape:
        return jax.lax.while_loop(goes_on, step, carry)
    # A loop that `vmap` has mapped: each of its entries stays as it is once it is done.
    return jax.lax.while_loop(lambda carry: goes_on(carry).any(), step_of_each, carry)


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
