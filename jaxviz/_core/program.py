"""Calls that run as one compiled program, kept for the structure of a network, the shapes and the options.

A program is a function of arrays: the parameters of a callable pytree cross it as arguments, and so do the arrays that
a closure holds. Nothing that is kept here keeps a network alive, and nothing is used once what it depends on has
changed (see `_captures`). There are three ways to a program, from the fastest:

1. Networks that are pytrees: `jax.jit`, what is no array static.
2. Closures whose state can be read: the traced program, kept under that state.
3. All else is traced on each call, and looked up among what was compiled by its text.
"""

import collections
import functools
import weakref
from collections.abc import Callable, Hashable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.core import Tracer
from jax.extend.core import get_opaque_trace_state

from jaxviz._core.captures import Captures, captures, put
from jaxviz._core.cpu_kernels import fast_on_cpu, has_groups
from jaxviz._core.jaxpr.interpret import Site, evaluate, is_array, trace
from jaxviz._core.jaxpr.primitives import CUSTOM_JVP, CUSTOM_VJP, bodies, consts_of, jaxpr_of, rebuild

_MOST_KEPT = 256
_MOST_COMPILED = 64

# XLA's newest matrix library is slower than the one before it on the convolutions of these networks (SqueezeNet: 1.2
# to 2 times, jaxlib 0.10.2), and in a loop packs the weights again in every iteration. Inside another `jit`, which
# takes no options, `fast_on_cpu` asks for the older one by the form of the program.
_CPU_OPTIONS = {"xla_cpu_experimental_ynn_fusion_type": ""}

with jax.ensure_compile_time_eval():
    _OUTSIDE = get_opaque_trace_state(convention="flax")

_kept: collections.OrderedDict[Hashable, Any] = collections.OrderedDict()
_constant: collections.OrderedDict[Hashable, Captures] = collections.OrderedDict()
_compiled: collections.OrderedDict[Hashable, Any] = collections.OrderedDict()
_grouped: collections.OrderedDict[Hashable, bool] = collections.OrderedDict()


class Call(NamedTuple):
    """The arguments of a call: its arrays, the leaves that are none (None where an array is), and their structure."""

    arrays: list[Any]
    leaves: tuple[Any, ...]
    tree: Any
    options: tuple[tuple[str, Any], ...]

    @classmethod
    def of(cls, args: Sequence[Any], options: dict[str, Any]) -> "Call":
        """The call `(*args, **options)`."""
        leaves, tree = jax.tree.flatten(tuple(args))
        arrays = [leaf for leaf in leaves if is_array(leaf)]
        return cls(arrays, tuple(None if is_array(leaf) else leaf for leaf in leaves), tree, tuple(options.items()))

    def of_arrays(self, function: Callable) -> Callable[..., Any]:
        """The call as a function of the arrays alone."""

        def call(*arrays: Any) -> Any:
            remaining = iter(arrays)
            # A leaf is never None: that is a structure without leaves.
            args = self.tree.unflatten([next(remaining) if leaf is None else leaf for leaf in self.leaves])
            return function(*args, **dict(self.options))

        return call

    def captures(self) -> Captures | None:
        """What the call depends on beside its arrays; None where that is not known."""
        beside = self[1:]
        try:
            if beside in _constant:
                return _constant[beside]
        except TypeError:  # cannot be hashed
            found = captures(*beside)
            return found and found._replace(constant=False)
        found = captures(*beside)
        if found is not None and found.constant:
            # What stands for the whole from now on: thousands of entries need not be hashed on each call.
            found = found._replace(key=object())
            put(_constant, beside, found, _MOST_KEPT)
        return found


def one_program(function: Callable) -> Callable:
    """`function(*args, **options)` as one compiled program, also where nobody calls `jit`.

    Under an outer `jit` it becomes a part of that. Options, and leaves of `args` that are no arrays (such as the
    activation function of an Equinox module), are static.
    """

    def run(arrays: list[Any], *beside: Any) -> Any:
        return Call(arrays, *beside).of_arrays(function)(*arrays)

    def run_by_forms(arrays: list[Any], *beside: Any) -> Any:
        return fast_on_cpu(Call(arrays, *beside).of_arrays(function))(*arrays)

    inner = jax.jit(run_by_forms, static_argnums=(1, 2, 3))
    outer = jax.jit(run, static_argnums=(1, 2, 3), compiler_options=_CPU_OPTIONS)
    by_forms = jax.jit(run_by_forms, static_argnums=(1, 2, 3), compiler_options=_CPU_OPTIONS)

    def chosen(call: Call) -> Callable:
        if not _on_cpu_alone():
            return inner
        key = (function, *call[1:])
        if key not in _grouped:
            put(_grouped, key, has_groups(outer.trace(*call).jaxpr), _MOST_KEPT)
        return by_forms if _grouped[key] else outer

    @functools.wraps(function)
    def wrapper(*args: Any, **options: Any) -> Any:
        if getattr(jax.config, "jax_disable_jit"):  # noqa: B009
            return function(*args, **options)
        call = Call.of(args, options)
        held = call.captures()
        if held is not None and held.constant:
            return chosen(call)(*call)
        if not _alone() and (held is None or isinstance(jnp.zeros(()), Tracer)):
            # What it holds may be traced, or a `jit` is around, inside of which even constants are.
            arrays = [array if isinstance(array, jax.Array) else jnp.asarray(array) for array in call.arrays]
            return fast_on_cpu(call.of_arrays(function))(*arrays)
        return _keep("program", function, call, held, lambda: _Traced(function, call, held))(call.arrays)

    return wrapper


def shape_of(function: Callable, *args: Any, **options: Any) -> Any:
    """`jax.eval_shape` of `function(*args, **options)`, traced once for a structure, shapes and options."""
    call = Call.of(args, options)
    return _keep(
        "shape", function, call, call.captures(), lambda: jax.eval_shape(call.of_arrays(function), *call.arrays)
    )


def once(function: Callable, *args: Any) -> Any:
    """`function(*args)`, which reads shapes alone and returns no array, computed once for a structure and shapes."""
    call = Call.of(args, {})
    return _keep("once", function, call, call.captures(), lambda: function(*args))


def _keep(kind: str, function: Callable, call: Call, held: Captures | None, make: Callable[[], Any]) -> Any:
    """`make()`, or what it gave for an equal call; nothing is kept of a call of which it is not known what it holds."""
    if held is None:
        return make()
    key = (kind, function, held.key, tuple(jax.typeof(array) for array in call.arrays), _context())
    if key in _kept:
        _kept.move_to_end(key)
        return _kept[key][0]
    made = make()
    # What stands in the key by its identity takes the entry with it.
    drop = _kept.pop  # at the end of the process the name may be gone before the values
    guards = [weakref.ref(value, lambda _: drop(key, None)) for value in held.held]
    put(_kept, key, (made, guards), _MOST_KEPT)
    return made


class _Traced:
    """A traced call as a program of its arrays and of those that it holds, which it does not keep alive."""

    def __init__(self, function: Callable, call: Call, held: Captures | None):
        program = trace(call.of_arrays(function), *call.arrays)
        consts = _consts(program.body)
        guarded = {id(value) for value in held.held} if held else set()
        self.consts = [weakref.ref(value) if id(value) in guarded else _strong(value) for value in consts]
        self.out_tree = program.out_tree
        body = _without_consts(program.body, consts, call.arrays)

        def run(values: list[Any]) -> list[Any]:
            return evaluate(body, values, _as_it_is)

        by_forms = fast_on_cpu(run)

        # All arguments are kept, so that programs of equal text have equal ones.
        options = _CPU_OPTIONS if jax.default_backend() == "cpu" else None
        self.inner = jax.jit(by_forms)
        self.outer = jax.jit(by_forms if has_groups(body) else run, keep_unused=True, compiler_options=options)
        self.devices = _devices([*consts, *call.arrays])
        self.compiled = self._compile([*consts, *call.arrays]) if _alone() else None

    def _compile(self, values: list[Any]) -> Any:
        if len(devices := _devices(values)) > 1:
            return None
        lowered = self.outer.lower(values)
        key = (lowered.as_text(), *devices)
        if key not in _compiled:
            put(_compiled, key, lowered.compile(), _MOST_COMPILED)
        return _compiled[key]

    def __call__(self, arrays: list[Any]) -> Any:
        if not _alone():
            run = self.inner
        elif self.compiled is not None and _devices(arrays) <= self.devices:
            run = self.compiled
        else:
            run = self.outer
        return self.out_tree.unflatten(run([*(const() for const in self.consts), *arrays]))


def _consts(body: Any) -> list[Any]:
    """The constants of a traced program, those of the functions that it calls included."""
    found = {id(value): value for value in consts_of(body)}
    for eqn in jaxpr_of(body).eqns:
        found.update((id(value), value) for inner in _entered(eqn) for value in _consts(inner))
    return list(found.values())


def _entered(eqn: Any) -> list[Any]:
    # What has a derivative rule of its own would lose it.
    return [] if eqn.primitive.name in (CUSTOM_JVP, CUSTOM_VJP) else [inner.body for inner in bodies(eqn)]


def _without_consts(body: Any, consts: list[Any], arrays: list[Any]) -> Any:
    """The program as one of its constants and its arguments; nothing in it holds an array of before."""
    numbers = {id(value): number for number, value in enumerate(consts)}

    def call(*values: Any) -> list[Any]:
        def handle(eqn: Any, operands: list[Any], site: Site) -> list[Any] | None:
            del site
            inside = _entered(eqn)
            if not any(_consts(body) for body in inside):
                return None
            return rebuild(eqn, operands, lambda index, *inputs: (run(inside[index], inputs), {}))[0]

        def run(body: Any, operands: Sequence[Any]) -> list[Any]:
            mine = [values[numbers[id(value)]] for value in consts_of(body)]
            return evaluate(_Body(jaxpr_of(body), mine), operands, handle)

        return run(body, values[len(consts) :])

    return jax.make_jaxpr(call)(*consts, *arrays)


class _Body(NamedTuple):
    jaxpr: Any
    consts: list[Any]


def _as_it_is(*_: Any) -> None:
    return None


def _devices(values: Sequence[Any]) -> set[Any]:
    return {device for value in values if not isinstance(value, Tracer) for device in getattr(value, "devices", set)()}


def _strong(value: Any) -> Callable[[], Any]:
    return lambda: value


def _alone() -> bool:
    """Whether no transform is around."""
    return get_opaque_trace_state(convention="flax") == _OUTSIDE


def _on_cpu_alone() -> bool:
    return jax.default_backend() == "cpu" and _alone()


def _context() -> Hashable:
    """Settings that change what a trace gives."""
    names = ("jax_enable_x64", "jax_default_matmul_precision", "jax_numpy_dtype_promotion", "jax_default_device")
    names += ("jax_default_prng_impl", "jax_threefry_partitionable")
    return (*(getattr(jax.config, name) for name in names), jax.sharding.get_abstract_mesh())
