"""Labeled photos by name, as `tensorflow-datasets` prepares them, read without TensorFlow.

`load` brings a whole split into memory, decoded, which is what a training loop on the device wants: MNIST takes 55 MB.
`stream` decodes as it goes, for what does not fit. Both read ArrayRecord files from `$TFDS_DATA_DIR`
(`~/tensorflow_datasets` where it is not set), and neither downloads anything.
"""

import contextlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Int32, UInt8
from tqdm import tqdm

from models._prepared import Source, Transform, prepared


class Examples(NamedTuple):
    """Photos and their classes: a whole split, or a batch of one.

    Attributes:
        images: bytes, as the set holds them or as the transform left them.
        labels: class numbers.
    """

    images: UInt8[np.ndarray, "n h w c"]
    labels: Int32[np.ndarray, " n"]


def load(name: str, split: str = "train", *, transform: Transform | None = None, progress: bool = True) -> Examples:
    """All examples of a split, in the set's own order, decoded by several threads.

    Takes 9 s for the 70,000 digits of MNIST on two cores.

    Example:
        >>> import models.datasets
        >>> digits = models.datasets.load("mnist", "test")  # doctest: +SKIP
        >>> digits.images.shape  # doctest: +SKIP
        (10000, 28, 28, 1)

    Args:
        name: a data set of `tensorflow-datasets` with an `image` and a `label`: `mnist`, `cifar10`, `tf_flowers`,
            `caltech101`, ...
        split: one of its splits, or a part, such as `train[:1000]` or `test[50%:]`.
        transform: of each photo, uint8 (h, w, c), for sets whose photos differ in size: `Network.crop` is one. It is
            called from several threads.
        progress: whether to draw a bar on stderr.

    Returns:
        The photos and their labels.

    Raises:
        FileNotFoundError: the set is not prepared, or not whole; the text has the command that prepares it.
        ValueError: an unknown set or split, one without photos and labels, or photos of different sizes.
    """
    source = Source(name, split, transform)
    images: np.ndarray | None = None
    labels = np.empty(len(source), np.int32)
    with (
        tqdm(total=len(source), unit="photo", desc=f"{name} {split}", disable=not progress) as bar,
        ThreadPoolExecutor() as pool,
        # Closed on an error, so that what has not begun is dropped.
        contextlib.closing(pool.map(source.block, source.blocks())) as decoded,  # pyright: ignore[reportArgumentType]
    ):
        for numbers, pairs in zip(source.blocks(), decoded, strict=True):
            for place, (image, label) in zip(numbers, pairs, strict=True):
                if images is None:
                    images = np.empty((len(source), *image.shape), image.dtype)
                if image.shape != images.shape[1:]:
                    raise ValueError(
                        f"`transform` must bring the photos of {name} to one size, got {image.shape} after "
                        f"{images.shape[1:]}. Give the crop of a network, for example."
                    )
                images[place], labels[place] = image, label
            bar.update(len(pairs))
    assert images is not None  # an empty split has been refused
    return Examples(images, labels)


def stream(
    name: str,
    split: str = "train",
    *,
    batch_size: int,
    transform: Transform | None = None,
    seed: int | None = None,
    num_threads: int = 4,
) -> Iterator[Examples]:
    """The examples of a split batch by batch, decoded ahead in the background: for a set that memory does not hold.

    Args:
        name: as in `load`.
        split: as in `load`.
        batch_size: photos in a batch; the last one may be smaller.
        transform: as in `load`.
        seed: of the order. The set's own order by default.
        num_threads: that read and decode.

    Returns:
        One pass over the split.

    Raises:
        FileNotFoundError: as in `load`.
        ValueError: as in `load`.
    """
    import grain

    source = Source(name, split, transform)
    photos = grain.MapDataset.source(source)
    if seed is not None:
        photos = photos.shuffle(seed=seed)
    ahead = grain.ReadOptions(num_threads=num_threads, prefetch_buffer_size=2 * batch_size)
    batches = photos.to_iter_dataset(ahead).batch(batch_size, batch_fn=_stack)
    return iter(batches)


def size(name: str, split: str = "train") -> int:
    """How many examples a split has.

    Raises:
        FileNotFoundError: as in `load`.
        ValueError: as in `load`.
    """
    return len(Source(name, split, None))


def labels(name: str) -> tuple[str, ...]:
    """The names of a set's classes, in the order of its label numbers.

    Raises:
        FileNotFoundError: as in `load`.
        ValueError: as in `load`.
    """
    return tuple(prepared(name).info.features["label"].names)


def _stack(pairs: Any) -> Examples:
    photos, numbers = zip(*pairs, strict=True)
    return Examples(np.stack(photos), np.array(numbers, np.int32))
