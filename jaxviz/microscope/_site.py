"""The files of a site: pages that open from a disk, their data as scripts: a page from a disk may fetch nothing."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from jaxviz._core.files import replace
from jaxviz._core.templates import rendered
from jaxviz.render import still_webp

_SHEETS, _PHOTOS = 62, 78  # quality of WebP


class Files:
    """The folder of a site; whatever happens, a file in it is whole."""

    def __init__(self, out: Path):
        self.out = out
        self._made: set[Path] = set()

    def page(self, title: str) -> Path:
        """Write `index.html`, which is the same for all sites but for its title."""
        assets = ("microscope.css", "microscope.js")
        text = rendered("jaxviz.microscope", "site", "index.html.j2", assets, title=title)
        return self.write("index.html", text.encode())

    def data(self, path: str, value: Any) -> None:
        """Write a script that hands a value to the page."""
        text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
        name = json.dumps(path.removesuffix(".js"))
        self.write(path, f"microscope({name},{text})".encode())

    def sheet(self, path: str, picture: np.ndarray) -> None:
        """Write a sheet of small pictures as WebP: without loss where these are a few pixels, as it would show."""
        self.write(path, still_webp(picture, quality=None if picture.size <= 3 * 64 * 64 else _SHEETS))

    def photo(self, path: str, picture: np.ndarray) -> None:
        """Write a whole image as WebP."""
        self.write(path, still_webp(np.ascontiguousarray(picture), quality=_PHOTOS))

    def write(self, path: str, content: bytes) -> Path:
        """Write a file."""
        place = self.out / path
        if place.parent not in self._made:
            place.parent.mkdir(parents=True, exist_ok=True)
            self._made.add(place.parent)
        replace(place, content, durable=False)
        return place

    def exists(self, path: str) -> bool:
        """Whether there is such a file."""
        return (self.out / path).is_file()


def short(value: Any, digits: int = 4) -> Any:
    """Numbers for a page, with so many digits; None for what is none. Lists of them, too."""
    if isinstance(value, np.ndarray | list | tuple):
        return [short(one, digits) for one in (value.tolist() if isinstance(value, np.ndarray) else value)]
    if value is None or isinstance(value, str | bool | int):
        return value
    return float(f"{value:.{digits}g}") if np.isfinite(value) else None
