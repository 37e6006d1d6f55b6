"""Which photos train, which ones choose, which ones test, and how far a share of right ones can be trusted."""

import math
from typing import NamedTuple

import numpy as np


class Split(NamedTuple):
    """Numbers of photos: eight tenths, one, and one."""

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray


def split(total: int, number: int, seed: int) -> Split:
    """The split with that number, 0 to 9, of one random order: no photo is tested in two of the ten."""
    tenths = np.array_split(np.random.default_rng(seed).permutation(total), 10)
    test, validation = tenths[number], tenths[(number + 1) % 10]
    rest = [part for place, part in enumerate(tenths) if place not in (number, (number + 1) % 10)]
    return Split(np.concatenate(rest), validation, test)


def wilson(right: int, total: int) -> tuple[float, float]:
    """The 95% interval of a share.

    References:
        Wilson, [Probable Inference, the Law of Succession, and Statistical
        Inference](https://doi.org/10.1080/01621459.1927.10502953), 1927.
    """
    z = 1.959964
    share, weight = right / total, 1 + z**2 / total
    middle = (share + z**2 / (2 * total)) / weight
    half = z / weight * math.sqrt(share * (1 - share) / total + z**2 / (4 * total**2))
    return max(0.0, middle - half), min(1.0, middle + half)
