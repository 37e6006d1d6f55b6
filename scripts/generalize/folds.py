"""Which photos of a fold train, which are held out to choose the regularization, and which test."""

from typing import NamedTuple

import numpy as np


class Fold(NamedTuple):
    """Numbers of photos: those that may train, a row a class in a random order, and all others, which test."""

    train: np.ndarray
    test: np.ndarray

    def photos(self, count: int) -> np.ndarray:
        """The first `count` photos of every class: smaller training sets are parts of larger ones."""
        return self.train[:, :count].ravel()

    def held_out(self, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Of those, four fifths to fit and a fifth to choose by, class by class; one photo a class leaves no choice."""
        held = max(1, count // 5)
        return self.train[:, : count - held].ravel(), self.train[:, count - held : count].ravel()


def draw(labels: np.ndarray, own_train: int, most: int, number: int, seed: int) -> Fold:
    """A fold of at most `most` training photos a class.

    Fold 0 trains within the set's own training split, the first `own_train` photos, and tests on its own test split.
    The others draw from both together, and test on all that they have not drawn.
    """
    random = np.random.default_rng([seed, number])
    limit = own_train if number == 0 else len(labels)
    train = np.stack([random.permutation(np.flatnonzero(labels[:limit] == k))[:most] for k in range(labels.max() + 1)])
    test = np.arange(own_train, len(labels)) if number == 0 else np.setdiff1d(np.arange(len(labels)), train)
    return Fold(train, test)


def most_photos(labels: np.ndarray, own_train: int, folds: int) -> int:
    """The largest training set: what the smallest class has, one photo less where that one must test."""
    smallest = int(np.bincount(labels[:own_train], minlength=labels.max() + 1).min())
    return min(smallest, int(np.bincount(labels).min()) - 1) if folds > 1 else smallest
