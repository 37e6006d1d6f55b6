"""What a source of examples says of itself, so that it need not be read to tell it from others."""

import os
from typing import Any


def said_by(source: Any) -> Any:
    """Its `fingerprint`, an attribute or a method without arguments, if it has one.

    Of a source of `tensorflow-datasets` name, version and split of the set, and the sizes of its files. `None` of one
    that says nothing.
    """
    if (own := getattr(source, "fingerprint", None)) is not None:
        return str(own() if callable(own) else own)
    if (info := getattr(source, "dataset_info", None)) is not None and hasattr(source, "split"):
        files = [
            (split.name, split.shard_lengths, [os.path.getsize(path) for path in split.filepaths])
            for split in info.splits.values()
        ]
        return info.full_name, str(source.split), files
    return None
