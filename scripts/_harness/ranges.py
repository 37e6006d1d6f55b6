"""Which values an option takes, said beside the option, so that any other is refused before a study begins."""

import dataclasses
import math
import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

from scripts._harness.errors import UsageError


@dataclasses.dataclass(frozen=True)
class Range:
    """The numbers from `least` to `most`, with both ends unless they are `open`; never NaN or infinity."""

    least: float = -math.inf
    most: float = math.inf
    open: bool = False

    def __contains__(self, number: float) -> bool:
        if not math.isfinite(number):
            return False
        return self.least < number < self.most if self.open else self.least <= number <= self.most

    def __str__(self) -> str:
        if math.isinf(self.least) and math.isinf(self.most):
            return "a finite number"
        if math.isinf(self.most):
            return f"{'above' if self.open else 'at least'} {self.least:g}"
        return f"{'between' if self.open else 'from'} {self.least:g} {'and' if self.open else 'to'} {self.most:g}"


class FolderName:
    """The paths at which there is a folder, or can be one."""

    def __contains__(self, path: Path) -> bool:
        there = next((one for one in (path, *path.parents) if one.exists()), None)
        return there is None or there.is_dir()

    def __str__(self) -> str:
        return "a folder, new or of the same run"


Rule = Range | FolderName
Folder = Annotated[Path, FolderName()]
Count = Annotated[int, Range(1)]
Counts = Annotated[tuple[int, ...], Range(1)]
Natural = Annotated[int, Range(0)]
# What NumPy and JAX both take; studies add small numbers to it.
Seed = Annotated[int, Range(0, 2**31 - 1)]
Positive = Annotated[float, Range(0, open=True)]
Finite = Annotated[float, Range()]


class Option(typing.NamedTuple):
    """One option of a config: its name on the command line, its type, the rule for its values, and its value."""

    name: str
    kind: Any
    rule: Rule | None
    value: Any


def options(config: Any) -> Iterator[Option]:
    """All options of a config, an instance or a class, those of the configs inside it among them."""
    one = config if isinstance(config, type) else type(config)
    kinds = typing.get_type_hints(one, include_extras=True)
    for field in dataclasses.fields(one):
        kind, rule = _unwrapped(kinds[field.name])
        value = None if isinstance(config, type) else getattr(config, field.name)
        if dataclasses.is_dataclass(kind):
            yield from options(kind if value is None else value)
        else:
            yield Option(f"--{field.name.replace('_', '-')}", kind, rule, value)


def check(config: Any) -> None:
    """Look at every value for which there is a rule.

    Raises:
        UsageError: for the first one that breaks it.
    """
    for option in options(config):
        for value in option.value if isinstance(option.value, tuple) else (option.value,):
            if option.rule is not None and value is not None and value not in option.rule:
                raise UsageError(f"`{option.name}` must be {option.rule}, got {value}.")


def _unwrapped(kind: Any) -> tuple[Any, Rule | None]:
    """A type without its annotations and without None, and the rule that stood among the former."""
    if typing.get_origin(kind) is Annotated:
        inner, *notes = typing.get_args(kind)
        plain, found = _unwrapped(inner)
        return plain, next((note for note in notes if isinstance(note, Rule)), found)
    if typing.get_origin(kind) in (types.UnionType, typing.Union):
        parts = [part for part in typing.get_args(kind) if part is not types.NoneType]
        if len(parts) == 1:
            return _unwrapped(parts[0])
    return kind, None
