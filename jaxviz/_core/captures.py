"""What a call depends on beside its arrays: the values that functions hold.

A compiled program must not be used once they have changed. `jax.jit` takes what a function closes over for constant; a
call that computes at once must not, as a model that is trained between two calls is another network under the same
name. So the state of every function among the arguments is read on each call: its cells, its defaults, the globals that
its code names, and what those hold in turn. Arrays and objects without a value of their own count by identity, all else
by value. What cannot be read makes the whole unknown. Attributes of classes and modules, and what is installed, are
taken for constant, as under `jax.jit`.
"""

import collections
import dataclasses
import enum
import functools
import hashlib
import inspect
import pathlib
import sys
import sysconfig
import types
from collections.abc import Hashable, Iterator
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.core import Tracer

_MOST = 20_000  # values that are looked at, before a function counts as unknown
_PLAIN = (type(None), bool, int, complex, str, bytes, type(Ellipsis), range)
_CONSTANT = (type, types.ModuleType, types.BuiltinFunctionType, types.MethodDescriptorType, enum.Enum, jax.numpy.ufunc)
_CONSTANT += (jax.sharding.Mesh, jax.sharding.AbstractMesh, jax.sharding.Sharding)
_PICKLED = ("__reduce__", "__reduce_ex__", "__getstate__", "__getnewargs__", "__getnewargs_ex__")
_HERE, _STANDARD = str(pathlib.Path(__file__).parents[1]), sysconfig.get_path("stdlib")
_PACKAGES = {"site-packages", "dist-packages"}  # wherever they lie: of a user, of the system, of an environment
_JITTED: Any = type(jax.jit(lambda: None))
_RULED = (jax.custom_jvp, jax.custom_vjp)


# The structure of a network has thousands of entries, and is nearly always the same as at the call before.
_constant_trees: collections.OrderedDict[Any, Hashable] = collections.OrderedDict()
_MOST_TREES = 256


class Captures(NamedTuple):
    """What a call depends on beside its arrays.

    Attributes:
        key: equal for calls that depend on the same.
        held: what stands in the key by its identity; the key means nothing once one of them is gone.
        constant: whether nothing of it can change, so that equal arguments have equal keys.
    """

    key: Hashable
    held: tuple[Any, ...]
    constant: bool


def put(cache: collections.OrderedDict, key: Hashable, value: Any, most: int) -> None:
    """Keeps a value, and no more than so many."""
    cache[key] = value
    while len(cache) > most:
        cache.popitem(last=False)


class _Unknown(Exception):
    """A value that cannot be read, or that is traced."""


def captures(*values: Any) -> Captures | None:
    """What `values` (arguments without their arrays, or a tree of such) depend on; None where that cannot be known."""
    walk = _Walk()
    try:
        key = tuple(walk.freeze(value) for value in values)
        hash(key)
    except (_Unknown, TypeError, RecursionError):
        return None
    return Captures(key, tuple(walk.held), walk.constant)


class _Walk:
    def __init__(self):
        self.held: list[Any] = []
        self.seen: dict[int, int] = {}
        self.alive: list[Any] = []  # what is numbered in `seen` must not go while the walk lasts
        self.constant = True
        self.in_library = False  # whether what is walked is part of a library's record, which it does not change

    def freeze(self, value: Any) -> Hashable:
        """`value` as something that can be hashed and compared."""
        if type(value) in _PLAIN or isinstance(value, np.dtype):
            return type(value), value
        if isinstance(value, np.generic):
            return type(value), repr(value)
        if isinstance(value, _PLAIN) and not isinstance(value, enum.Enum):
            raise _Unknown  # a subclass may hold more
        if isinstance(value, float):
            return float, repr(value)  # 0.0 and -0.0 are equal and are not the same
        if isinstance(value, Tracer):
            raise _Unknown
        if isinstance(value, types.BuiltinFunctionType) and not isinstance(value.__self__, types.ModuleType | None):
            return types.BuiltinFunctionType, value.__name__, self.freeze(value.__self__)
        if isinstance(value, _CONSTANT):
            return value
        if id(value) in self.seen:
            return "again", self.seen[id(value)]
        self.seen[id(value)] = len(self.seen)
        self.alive.append(value)
        if len(self.seen) > _MOST:
            raise _Unknown
        return self._new(value)

    def _new(self, value: Any) -> Hashable:
        if isinstance(value, jax.Array):
            return self._by_identity(value)
        if isinstance(value, np.ndarray):
            return self._numpy(value)
        if isinstance(value, types.FunctionType):
            return self._function(value)
        if isinstance(value, types.MethodType):
            self.constant = False  # methods are equal where their objects are the same, whatever those hold
            return types.MethodType, self.freeze(value.__func__), self.freeze(value.__self__)
        if isinstance(value, functools.partial):
            return functools.partial, *map(self.freeze, (value.func, value.args, value.keywords))
        if isinstance(value, jax.tree_util.PyTreeDef):
            return self._structure(value)
        if isinstance(value, (_JITTED, *_RULED)) and _is_installed(value):
            return value
        if isinstance(value, _JITTED):
            return self._by_identity(value)  # it keeps what it saw when it was traced
        if isinstance(value, _RULED):
            return type(value), self.freeze([held for held in vars(value).values() if callable(held)])
        if type(value) in (set, dict, list) and not self.in_library:
            self.constant = False
        if type(value) in (set, frozenset):
            return type(value), frozenset(map(self.freeze, value))
        if type(value) is dict:
            return dict, self._entries(value)
        if type(value) in (list, tuple):
            return type(value), tuple(map(self.freeze, value))
        if isinstance(value, Iterator):
            raise _Unknown
        leaves, tree = jax.tree.flatten(value)
        node = tree.node_data()
        if node is None or node[1] is value:  # a leaf, or a type that is registered as static
            return self._object(value)
        return self._structure(tree), tuple(map(self.freeze, leaves))

    def _entries(self, value: dict) -> Hashable:
        return tuple((self.freeze(key), self.freeze(entry)) for key, entry in value.items())

    def _by_identity(self, value: Any) -> Hashable:
        self.held.append(value)
        self.constant = False
        return type(value), id(value)

    def _numpy(self, array: np.ndarray) -> Hashable:
        if array.dtype.hasobject or type(array) is not np.ndarray:
            raise _Unknown
        self.held.append(array)  # so that nothing is kept for an array that is gone
        self.constant = False
        digest = hashlib.blake2b(np.ascontiguousarray(array).view(np.uint8).data).digest() if array.size else b""
        return np.ndarray, array.shape, array.dtype, digest

    def _function(self, function: types.FunctionType) -> Hashable:
        code = function.__code__
        cells = tuple(cell.cell_contents for cell in function.__closure__ or () if _filled(cell))
        held = (function.__defaults__, function.__kwdefaults__, cells, vars(function))
        if _from_library(function):
            return function if function.__closure__ is None else (code, *map(self.freeze, held))
        self.constant = False
        named = {name: function.__globals__[name] for name in _names(code) if name in function.__globals__}
        return code, *map(self.freeze, held), self._entries(named)

    def _structure(self, tree: Any) -> Hashable:
        try:
            known = tree in _constant_trees
        except TypeError:  # something in it has no hash
            return self._tree(tree)
        if known:
            return _constant_trees[tree]
        walk = _Walk()
        key = walk._tree(tree)
        self.held += walk.held
        self.constant &= walk.constant
        if walk.constant:
            key = object()  # stands for the whole from now on
            put(_constant_trees, tree, key, _MOST_TREES)
        return key

    def _tree(self, tree: Any) -> Hashable:
        node = tree.node_data()
        if node is None:
            return "leaf" if tree.num_leaves else "none"
        kind, data = node
        # Of a dictionary the sorted keys, in a list of the structure's own.
        data = tuple(data) if type(data) is list else data
        return kind, self.freeze(data), tuple(map(self._tree, tree.children()))

    def _object(self, value: Any) -> Hashable:
        kind = type(value)
        if not _equal_means_same(kind):
            self.constant = False
        methods = None if _is_trusted(kind) else tuple(map(self.freeze, _methods(kind)))
        around, self.in_library = self.in_library, _is_installed_class(kind) and _equal_means_same(kind)
        found = kind, methods, self.freeze(_state(value))
        self.in_library = around
        return found


def _state(value: Any) -> Any:
    """What an object holds, as tuples."""
    kind = type(value)
    if dataclasses.is_dataclass(kind):
        slots = [name for base in kind.__mro__ for name in _slots(base)]
        names = (*(field.name for field in dataclasses.fields(value)), *slots)
        state = {name: getattr(value, name) for name in names if hasattr(value, name)}
        return tuple((state | getattr(value, "__dict__", {})).items())
    if any(getattr(kind, name, None) is not getattr(object, name, None) for name in _PICKLED):
        raise _Unknown
    # Python's own copy of an object's state is an error where a type written in C keeps what cannot be seen.
    _, _, state, items, entries = object.__reduce_ex__(value, 2)
    if items is not None or entries is not None:
        raise _Unknown
    parts = state if isinstance(state, tuple) else (state,)
    return tuple(tuple(part.items()) if type(part) is dict else part for part in parts)


def _is_trusted(kind: type) -> bool:
    """Whether a class is a library's, or a plain record whose equality says all."""
    return _is_installed_class(kind) or _is_record(kind)


def _is_installed_class(kind: type) -> bool:
    module = sys.modules.get(kind.__module__)
    return kind.__module__ == "builtins" or _is_library(getattr(module, "__file__", None) or "")


def _is_record(kind: type) -> bool:
    params = getattr(kind, "__dataclass_params__", None)
    if params is None or not (params.frozen and params.eq) or kind.__eq__.__code__.co_filename != "<string>":
        return False
    return all(field.compare and field.hash is not False for field in dataclasses.fields(kind))


def _equal_means_same(kind: type) -> bool:
    """Whether two equal objects of a class, or one at two times, hold the same."""
    return kind.__eq__ is not object.__eq__ and _is_trusted(kind)


def _methods(kind: type) -> list[Any]:
    """The functions of a class, those of libraries left out: they may read globals."""
    functions = []
    for base in kind.__mro__:
        for name, value in vars(base).items() if not _is_installed_class(base) else ():
            if name == "__init__":  # what it made is looked at itself
                continue
            parts = (value.fget, value.fset) if isinstance(value, property) else (getattr(value, "__func__", value),)
            functions += [part for part in parts if isinstance(part, types.FunctionType)]
    return functions


def _slots(kind: type) -> tuple[str, ...]:
    slots = vars(kind).get("__slots__", ())
    return tuple(name for name in ((slots,) if isinstance(slots, str) else slots) if not name.startswith("__"))


def _is_installed(value: Any) -> bool:
    wrapped = inspect.unwrap(value)
    return isinstance(wrapped, types.FunctionType) and _from_library(wrapped) and wrapped.__closure__ is None


def _from_library(function: types.FunctionType) -> bool:
    return _is_library(function.__code__.co_filename)


@functools.lru_cache(4096)
def _is_library(filename: str) -> bool:
    path = pathlib.Path(filename)
    return path.is_relative_to(_HERE) or path.is_relative_to(_STANDARD) or not _PACKAGES.isdisjoint(path.parts)


def _filled(cell: types.CellType) -> bool:
    try:
        cell.cell_contents  # noqa: B018
    except ValueError:
        return False
    return True


@functools.lru_cache(4096)
def _names(code: types.CodeType) -> tuple[str, ...]:
    """The globals that a function's code may read, those of the functions inside it included."""
    names = dict.fromkeys(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            names.update(dict.fromkeys(_names(constant)))
    return tuple(names)
