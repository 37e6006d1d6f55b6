"""What tells one data set from another, for scans that are kept."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from jaxviz._core.identity import digest
from jaxviz._core.sources import said_by
from jaxviz.dataset._dataset import Examples

_SAMPLE = 128  # examples of a source that are read


def fingerprint(examples: Examples) -> dict[str, str]:
    """Digests of the images and of the labels; of the latter only where the study looks at them.

    Of data in memory all bytes count: 60,000 digits take 0.03 s where the processor has instructions for SHA-256. Of a
    source what it says of itself counts, and 128 examples spread over it: as its `fingerprint`, an attribute that
    changes with the data, or by the name, version, split and file sizes of one of `tensorflow-datasets`. A source that
    says nothing may be changed between those examples without being noticed.
    """
    if examples.arrays is not None:
        images, labels = examples.arrays
        chosen = images if examples.in_memory else [examples.image(index) for index in _spread(len(examples))]
    else:
        every = range(len(examples)) if examples.in_memory else _spread(len(examples))
        read = [_example(examples, index) for index in every]
        chosen, labels = [image for image, _ in read], [label for _, label in read]
    found = {"images": digest(len(examples), said_by(examples.source), chosen)}
    return found | {"labels": digest(labels)} if examples.labeled else found


def _spread(total: int) -> Sequence[int]:
    return np.unique(np.linspace(0, total - 1, _SAMPLE).astype(int)).tolist()


def _example(examples: Examples, index: int) -> tuple[Any, Any]:
    try:
        return examples.example(index)
    # Whatever a foreign reader raises: the scan says what to do about it.
    except Exception as error:
        return type(error).__name__, None
