"""Weights read from somebody's package, written as a checkpoint."""

import contextlib
import hashlib
import os
import pickle
import tarfile
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from safetensors.numpy import save

from models.registry import CHECKPOINTS
from scripts._harness.errors import UsageError


@contextlib.contextmanager
def opening(option: str, path: Path) -> Iterator[None]:
    """Around the code that reads the package at a path, given by some option.

    Raises:
        ValueError: it is none, or another one.
    """
    try:
        yield
    except (OSError, KeyError, tarfile.TarError, zipfile.BadZipFile, pickle.UnpicklingError) as error:
        raise ValueError(f"`{option}` must be the package that --help names, got {str(path)!r}: {error}.") from error


def write(name: str, arrays: Mapping[str, np.ndarray], out: Path | None) -> str:
    """Write the checkpoint, whole or not at all, and say what was written.

    Raises:
        UsageError: nobody said where, and where it belongs there are other weights.
    """
    content, path = save(dict(arrays)), out or CHECKPOINTS / f"{name}.safetensors"
    if out is None and path.is_file() and path.read_bytes() != content:
        raise UsageError(f"`--out` must be given, as {path} holds other weights. Name that one to replace it.")
    unfinished = path.with_suffix(f".{os.getpid()}.partial")
    try:
        unfinished.write_bytes(content)
        unfinished.replace(path)
    except OSError as error:
        raise UsageError(f"`--out` must be a file that can be written, got {str(path)!r}: {error}.") from error
    finally:
        unfinished.unlink(missing_ok=True)
    numbers = sum(array.size for array in arrays.values())
    return f"{path}: {numbers} numbers, sha256 {hashlib.sha256(content).hexdigest()}"
