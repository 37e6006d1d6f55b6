"""Files of `torch.save`, read without torch: the zip archives of today, and the plain files before version 1.6.

Both are a pickle that describes tensors, and the bytes of their storages beside it. The pickle is read as data
(`models._pickle`), and the arrays are views of the file, so that nothing is as large as the file claims before its
shape has been compared with the network's.

References:
    PyTorch, [Serialization semantics](https://docs.pytorch.org/docs/stable/notes/serialization.html), "Serialized file
    format for torch.save".
"""

import io
import math
import mmap
import struct
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import ml_dtypes
import numpy as np

from models._pickle import Call, Name, Reference, parse

ZIP = b"PK\x03\x04"
PLAIN = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."  # a pickle of the magic number 0x1950a86a20f9469cfc6c
_VERSION = 1001
_LARGEST = 4 << 20  # bytes of a pickle, a hundred times those of a ResNet-152
_LOCAL = 30  # bytes of a zip's local header
_COUNT = struct.Struct("<q")  # entries of a storage, before it, in a plain file

_DTYPES: dict[Name, Any] = {
    Name("torch", "FloatStorage"): np.float32,
    Name("torch", "DoubleStorage"): np.float64,
    Name("torch", "HalfStorage"): np.float16,
    Name("torch", "BFloat16Storage"): ml_dtypes.bfloat16,
    Name("torch", "LongStorage"): np.int64,
    Name("torch", "IntStorage"): np.int32,
    Name("torch", "ShortStorage"): np.int16,
    Name("torch", "CharStorage"): np.int8,
    Name("torch", "ByteStorage"): np.uint8,
    Name("torch", "BoolStorage"): np.bool_,
}
_TENSORS = {Name("torch._utils", "_rebuild_tensor_v2"), Name("torch._utils", "_rebuild_tensor")}
_PARAMETER = Name("torch._utils", "_rebuild_parameter")
_NARROW = Name("torch._utils", "_rebuild_tensor_v3")  # of a type that torch has had no storage for: float8, uint16
_UNTYPED = Name("torch.storage", "UntypedStorage")
_NARROW_DTYPES = [
    *(Name("torch", f"float8_{kind}") for kind in ("e4m3fn", "e5m2", "e4m3fnuz", "e5m2fnuz", "e8m0fnu")),
    *(Name("torch", f"uint{bits}") for bits in (16, 32, 64)),
]
_NAMES = frozenset({*_DTYPES, *_TENSORS, _PARAMETER, _NARROW, _UNTYPED, *_NARROW_DTYPES})


class Storage(NamedTuple):
    """What the pickle promises of a storage."""

    dtype: np.dtype
    size: int  # entries


def read(path: Path) -> dict[str, np.ndarray]:
    """The tensors of a saved `state_dict`, by name, as read-only views of the file.

    Raises:
        ValueError: the file is truncated or damaged, describes what it does not hold, or holds more than tensors.
    """
    with path.open("rb") as file:
        content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        if content[: len(ZIP)] != ZIP:
            return _plain(content)
        try:
            members = {member.filename: member for member in zipfile.ZipFile(file).infolist()}
        except (zipfile.BadZipFile, NotImplementedError) as error:  # the latter of a version that is not to be
            raise ValueError(f"it is truncated or damaged ({error})") from error
    return _zipped(content, members)


def _zipped(content: mmap.mmap, members: dict[str, zipfile.ZipInfo]) -> dict[str, np.ndarray]:
    pickles = [name for name in members if name.endswith("/data.pkl")]
    if len(pickles) != 1:
        raise ValueError("it is a zip without the one data.pkl that torch writes")
    root = pickles[0].removesuffix("data.pkl")

    def bytes_of(name: str) -> memoryview:
        if name not in members:
            raise ValueError(f"it has no {name}")
        member = members[name]
        if member.compress_type != zipfile.ZIP_STORED or member.compress_size != member.file_size:
            raise ValueError(f"it holds {name} compressed, which torch never does")
        start = member.header_offset + _LOCAL
        if 0 <= member.header_offset and start <= len(content):
            start += sum(struct.unpack("<HH", content[start - 4 : start]))  # a name and an extra field
        if start + member.file_size > len(content):
            raise ValueError(f"it ends before {name} does")
        return memoryview(content)[start : start + member.file_size]

    if root + "byteorder" in members and bytes(bytes_of(root + "byteorder")) != b"little":
        raise ValueError("it was written on a big-endian machine")
    described = bytes_of(root + "data.pkl")
    if len(described) > _LARGEST:
        raise ValueError(f"its pickle has {len(described)} bytes, and weights need no more than {_LARGEST}")
    state = parse(io.BytesIO(described), _NAMES)
    found = {}
    for key, (dtype, size) in _promised(state).items():
        content_of = bytes_of(f"{root}data/{key}")
        if len(content_of) != size * dtype.itemsize:
            raise ValueError(f"its storage {key} has {len(content_of)} bytes, and {size} of {dtype} were promised")
        found[key] = np.frombuffer(content_of, dtype)
    return _arrays(state, found)


def _plain(content: mmap.mmap) -> dict[str, np.ndarray]:
    stream = io.BytesIO(content[:_LARGEST])
    _, version, system, state, keys = (parse(stream, _NAMES) for _ in range(5))
    if version != _VERSION or not isinstance(system, dict) or not isinstance(keys, list):
        raise ValueError("it is of no version of torch that is known")
    if not system.get("little_endian"):
        raise ValueError("it was written on a big-endian machine")
    promised = _promised(state)
    if sorted(map(str, keys)) != sorted(promised):
        raise ValueError("it holds other storages than its tensors need")
    position, found = stream.tell(), {}
    for key in keys:
        dtype, size = promised[key]
        start, end = position + _COUNT.size, position + _COUNT.size + size * dtype.itemsize
        if end > len(content):
            raise ValueError(f"it ends before its storage {key} does")
        if _COUNT.unpack(content[position:start]) != (size,):
            raise ValueError(f"its storage {key} has another size than was promised")
        found[key] = np.frombuffer(memoryview(content)[start:end], dtype)
        position = end
    return _arrays(state, found)


def _tensors(state: Any) -> dict[str, tuple[Any, ...]]:
    """The arguments that each tensor would be made of: storage, offset, shape, strides."""
    if not isinstance(state, dict):
        raise ValueError("it holds no tensors by name: save the model's state_dict() alone")
    found = {}
    for key, value in state.items():
        if isinstance(value, Call) and value.function == _PARAMETER and value.arguments:
            value = value.arguments[0]
        if isinstance(key, str) and isinstance(value, Call) and value.function == _NARROW:
            dtypes = [argument for argument in value.arguments if argument in _NARROW_DTYPES]
            kind = f"torch.{dtypes[0].name}" if dtypes else "another type"
            raise ValueError(f"its tensor {key} is of {kind}, which is not read: save the tensors as torch.float32")
        if not isinstance(key, str) or not isinstance(value, Call) or value.function not in _TENSORS:
            raise ValueError(f"its entry {str(key)[:80]!r} is no tensor: save the model's state_dict() alone")
        if not _is_tensor(value.arguments):
            raise ValueError(f"its tensor {key} is damaged")
        found[key] = value.arguments
    return found


def _is_tensor(arguments: tuple[Any, ...]) -> bool:
    if len(arguments) < 4 or not isinstance(arguments[0], Reference) or not isinstance(arguments[0].key, tuple):
        return False
    (reference, offset, shape, strides), identity = arguments[:4], arguments[0].key
    return (
        len(reference.key) >= 5
        and identity[0] == "storage"
        and isinstance(identity[1], Name)
        and identity[1] in _DTYPES
        and isinstance(identity[2], str)
        and _is_count(identity[4])
        and not any(identity[5:])  # a view of another storage, which nobody has written since 2017
        and _is_count(offset)
        and all(isinstance(sizes, tuple) and all(map(_is_count, sizes)) for sizes in (shape, strides))
        and len(shape) == len(strides)
    )


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and value >= 0


def _promised(state: Any) -> dict[str, Storage]:
    promised: dict[str, Storage] = {}
    for reference, *_ in _tensors(state).values():
        _, kind, key, _, size = reference.key[:5]
        storage = Storage(np.dtype(_DTYPES[kind]), size)
        if promised.setdefault(key, storage) != storage:
            raise ValueError(f"its storage {key} is promised in two sizes")
    return promised


def _arrays(state: Any, storages: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    arrays = {}
    for name, (reference, offset, shape, strides, *_) in _tensors(state).items():
        storage = storages[reference.key[2]]
        reach = offset + sum((size - 1) * stride for size, stride in zip(shape, strides, strict=True))
        # No more entries than are there: one that is repeated could be made to fill the memory.
        if math.prod(shape) > len(storage) - offset or (math.prod(shape) and reach >= len(storage)):
            raise ValueError(f"its tensor {name} of shape {shape} reaches beyond its storage of {len(storage)}")
        steps = tuple(stride * storage.itemsize for stride in strides)
        arrays[name] = np.lib.stride_tricks.as_strided(storage[offset:], shape, steps, writeable=False)
    return arrays
