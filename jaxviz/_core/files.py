"""Numbers and names as files hold them."""

import json
import os
import re
import zlib
from pathlib import Path
from typing import Any

_NOT_IN_FILES = re.compile(r'[/\\:*?"<>|#%\x00-\x1f]+')
_PLAIN_LIST = re.compile(r"\[\n *([^\[\]{}]*?)\n *\]")


def file_name(name: str) -> str:
    """A file's name for a name, such as that of a layer: the name itself, if no file system minds it.

    Otherwise what they mind is a hyphen, and a checksum keeps `a/b` and `a-b` apart.
    """
    plain = _NOT_IN_FILES.sub("-", name)
    return name if plain == name else f"{plain}-{zlib.crc32(name.encode()):08x}"


def dumps(numbers: Any) -> str:
    """JSON to be read: one entry a line, but lists of plain values on one line each."""
    text = json.dumps(numbers, indent=2, ensure_ascii=False, allow_nan=False)
    # A line break in this text is never part of a string, so taking one out cannot change a value.
    return _PLAIN_LIST.sub(lambda match: "[" + re.sub(r"\n *", " ", match[1]) + "]", text) + "\n"


def replace(path: Path, content: bytes, *, durable: bool = True) -> None:
    """Write a file: under its name there is the old content or all of the new, whatever happens to the process.

    Durable, whatever happens to the machine too; it waits for the disk.
    """
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(unfinished, "wb") as file:
            file.write(content)
            file.flush()
            if durable:
                os.fsync(file.fileno())
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)
