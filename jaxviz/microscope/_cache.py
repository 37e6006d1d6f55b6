"""What has been measured, on the disk by what it depends on: nothing that stayed the same is measured again."""

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from jaxviz._core.files import file_name, replace

Arrays = dict[str, np.ndarray]


class Cache:
    """Arrays by name, each good for one key.

    Args:
        folder: made where it is missing.
        writes: whether this process writes; the others of a run compute the same and read.
    """

    def __init__(self, folder: Path, writes: bool):
        self.folder, self._writes = folder, writes
        if writes:
            folder.mkdir(parents=True, exist_ok=True)

    def find(self, name: str, key: str) -> Arrays | None:
        """What lies under the name, if it is of this key."""
        try:
            with np.load(self._path(name)) as arrays:
                found = dict(arrays)
        except (OSError, ValueError, EOFError, zipfile.BadZipFile):
            return None
        return found if str(found.pop("key", "")) == key else None

    def __call__(self, name: str, key: str, measure: Callable[[], Arrays]) -> Arrays:
        """What lies there, or else what `measure` finds, which is kept."""
        found = self.find(name, key)
        if found is None:
            self.keep(name, key, found := measure())
        return found

    def keep(self, name: str, key: str, arrays: Arrays) -> None:
        """Put it there in the place of anything else."""
        if not self._writes:
            return
        file = io.BytesIO()
        np.savez(file, allow_pickle=False, key=np.array(key), **arrays)
        replace(self._path(name), file.getvalue())

    def _path(self, name: str) -> Path:
        return self.folder / f"{file_name(name)}.npz"
