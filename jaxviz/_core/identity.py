"""What tells one result from another: digests of values, arrays and traced programs, the same in every process.

A result that is kept may be used again where all that it depends on is the same. What a function computes is told by
its traced program, with the constants in it, and not by its name or its source: so the same function built again, in
another process and for another number of devices, is the same, and one that closes over other weights is not.
"""

import dataclasses
import enum
import functools
import hashlib
import re
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend import core

from jaxviz._core.jaxpr.interpret import trace
from jaxviz._core.jaxpr.primitives import bodies, consts_of, jaxpr_of, kind, opaque_bodies, parameters

_ADDRESS = re.compile(r" at 0x[0-9a-f]+")
_HOST = frozenset({"pure_callback", "io_callback"})
_CONTEXT = ("compute_type", "threefry_partitionable", "xla_metadata")


class Traced(NamedTuple):
    """A function on inputs of some shapes: its program with the constants in it, and the arrays that enter it."""

    function: str
    weights: str


def digest(*values: Any) -> str:
    """Of plain values, arrays, containers and dataclasses of them; functions count by their qualified names alone."""
    content = hashlib.sha256()
    for value in values:
        _add(content, value)
    return content.hexdigest()


def traced(f: Callable, *inputs: Any) -> Traced:
    """What `f` computes of abstract inputs.

    Two callable pytrees of the same program differ in `weights`, two closures in `function`, whose constants theirs
    are. Arrays that the program does not read do not count, such as the random keys of a model that is evaluated.
    Neither do derivative rules: a program that needs one holds what the rule has computed.

    Args:
        f: a function or a callable pytree.
        inputs: trees of `jax.ShapeDtypeStruct`.

    Raises:
        NotImplementedError: `f` calls back to Python, where nothing tells what is computed.
    """
    program = trace(f, *inputs)
    content = hashlib.sha256()
    read = _add_program(content, program.body)
    weights = [
        leaf
        for leaf, is_read in zip(program.leaves, read, strict=True)
        if is_read and not isinstance(leaf, jax.ShapeDtypeStruct)
    ]
    return Traced(content.hexdigest(), digest(*weights))


def _add_program(content: Any, body: Any) -> list[bool]:
    """Adds a jaxpr, its variables named in the order of their use. Returns which of its inputs it uses."""
    jaxpr = jaxpr_of(body)
    numbers: dict[Any, int] = {}

    def atom(atom: Any) -> None:
        if isinstance(atom, core.Literal):
            _word(content, "literal", str(atom.aval))
            _add(content, atom.val)
        else:
            _word(content, "variable", str(numbers.setdefault(atom, len(numbers))))

    for eqn in jaxpr.eqns:
        if eqn.primitive.name in _HOST:
            raise NotImplementedError(
                f"`f` must be computed by JAX alone to be told from others, got `{eqn.primitive.name}`, which calls "
                "Python. Keep no result of it: leave the folder out."
            )
        # A layer may be known by its scope alone.
        _word(content, "equation", kind(eqn), str(eqn.source_info.name_stack))
        for name, value in sorted(parameters(eqn).items()):
            _word(content, "parameter", name)
            _add(content, value)
        for inner in (*(inner.body for inner in bodies(eqn)), *opaque_bodies(eqn)):
            _word(content, "program")
            _add_program(content, inner)
        for name in _CONTEXT:
            _add(content, getattr(eqn.ctx, name, None))
        for operand in eqn.invars:
            atom(operand)
        for out in eqn.outvars:
            atom(out)
            _word(content, "type", _type(out.aval))
    for out in jaxpr.outvars:
        atom(out)
    for var, const in zip(jaxpr.constvars, consts_of(body), strict=True):
        if var in numbers:
            _word(content, "constant", str(numbers[var]))
            _add(content, const)
    for var in jaxpr.invars:
        _word(content, "input", str(numbers.get(var)), _type(var.aval) if var in numbers else "")
    return [var in numbers for var in jaxpr.invars]


def _type(aval: Any) -> str:
    return f"{aval} {getattr(aval, 'weak_type', False)}"


def _add(content: Any, value: Any) -> None:
    if isinstance(value, enum.Enum):
        _word(content, "enum", _name(type(value)), value.name)
    elif value is None or isinstance(value, bool | int | float | complex | str | bytes):
        _word(content, type(value).__name__, repr(value))
    elif any(isinstance(part, core.Jaxpr | core.ClosedJaxpr) for part in (value, getattr(value, "jaxpr", None))):
        _word(content, "program")  # told by its equation
    elif isinstance(value, np.dtype | jax.ShapeDtypeStruct):
        _word(content, "type", str(value))
    elif hasattr(value, "__array__") or isinstance(value, jax.Array):
        _add_array(content, value)
    elif isinstance(value, tuple | list):
        _word(content, "sequence", str(len(value)), _name(type(value)) if hasattr(value, "_fields") else "")
        for entry in value:
            _add(content, entry)
    elif isinstance(value, dict | set | frozenset):
        entries = value.items() if isinstance(value, dict) else value
        _word(content, type(value).__name__, *sorted(digest(entry) for entry in entries))
    elif isinstance(value, jax.sharding.Mesh | jax.sharding.AbstractMesh):
        # What is computed shows in the shapes; the number of devices may be another one.
        _word(content, "mesh", *map(str, value.axis_names))
    elif isinstance(value, jax.sharding.Sharding):
        _word(content, "sharding", _name(type(value)), str(getattr(value, "spec", "")))
    elif isinstance(value, functools.partial):
        _word(content, "partial")
        _add(content, (value.func, value.args, value.keywords))
    elif hasattr(value, "__qualname__"):
        _word(content, "function", _name(value))
    elif dataclasses.is_dataclass(value):
        _word(content, "dataclass", _name(type(value)))
        _add(content, {field.name: getattr(value, field.name) for field in dataclasses.fields(value)})
    else:
        _word(content, "object", _name(type(value)), _ADDRESS.sub("", repr(value)))


def _add_array(content: Any, value: Any) -> None:
    if isinstance(value, jax.Array) and jnp.issubdtype(value.dtype, jax.dtypes.prng_key):
        _word(content, "key", str(jax.random.key_impl(value)))
        value = jax.random.key_data(value)
    array = np.asarray(value)
    if array.dtype.hasobject:
        _word(content, "objects", str(array.shape))
        _add(content, array.ravel().tolist())
        return
    _word(content, "array", str(array.dtype), str(array.shape))
    # Rows of an array that is not in one piece are copied one by one, not all at once.
    for part in [array] if array.flags.c_contiguous else array:
        content.update(np.ascontiguousarray(part).reshape(-1).view(np.uint8))


def _name(value: Any) -> str:
    return f"{value.__module__}.{value.__qualname__}"


def _word(content: Any, *words: str) -> None:
    """Adds words so that no other words come to the same bytes."""
    for word in words:
        encoded = word.encode()
        content.update(f"{len(encoded)}:".encode())
        content.update(encoded)
