"""What a scan reads: any random-access source of images and labels, and which of its examples cannot be read."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxviz.dataset._packed import Unpacked, form_of, is_tree, pack

Dataset = Any
"""A pair of arrays `(images, labels)`, or anything with `len()` whose items are `{"image": ..., "label": ...}` or pairs
`(image, label)`. Labels are class numbers; they may be missing or `None` where a study needs none, and are not looked
at there. An image is what the network takes one of: `(h, w, c)`, or a signal `(t, c)`, a volume, a row of a table; or
several arrays in a dictionary or a tuple, `({"photo": photos, "age": ages}, labels)`."""

_CLASS_NUMBERS = "Give the number of the class of each image, 0..k-1: labels.argmax(1) of one-hot rows."


class Batch(NamedTuple):
    """Some examples one after the other, filled up to a fixed number by blank ones.

    Attributes:
        images: as the data set holds them; zero where `valid` is false.
        labels: class numbers; -1 where there is none, and where the study needs none.
        valid: whether there is such an example, and it can be read.
        first: the number of the first one.
        corrupt: numbers of those that cannot be read, and why.
    """

    images: np.ndarray
    labels: np.ndarray
    valid: np.ndarray
    first: int
    corrupt: tuple[tuple[int, str], ...]


class Examples:
    """The examples of a data set by number.

    Args:
        dataset: see `Dataset`.
        num_classes: how many classes labels are for; `None` where none are needed.

    Raises:
        ValueError: an empty data set, one of single numbers, or without labels.
        TypeError: no data set, or labels that are no class numbers.
    """

    def __init__(self, dataset: Dataset, num_classes: int | None = None):
        self._source, self._num_classes, self._form = dataset, num_classes, None
        if _is_pair_of_trees(dataset):
            self._form = form_of(dataset[0], 1)
            dataset = (pack(dataset[0], self._form, 1), dataset[1])
        self._dataset = dataset
        self._paired = isinstance(dataset, tuple) and len(dataset) == 2 and hasattr(dataset[0], "shape")
        if not self._paired and not (hasattr(dataset, "__len__") and hasattr(dataset, "__getitem__")):
            raise TypeError(
                f"`dataset` must be a pair of arrays or have len() and items, got {type(dataset).__name__}. Bring it "
                "into one of these forms: a scan has to know how long it is and where it left off."
            )
        self._length = len(dataset[0]) if self._paired else len(dataset)
        if not self._length:
            raise ValueError("`dataset` must hold at least one example, got none.")
        if self._paired and dataset[1] is not None and len(dataset[1]) != self._length:
            raise ValueError(f"`dataset` must hold a label per image, got {len(dataset[1])} for {self._length} images.")
        self.shape, self.dtype = self._look()
        self._labels = None
        if self._paired and num_classes is not None:
            self._labels = class_numbers(dataset[1], 1).astype(np.int64)

    def __len__(self) -> int:
        return self._length

    @property
    def source(self) -> Dataset:
        """The data set as it was given."""
        return self._source

    def into_range(self, preprocess: Callable | None) -> Callable | None:
        """What brings a batch of `images` to the network: `preprocess`, of examples in the structure they came in."""
        if self._form is None or isinstance(preprocess, Unpacked):
            return preprocess
        return Unpacked(self._form, preprocess)

    @property
    def labeled(self) -> bool:
        """Whether the study looks at labels."""
        return self._num_classes is not None

    @property
    def arrays(self) -> tuple[Any, np.ndarray | None] | None:
        """All images and, where the study needs them, labels; `None` where examples come one at a time."""
        return (self._dataset[0], self._labels) if self._paired else None

    @property
    def in_memory(self) -> bool:
        """Whether nothing has to be read from anywhere."""
        if self._paired:
            return isinstance(self._dataset[0], np.ndarray | jax.Array)
        return isinstance(self._dataset, list | tuple)

    def image(self, index: int) -> np.ndarray:
        """One image as the data set holds it."""
        return self._item(index)[0]

    def example(self, index: int) -> tuple[np.ndarray, int]:
        """One image as the data set holds it, and its class number; -1 where the study needs none."""
        image, label = self._item(index)
        return image, -1 if label is None or not self.labeled else int(class_numbers(label, 0))

    def batch(self, first: int, size: int) -> Batch:
        """The `size` examples from number `first` on."""
        numbers = range(first, min(first + size, self._length))
        images, labels = np.zeros((size, *self.shape), self.dtype), np.full(size, -1, np.int32)
        valid, corrupt = np.zeros(size, bool), []
        if self._paired:
            images[: len(numbers)] = np.asarray(self._dataset[0][first : numbers.stop])
        for place, number in enumerate(numbers):
            try:
                if not self._paired:
                    images[place], label = self._read(number)
                else:
                    label = -1 if self._labels is None else int(self._labels[number])
                self._check_label(label)
                labels[place], valid[place] = label, True
            # Whatever a foreign reader raises, the example is one that cannot be read, and is named by the scan.
            except Exception as error:
                images[place], labels[place], valid[place] = 0, -1, False
                corrupt.append((number, " ".join(f"{type(error).__name__}: {error}".split())))
        return Batch(images, labels, valid, first, tuple(corrupt))

    def _look(self) -> tuple[tuple[int, ...], np.dtype]:
        """Shape and dtype of the images, from the first one that can be read."""
        if self._paired:
            images, number = self._dataset[0], 0
            image, label = np.asarray(images[0]), None if self._dataset[1] is None else self._dataset[1][0]
        else:
            image, label, number = self._first()
        if image.ndim == 0:
            raise ValueError(
                f"`dataset` must hold arrays for the network, such as images (h, w, c), got {image} at {number}."
            )
        if self.labeled:
            if label is None:
                raise ValueError(f"`dataset` must hold labels, got none at {number}. This study compares classes.")
            if not self._paired:
                class_numbers(label, 0)
        return image.shape, image.dtype

    def _first(self) -> tuple[np.ndarray, Any, int]:
        problem: Exception | None = None
        for number in range(self._length):
            try:
                return *self._item(number), number
            # As above: the first that can be read tells the shape.
            except Exception as error:
                problem = problem or error
        raise ValueError(f"`dataset` must hold an example that can be read, got {problem!r} at 0 and none after it.")

    def _item(self, number: int) -> tuple[np.ndarray, Any]:
        if self._paired:
            images, labels = self._dataset
            return np.asarray(images[number]), None if labels is None else labels[number]
        item = self._dataset[number]
        image, label = (item["image"], item.get("label")) if isinstance(item, dict) else item
        if is_tree(image):
            self._form = self._form or form_of(image, 0)
            return pack(image, self._form, 0), label
        return np.asarray(image), label

    def _read(self, number: int) -> tuple[np.ndarray, int]:
        image, label = self.example(number)
        if image.shape != self.shape:
            raise ValueError(f"an image of {image.shape} and not {self.shape}")
        if image.dtype != self.dtype:
            raise TypeError(f"an image of {image.dtype} and not {self.dtype}")
        return image, label

    def _check_label(self, label: int) -> None:
        if self._num_classes is not None and not 0 <= label < self._num_classes:
            raise ValueError(f"the label {label} for {self._num_classes} classes")


def _is_pair_of_trees(dataset: Any) -> bool:
    """Whether it is `({"photo": photos, "table": rows}, labels)`, and no tuple of two examples."""
    if not (isinstance(dataset, tuple) and len(dataset) == 2 and is_tree(dataset[0])):
        return False
    leaves = jax.tree.leaves(dataset[0])
    if not all(leaf.ndim and len(leaf) == len(leaves[0]) for leaf in leaves):
        return False
    return dataset[1] is None or np.shape(dataset[1])[:1] == (len(leaves[0]),)


def class_numbers(labels: Any, ndim: int) -> np.ndarray:
    """The labels of all images, or with `ndim=0` of one, as integers.

    Raises:
        TypeError: they are no class numbers, but one-hot rows, names or fractions.
    """
    array = np.asarray(labels)
    if array.ndim != ndim:
        what = f"shape {array.shape}" if ndim else f"shape {array.shape} for one image"
        raise TypeError(f"`dataset` must hold class numbers as labels, got {what}. {_CLASS_NUMBERS}")
    if not jnp.issubdtype(array.dtype, jnp.integer):
        raise TypeError(f"`dataset` must hold class numbers as labels, got {array.flat[0]!r}. {_CLASS_NUMBERS}")
    return array
