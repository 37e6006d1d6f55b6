"""Data sets on the disk, found whole before any of it is read."""

import io
import os
from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from jaxviz._core.identity import digest
from jaxviz._core.sources import said_by
from models._pictures import eight_bits

Transform = Callable[[UInt8[np.ndarray, "h w c"]], np.ndarray]

_BLOCK = 500  # examples that a thread reads and decodes at a time


def prepared(name: str) -> Any:
    """The set's builder, once all that it promises has been found on the disk.

    Raises:
        FileNotFoundError: the set is not prepared, or not whole; the text has the command that prepares it.
        ValueError: an unknown set, or one without photos and labels.
    """
    import tensorflow_datasets as tfds
    from array_record.python.array_record_module import ArrayRecordReader

    try:
        builder = tfds.builder(name, data_dir=os.environ.get("TFDS_DATA_DIR"))
    except tfds.core.DatasetNotFoundError as error:
        raise ValueError(f"`name` must be a data set of tensorflow-datasets, got {name!r}.") from error
    way_out = (
        "Prepare it: pip install -e '.[datasets]' && python -c \"import tensorflow_datasets as t; "
        f"t.builder('{name}', file_format='array_record').download_and_prepare()\""
    )
    if not builder.info.splits:
        raise FileNotFoundError(
            f"`name` must be a prepared data set, got {name}, not in {builder.data_path}. {way_out}"
        )
    again = f"Delete that folder. {way_out}"
    if builder.info.file_format != tfds.core.FileFormat.ARRAY_RECORD:
        raise FileNotFoundError(
            f"`name` must be a set in ArrayRecord files, got {name} in {builder.data_path}, which only TensorFlow "
            f"reads. {again}"
        )
    for split in builder.info.splits.values():
        for path, expected in zip(split.filepaths, split.shard_lengths, strict=True):
            reader = ArrayRecordReader(str(path))
            found = reader.num_records() if reader.ok() else 0
            if found != expected:
                raise FileNotFoundError(
                    f"`name` must be a set that is whole, got {name} with {found} of {expected} examples in {path}. "
                    f"{again}"
                )
    features: Any = builder.info.features
    if not {"image", "label"} <= set(features):
        raise ValueError(f"`name` must be a set of labeled photos, got {name!r} of {', '.join(features)}.")
    return builder


class Source:
    """Decoded examples by number."""

    def __init__(self, name: str, split: str, transform: Transform | None):
        import tensorflow_datasets as tfds

        builder = prepared(name)
        try:
            # Pillow decodes: it lets other threads run meanwhile.
            self._records = builder.as_data_source(split, decoders={"image": tfds.decode.SkipDecoding()})
        except (ValueError, KeyError) as error:
            known = ", ".join(builder.info.splits)
            raise ValueError(
                f"`split` must be one of {known}, or a part of one with examples in it, got {split!r}. Write a part as "
                "train[:50%]."
            ) from error
        self._name, self._transform = name, transform
        self._mode = "L" if builder.info.features["image"].shape[-1] == 1 else "RGB"

    @property
    def fingerprint(self) -> str:
        """What tells the records from others: set, version, split and files. Of the transform it says nothing."""
        return digest(said_by(self._records))

    def __len__(self) -> int:
        return len(self._records)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.int32]:
        return self._decode(index, self._records[index])

    def blocks(self) -> list[range]:
        """All numbers, in blocks that are worth a thread's while."""
        return [range(start, min(start + _BLOCK, len(self))) for start in range(0, len(self), _BLOCK)]

    def block(self, numbers: range) -> list[tuple[np.ndarray, np.int32]]:
        """The examples of these numbers."""
        return [self._decode(*pair) for pair in zip(numbers, self._records.__getitems__(numbers), strict=True)]

    def _decode(self, index: int, record: dict[str, Any]) -> tuple[np.ndarray, np.int32]:
        try:
            stored = Image.open(io.BytesIO(record["image"]), formats=("PNG", "JPEG"))
            picture = eight_bits(stored, stored.format).convert(self._mode)
        except (OSError, ValueError) as error:
            raise ValueError(
                f"photo {index} of {self._name} must be a PNG or JPEG that can be read: {error}."
            ) from error
        photo = np.asarray(picture).reshape(picture.height, picture.width, -1)
        return (self._transform(photo) if self._transform else photo), np.int32(record["label"])
