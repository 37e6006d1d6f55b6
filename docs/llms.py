"""Writes llms.txt: the pages in a form that a language model reads, as https://llmstxt.org describes it."""

from pathlib import Path
from typing import Any


def write(app: Any, failure: Exception | None) -> None:
    """A title, a sentence, and a link to each page with what it is about."""
    if failure or app.builder.name != "html":
        return
    titles = app.env.titles
    lines = [
        "# jaxviz",
        "",
        "> See what a convolutional network has learned: transforms on any JAX function.",
        "",
    ]
    for heading, pages in _by_folder(sorted(titles)).items():
        lines += [f"## {heading}", ""]
        lines += [f"- [{titles[page].astext()}]({page}.html)" for page in pages]
        lines.append("")
    Path(app.outdir, "llms.txt").write_text("\n".join(lines), encoding="utf-8")


def _by_folder(pages: list[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for page in pages:
        folder = page.rpartition("/")[0] or "start"
        found.setdefault(folder.replace("_", " ").capitalize(), []).append(page)
    return found


def setup(app: Any) -> dict[str, bool]:
    """As Sphinx asks for."""
    app.connect("build-finished", write)
    return {"parallel_read_safe": True}
