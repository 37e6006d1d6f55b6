"""A pickle read as data: its instructions are followed on plain values, and nothing is imported or called.

`pickle.load` is a machine that runs what the file says. This one knows the few instructions that weights are written
in. A global becomes a `Name`, if it is on the list of the caller, and a call of one becomes a `Call` that nobody makes.
"""

import pickletools
import warnings
from typing import Any, BinaryIO, NamedTuple


class Name(NamedTuple):
    """A global that the pickle names."""

    module: str
    name: str


class Call(NamedTuple):
    """What the pickle wants to be called, and with what."""

    function: Name
    arguments: tuple[Any, ...]


class Reference(NamedTuple):
    """What stands outside of the pickle."""

    key: Any


_ORDERED = Name("collections", "OrderedDict")
_VALUES = "BININT BININT1 BININT2 LONG1 BINFLOAT BINUNICODE SHORT_BINUNICODE BINSTRING SHORT_BINSTRING".split()
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}


def parse(stream: BinaryIO, names: frozenset[Name]) -> Any:
    """The value of the pickle that starts where the stream stands, which is left where the pickle ends.

    Args:
        stream: holds a pickle of protocol 2 to 5.
        names: the globals that it may name, beside `collections.OrderedDict`, which is read as a dict.

    Raises:
        ValueError: it is truncated or damaged, or asks for more than weights need.
    """
    position = 0
    try:
        machine = _Machine(names | {_ORDERED})
        with warnings.catch_warnings():
            warnings.simplefilter("error", DeprecationWarning)  # of names that are no names
            for instruction, argument, found in pickletools.genops(stream):
                position = found
                if instruction.name == "STOP":
                    (value,) = machine.stack
                    return value
                machine.step(instruction.name, argument)
    except (IndexError, KeyError, TypeError, DeprecationWarning) as error:
        raise ValueError(f"its pickle is damaged at byte {position}") from error
    raise ValueError("its pickle has no end")


class _Machine:
    def __init__(self, names: frozenset[Name]):
        self.names = names
        self.stack: list[Any] = []
        self.outer: list[list[Any]] = []  # stacks below each mark
        self.memo: dict[int, Any] = {}

    def step(self, name: str, argument: Any) -> None:
        stack = self.stack
        if name in _VALUES:
            stack.append(argument)
        elif name in _CONSTANTS:
            stack.append(_CONSTANTS[name])
        elif name in ("PROTO", "FRAME"):
            pass
        elif name == "MARK":
            self.outer.append(stack)
            self.stack = []
        elif name in ("BINPUT", "LONG_BINPUT"):
            self.memo[argument] = stack[-1]
        elif name == "MEMOIZE":
            self.memo[len(self.memo)] = stack[-1]
        elif name in ("BINGET", "LONG_BINGET"):
            stack.append(self.memo[argument])
        elif name == "EMPTY_DICT":
            stack.append({})
        elif name == "EMPTY_LIST":
            stack.append([])
        elif name == "EMPTY_TUPLE":
            stack.append(())
        elif name == "TUPLE":
            items = self.since_mark()
            self.stack.append(tuple(items))
        elif name in ("TUPLE1", "TUPLE2", "TUPLE3"):
            stack.append(tuple(self.last(int(name[-1]))))
        elif name == "APPEND":
            (item,) = self.last(1)
            _container(stack[-1], list).append(item)
        elif name == "APPENDS":
            items = self.since_mark()
            _container(self.stack[-1], list).extend(items)
        elif name == "SETITEM":
            items = self.last(2)
            _update(stack[-1], items)
        elif name == "SETITEMS":
            items = self.since_mark()
            _update(self.stack[-1], items)
        elif name == "GLOBAL":
            stack.append(self.named(*argument.split(" ", 1)))
        elif name == "STACK_GLOBAL":
            stack.append(self.named(*self.last(2)))
        elif name == "BINPERSID":
            stack.append(Reference(stack.pop()))
        elif name == "REDUCE":
            stack.append(_called(*self.last(2)))
        elif name == "BUILD":
            # Attributes of a dict, such as the versions of a state's modules: weights are complete without.
            self.last(1)
            _container(stack[-1], dict)
        else:
            raise ValueError(f"its pickle has the instruction {name}, which weights do not need: nothing was run")

    def last(self, count: int) -> list[Any]:
        """Takes the last so many values off the stack."""
        if len(self.stack) < count:
            raise IndexError
        taken = self.stack[-count:]
        del self.stack[-count:]
        return taken

    def since_mark(self) -> list[Any]:
        """Takes what was put on the stack since the last mark."""
        taken, self.stack = self.stack, self.outer.pop()
        return taken

    def named(self, module: Any, name: Any) -> Name:
        """The global, if it may be named."""
        found = Name(module, name)
        if found not in self.names:
            raise ValueError(f"its pickle names {module}.{name}, which weights do not need: nothing was run")
        return found


def _called(function: Any, arguments: Any) -> Any:
    if not isinstance(function, Name) or not isinstance(arguments, tuple):
        raise TypeError
    if function != _ORDERED:
        return Call(function, arguments)
    made: dict[Any, Any] = {}
    for pair in arguments[0] if arguments else ():  # Python 2 wrote the items here
        _update(made, pair)
    return made


def _container(value: Any, kind: type) -> Any:
    if type(value) is not kind:
        raise TypeError
    return value


def _update(value: Any, items: list[Any]) -> None:
    keys = items[0::2]
    # Only keys whose hash is quick: that of a nest of tuples can take forever.
    if len(items) % 2 or not all(isinstance(key, str | int) for key in keys):
        raise TypeError
    _container(value, dict).update(zip(keys, items[1::2], strict=True))
