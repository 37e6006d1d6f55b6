"""One process at a time in the folder of a run."""

import errno
import os
from pathlib import Path

from scripts._harness.errors import UsageError

try:
    import fcntl
except ImportError:  # Windows has no lock for a folder
    fcntl = None

# Device and inode to the open folder. Held until the run is complete or the process ends, in whichever way: then the
# system gives them back. Nothing is written, so there is nothing that could be left behind.
_HELD: dict[tuple[int, int], int] = {}
# What file systems say that cannot lock a folder, as NFS; there two runs into one folder are not noticed.
_UNABLE = (errno.EBADF, errno.EINVAL, errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP)


def acquire(folder: Path) -> None:
    """Keep other processes out of a folder that exists.

    Raises:
        UsageError: another one is in it.
        OSError: it cannot be read.
    """
    if fcntl is None or _key(folder) in _HELD:
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(handle)
        raise UsageError(
            f"`--out` must be a folder in which no other run is at work, got {folder}. Wait for it, or use another."
        ) from error
    except OSError as error:
        os.close(handle)
        if error.errno not in _UNABLE:
            raise
    else:
        _HELD[_key(folder)] = handle


def release(folder: Path) -> None:
    """Let others in."""
    handle = _HELD.pop(_key(folder), None)
    if handle is not None:
        os.close(handle)


def _key(folder: Path) -> tuple[int, int]:
    found = folder.stat()
    return found.st_dev, found.st_ino
