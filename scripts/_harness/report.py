"""The page of a finished study: what it printed, its pictures, its files, and the command."""

import ast
import functools
import json
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from jaxviz import render

NAME = "index.html"
_WIDEST = 1000
# What stands on the page itself; all others are links.
_MOST = 24
# The first of these that a picture was written in; the others are the same in another format.
_ENDINGS = (".png", ".webp", ".gif")


def html(
    folder: Path, run: Mapping[str, Any], versions: Mapping[str, str], headline: str, text: str, written: Sequence[str]
) -> str:
    """The page as text.

    Args:
        folder: of the study, with its files.
        run: all that the results depend on; its `script` says what ran.
        versions: of the software.
        headline: what the study found, in a sentence or two.
        text: all that it found, as it is printed.
        written: the pictures among the files, by name, in the order to show.
    """
    words = run["script"].split()
    reading = f"{headline} The command says with --help how to read what it printed:"
    settings = json.dumps(run, indent=1, ensure_ascii=False)
    found = render.Section(
        "Results",
        reading,
        [render.Lines(text)],
        command=_command(words),
        name="run.json: all that the results depend on",
        data=settings,
    )
    sections = [found]
    if shown := _pictures(written):
        plates = [_plate(folder / name) for name in shown[:_MOST]]
        beyond = f" Of {len(shown)} the first {_MOST}; the others are among the files." if len(shown) > _MOST else ""
        reading = f"A name leads to the whole picture, a click on the picture enlarges it.{beyond}"
        sections.append(render.Section("Pictures", reading, plates))
    files = sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    listed = [(path.name, _size(path)) for path in files if path.name != NAME]
    sections.append(render.Section("Files", "Numbers and pictures of this run.", [render.Files(listed)]))
    title = run["script"].replace("_", " ").capitalize()
    return render.html(render.Page(title, _summary(words[0]), sections, dict(versions)))


def _summary(script: str) -> str:
    """The first sentence of the script's header."""
    doc = ast.get_docstring(ast.parse((Path(__file__).parents[1] / script / "__main__.py").read_text("utf-8"))) or ""
    return " ".join(doc.split("\n\n")[0].split())


def _command(words: Sequence[str]) -> str:
    # Called by a program, such as a test, the script has no command line of its own.
    own = Path(sys.argv[0]).parent.name == words[0]
    return shlex.join(["python", "-m", f"scripts.{words[0]}", *(sys.argv[1:] if own else words[1:])])


def _pictures(written: Sequence[str]) -> list[str]:
    known = [name for name in dict.fromkeys(written) if Path(name).suffix in _ENDINGS]
    best: dict[str, str] = {}
    for name in known:
        stem, ending = Path(name).stem, Path(name).suffix
        if stem not in best or _ENDINGS.index(ending) < _ENDINGS.index(Path(best[stem]).suffix):
            best[stem] = name
    return list(best.values())


def _plate(path: Path) -> render.Plate:
    name = path.name
    return render.Plate(render.Figure(picture(path, path.stat().st_mtime_ns), name, f"The picture {name}.", file=name))


@functools.cache
def picture(path: Path, changed: int, widest: int = _WIDEST) -> np.ndarray:
    """A picture as wide as a page, uint8 `(h, w, 3)`; of an animation its end. Kept while the file is not `changed`."""
    del changed
    with Image.open(path) as image:
        image.seek(getattr(image, "n_frames", 1) - 1)
        rgb = image.convert("RGB")
    if rgb.width > widest:
        rgb = rgb.resize((widest, round(rgb.height * widest / rgb.width)), Image.Resampling.LANCZOS)
    return np.asarray(rgb)


def _size(path: Path) -> str:
    size = path.stat().st_size
    return f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{max(size / 1e3, 0.1):.1f} kB"
