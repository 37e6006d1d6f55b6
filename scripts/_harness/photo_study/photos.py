"""Photos by name, as a network sees them, and where on them a place of the file has gone."""

import json
import math
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import numpy as np

import models
from jaxviz import render
from scripts._harness import photo as _photo
from scripts._harness import photo_folder as _photo_folder
from scripts._harness.words import unknown

_MARKS = Path(__file__).with_name("marks.json")


class Photo(NamedTuple):
    """A photo as a network sees it.

    `pixels` is uint8, `(h, w, 3)`; `size` that of the file; `target` the class of a labeled photo, else `None`.
    """

    name: str
    pixels: np.ndarray
    size: tuple[int, int]
    target: int | None
    sha256: str


def load(names: tuple[str, ...], network: models.Network) -> list[Photo]:
    """The photos by their names in the folder of the environment, by their paths, or all of a folder.

    Raises:
        ValueError: an unknown name, a label that the network does not know, or a picture that cannot be read.
    """
    if not names:
        raise ValueError("`--photos` must be one or more names or paths, got none.")
    found = []
    for entry in chain.from_iterable(map(_entries, names)):
        target = None
        if entry.label is not None or entry.number is not None:
            (target,) = _photo_folder.classes([entry], network.labels, network.name)
        photo = _photo.load(str(entry.path))
        found.append(Photo(entry.path.stem, network.crop(photo.pixels), photo.pixels.shape[:2], target, photo.sha256))
    return found


def _entries(name: str) -> list[_photo_folder.Entry]:
    """What a name stands for: a photo of the environment's folder, a file, or all photos of a folder."""
    known = {}
    if _photo_folder.is_set():
        entries = _photo_folder.entries(_photo_folder.folder_of(None))
        known = {entry.path.stem: entry for entry in reversed(entries)}
    if name in known:
        return [known[name]]
    if Path(name).is_dir():
        return _photo_folder.entries(Path(name))
    if Path(name).is_file():
        return [_photo_folder.Entry(Path(name))]
    if known:
        raise ValueError(f"{unknown('--photos', name, list(known))} Or give paths of photos, or a folder of them.")
    raise ValueError(
        f"`--photos` must be paths of photos or a folder of them, got {name!r}. Names of photos are looked up in "
        "JAXVIZ_PHOTOS, which is not set."
    )


def marks(name: str) -> dict[str, list]:
    """Boxes on a photo that is known by name, in pixels of the file; empty for others."""
    return json.loads(_MARKS.read_text("utf-8")).get(name, {})


def seen(network: models.Network, size: tuple[int, int], points: np.ndarray) -> np.ndarray:
    """Where rows and columns `(..., 2)` of a file of some size are in what `Network.crop` makes of it."""
    shape = network.input_shape[:2]
    ratio = max(network.spec.resize / min(size), *(side / length for side, length in zip(shape, size, strict=True)))
    resized = np.array([max(side, math.ceil(length * ratio)) for side, length in zip(shape, size, strict=True)])
    return np.asarray(points) * (resized / np.array(size)) - (resized - np.array(shape)) // 2


def box_seen(network: models.Network, size: tuple[int, int], box: list[int]) -> render.Box:
    """A box (top, left, bottom, right) of the file on what the network sees, cut at its edges.

    Raises:
        ValueError: nothing of it is left.
    """
    corners = np.clip(np.rint(seen(network, size, np.reshape(box, (2, 2)))), 0, network.input_shape[:2]).astype(int)
    top, left, bottom, right = corners.ravel().tolist()
    if top >= bottom or left >= right:
        raise ValueError(
            f"`--boxes` must lie on the part of the photo that {network.name} sees, got {','.join(map(str, box))}. A "
            "box is top,left,bottom,right in pixels of the file."
        )
    return render.Box(top, left, bottom, right)


def parsed(box: str) -> list[int]:
    """The four numbers of a box.

    Raises:
        ValueError: not four whole numbers.
    """
    try:
        numbers = [int(number) for number in box.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) != 4:
        raise ValueError(f"`--boxes` must be top,left,bottom,right in whole pixels of the file, got {box!r}.")
    return numbers
