"""What is said of a name that does not exist, and which class a number or a label stands for."""

import difflib
from collections.abc import Sequence

_FEW = 20


def unknown(argument: str, value: str, known: Sequence[str]) -> str:
    """What to say about a name that does not exist: all that do, or of many the close ones."""
    if len(known) > _FEW:
        names = {name.casefold(): name for name in known}
        close = [names[name] for name in difflib.get_close_matches(value.casefold(), names, n=3, cutoff=0.5)]
        hint = f"Close ones are: {', '.join(close)}." if close else "None is close to it."
    else:
        hint = f"They are: {', '.join(known)}." if known else "There are none."
    return f"`{argument}` must be one of {len(known)} names, got {value!r}. {hint}"


def class_index(target: str | int, labels: Sequence[str], argument: str = "target") -> int:
    """The class with that number or label, given by some argument.

    Raises:
        ValueError: there is none.
    """
    if isinstance(target, str) and not target.lstrip("-").isdigit():
        target = target.replace("_", " ")
        known = {label.casefold(): index for index, label in reversed(list(enumerate(labels)))}
        if target.casefold() not in known:
            raise ValueError(unknown(argument, target, labels))
        return known[target.casefold()]
    if 0 <= int(target) < len(labels):
        return int(target)
    raise ValueError(f"`{argument}` must be a class in 0..{len(labels) - 1} or a label, got {target}.")
