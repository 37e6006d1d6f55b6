"""Docstrings are Markdown, which autodoc reads as reStructuredText: links and code are put into its form."""

import re
from typing import Any

_LINK = re.compile(r"\[([^\]]+)\]\((https?://(?:[^()\s]|\([^()\s]*\))+)\)", re.DOTALL)
_ARRAY = re.compile(r"(?:jax\.)?jaxlib\._jax\.Array")
_CODE = re.compile(r"(?<![`\w])`([^`]+)`(?![`_])")


def convert(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """In place, as Sphinx asks for."""
    del app, what, name, obj, options
    text = "\n".join(lines)
    text = _CODE.sub(lambda match: f"``{match[1]}``", text)
    # Links last: their own form has backticks.
    text = _LINK.sub(lambda match: f"`{' '.join(match[1].split())} <{match[2]}>`__", text)
    lines[:] = text.split("\n")


def skip(app: Any, what: str, name: str, obj: Any, skipped: bool, options: Any) -> bool | None:
    """What a module has from elsewhere is no part of it."""
    del app, name, options
    module = getattr(obj, "__module__", None)
    foreign = what == "module" and isinstance(module, str) and not module.startswith("jaxviz")
    return True if foreign else skipped


def shorten(
    app: Any, what: str, name: str, obj: Any, options: Any, signature: str | None, returned: str | None
) -> tuple[str | None, str | None]:
    """Arrays by the names that a reader knows."""
    del app, what, name, obj, options
    found = [text and _ARRAY.sub("Array", text).replace("ndarray", "np.ndarray") for text in (signature, returned)]
    return found[0], found[1]


def setup(app: Any) -> dict[str, bool]:
    """As Sphinx asks for; before napoleon, which splits the sections."""
    app.connect("autodoc-skip-member", skip)
    app.connect("autodoc-process-signature", shorten)
    app.connect("autodoc-process-docstring", convert, priority=400)
    return {"parallel_read_safe": True}
