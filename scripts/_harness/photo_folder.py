"""A folder of photos: a list of them with their classes, or folders named like the classes, or photos alone."""

import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from scripts._harness.words import class_index

LIST = "photos.json"
ENDINGS = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
WAYS = (
    f"a folder of photos: with {LIST}, a list of {{file, class, label}}, or with a folder of photos for each class, or "
    "photos alone"
)
_VARIABLE = "JAXVIZ_PHOTOS"
_WORDNET = re.compile(r"n\d{8}")


class Entry(NamedTuple):
    """A photo: its file, and its class as the folder says it, by number, by label, by both or not at all."""

    path: Path
    number: int | None = None
    label: str | None = None


def folder_of(given: Path | None) -> Path:
    """The folder that an option names, or else the environment.

    Raises:
        ValueError: neither does, or it is none.
    """
    if given is None and not os.environ.get(_VARIABLE):
        raise ValueError(f"`--photos` must be {WAYS}, got none. Give one, or set {_VARIABLE} to it.")
    folder = given or Path(os.environ[_VARIABLE])
    argument = f"`{_VARIABLE}`" if given is None else "`--photos`"
    if not folder.is_dir():
        raise ValueError(f"{argument} must be {WAYS}, got {str(folder)!r}: no such folder.")
    return folder


def is_set() -> bool:
    """Whether the environment names a folder."""
    return bool(os.environ.get(_VARIABLE))


def entries(folder: Path, option: str = "--photos") -> list[Entry]:
    """The photos of a folder, in the order of its list, or else of their names.

    Raises:
        ValueError: there are none, or the list is of another form.
    """
    for root in (folder, folder / "imagenet"):
        if (root / LIST).is_file():
            return _listed(root / LIST, option)
    found = [Entry(path) for path in _pictures(folder)]
    for inner in sorted(path for path in folder.iterdir() if path.is_dir()):
        found += [Entry(path, label=inner.name) for path in _pictures(inner)]
    if not found:
        raise ValueError(f"`{option}` must be {WAYS}, got {str(folder)!r} without any.")
    return found


def classes(found: Sequence[Entry], labels: Sequence[str], name: str, option: str = "--photos") -> list[int]:
    """The class of each photo, as a network numbers them.

    Folders may be named by numbers of classes, by labels, or, where there is one for each class, by their numbers in
    WordNet, as those of ImageNet are: in order, they are its classes.

    Args:
        found: of a folder.
        labels: of the network.
        name: of the network.
        option: that named the folder, for errors.

    Raises:
        ValueError: a photo without a class, or of one that the network does not know.
    """
    wordnet = sorted({entry.label for entry in found if entry.label and _WORDNET.fullmatch(entry.label)})
    if len(wordnet) == len(labels):
        found = [entry._replace(number=wordnet.index(entry.label or ""), label=None) for entry in found]
    return [_class(entry, tuple(labels), name, option) for entry in found]


def _class(entry: Entry, labels: tuple[str, ...], name: str, option: str) -> int:
    if entry.number is None and entry.label is None:
        raise ValueError(
            f"`{option}` must say the class of each photo, got {str(entry.path)!r} without one. Put it into a folder "
            "with the name of its class."
        )
    if entry.number is None:
        words = tuple(label.replace("_", " ") for label in labels)
        return class_index(entry.label or "", words, f"a class in {option}")
    if not 0 <= entry.number < len(labels) or entry.label not in (None, labels[entry.number]):
        class_ = f"class {entry.number}" if entry.label is None else f"{entry.label!r} as class {entry.number}"
        raise ValueError(f"`--network` must know the classes of the photos, got {name} without {class_}.")
    return entry.number


def _pictures(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in ENDINGS and path.is_file())


def _listed(file: Path, option: str) -> list[Entry]:
    form = f"`{option}` must have as {LIST} a list of {{file, class, label}}, the label or the class at least"
    try:
        listed: Any = json.loads(file.read_text("utf-8"))
    except ValueError as error:
        raise ValueError(f"{form}, got {str(file)!r}, which is no JSON: {error}.") from error
    if not isinstance(listed, list) or not listed:
        raise ValueError(f"{form}, got {str(file)!r} with another JSON.")
    found = []
    for one in listed:
        one = one if isinstance(one, dict) else {"file": None}
        entry = Entry(file.parent / str(one.get("file")), one.get("class"), one.get("label"))
        if not isinstance(one.get("file"), str) or not _fits(entry):
            raise ValueError(f"{form}, got {json.dumps(one)} in {str(file)!r}.")
        if not entry.path.is_file():
            raise ValueError(f"{form}, got {one['file']!r} in {str(file)!r}: no such file.")
        found.append(entry)
    return found


def _fits(entry: Entry) -> bool:
    number, label = entry.number, entry.label
    return (number is None or type(number) is int) and (label is None or isinstance(label, str))
