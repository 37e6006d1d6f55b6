"""The command line read by tyro, what it refuses said in one line and in our words."""

import contextlib
import io
import re
import sys
import typing
from typing import Any

import tyro

from scripts._harness.errors import UsageError
from scripts._harness.ranges import options

_WORDS = (
    (r"Error parsing (--\S+): invalid literal for int\(\) with base 10: (.*)", r"`\1` must be a whole number, got \2."),
    (r"Error parsing (--\S+): could not convert string to float: (.*)", r"`\1` must be a number, got \2."),
    (r"Error parsing (--\S+): no type matching \S*INT\S* .* from \[(.*)\]\.", r"`\1` must be a whole number, got \2."),
    (r"Error parsing (--\S+): no type matching \S*FLOAT\S* .* from \[(.*)\]\.", r"`\1` must be a number, got \2."),
    (r"invalid choice (.*) for argument '(--\S+)'\. Expected one of \((.*)\)\.", r"`\2` must be one of \3, got \1."),
    (
        r"Missing value for argument '(--\S+)'\. Expected (\d+) values?\.",
        r"`\1` must be followed by \2 of them.",
    ),
    (r"Missing from .*?: ([A-Z]+) .*", r"`\1` must be given. See --help."),
)
_FRAME, _RULE = "│╭╰╮╯| ", set("─-")


def parse(config: Any, doc: str | None) -> Any:
    """The config, a dataclass or a union of some, with the arguments of this process.

    Raises:
        UsageError: an argument that is not understood.
    """
    _no_empty_lists(config, sys.argv[1:])
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    program = f"python -m {spec.name.removesuffix('.__main__')}" if spec and spec.name.startswith("scripts.") else None
    refusal = io.StringIO()
    try:
        with contextlib.redirect_stderr(refusal):
            return tyro.cli(config, description=doc, prog=program)
    except SystemExit as stop:
        if not stop.code:
            sys.stdout.flush()
            raise
        raise UsageError(_one_line(refusal.getvalue())) from None


def _no_empty_lists(config: Any, arguments: list[str]) -> None:
    """Refuse `--only` with nothing behind it: it would count as left out, and all studies would run."""
    every = [option for one in typing.get_args(config) or (config,) for option in options(one)]
    lists = {option.name for option in every if typing.get_origin(option.kind) is tuple}
    for place, argument in enumerate(arguments):
        alone = arguments[place + 1 : place + 2] in ([], ["--"]) or arguments[place + 1].startswith("--")
        if argument.replace("_", "-") in lists and alone:
            raise UsageError(f"`{argument}` must be followed by one value or more, got none. Leave it out otherwise.")


def _one_line(refusal: str) -> str:
    """What tyro says in a frame, without the help that follows."""
    parts: list[list[str]] = []
    for line in refusal.strip().splitlines()[1:]:
        text = line.strip(_FRAME)
        if set(text) <= _RULE:
            parts.append([])
        else:
            parts = parts or [[]]
            parts[-1].append(text)
    parts = [part for part in parts if part]
    text = " ".join(parts[0])
    for pattern, words in _WORDS:
        if found := re.fullmatch(pattern, text):
            return found.expand(words)
    # The options that are like it, without what each of them means.
    close = parts[1][:2] if len(parts) > 1 and parts[1][:1] == ["Perhaps you meant:"] else []
    return ". ".join([text.rstrip("."), *([" ".join(close)] if close else []), "See --help."])
