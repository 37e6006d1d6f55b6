"""What a scan has found so far, on the disk: it survives the end of the process at any moment."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxviz._core.files import replace
from jaxviz.dataset._forest import Forest

_SEPARATOR = "."


class Progress(NamedTuple):
    """How far a process has come through its share of the batches.

    Attributes:
        batches: how many of them it has done, from the first one on.
        forest: what it knows of these.
        corrupt: numbers of the examples that could not be read.
    """

    batches: int
    forest: Forest
    corrupt: tuple[int, ...]

    def to_bytes(self, identity: dict[str, Any] | None = None) -> bytes:
        """As one NPZ file."""
        head = json.dumps({"identity": identity, "batches": self.batches, "corrupt": self.corrupt})
        arrays = {
            _SEPARATOR.join((str(level), str(place), name)): array
            for (level, place), partial in self.forest.items()
            for name, array in partial.items()
        }
        file = io.BytesIO()
        np.savez(file, allow_pickle=False, head=np.array(head), **arrays)
        return file.getvalue()

    @classmethod
    def from_bytes(cls, content: bytes) -> tuple["Progress", dict[str, Any] | None]:
        """Back from `to_bytes`, and the identity that it was given."""
        forest: Forest = {}
        with np.load(io.BytesIO(content)) as arrays:
            head = json.loads(str(arrays["head"]))
            for key in arrays.files:
                if key != "head":
                    level, place, name = key.split(_SEPARATOR, 2)
                    forest.setdefault((int(level), int(place)), {})[name] = arrays[key]
        return cls(head["batches"], forest, tuple(head["corrupt"])), head["identity"]


class Record:
    """The file of a process in the folder of a scan.

    Args:
        folder: made where it is missing; `None` for a scan that keeps nothing.
        identity: whose scan it is; the file of another one is refused.
    """

    def __init__(self, folder: Path | None, identity: dict[str, Any]):
        self._identity = json.loads(json.dumps(identity))
        self._path = folder and Path(folder) / f"part-{jax.process_index()}-of-{jax.process_count()}.npz"
        if self._path:
            self._path.parent.mkdir(parents=True, exist_ok=True)

    @property
    def kept(self) -> bool:
        """Whether there is a file at all."""
        return self._path is not None

    def load(self) -> Progress:
        """What an earlier process has left, or nothing.

        Raises:
            ValueError: the file is that of another scan, or no file of a scan.
        """
        if self._path is None or not self._path.is_file():
            return Progress(0, {}, ())
        try:
            progress, identity = Progress.from_bytes(self._path.read_bytes())
        except (ValueError, KeyError, OSError, EOFError, zipfile.BadZipFile) as error:
            raise ValueError(f"`resume` must hold the file of a scan, got {self._path}: {error} Delete it.") from error
        other = [name for name in self._identity if (identity or {}).get(name) != self._identity[name]]
        if other:
            raise ValueError(
                f"`resume` must be a folder of the same scan, got {self._path} of one that differs in "
                f"{', '.join(other)}. Give another folder, or delete this one."
            )
        return progress

    def save(self, progress: Progress) -> None:
        """Replace the file by a newer one: whatever happens, one of the two is there whole."""
        if self._path is None:
            return
        replace(self._path, progress.to_bytes(self._identity))
