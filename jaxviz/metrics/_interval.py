"""How sure a mean over photos is."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Array, Float


class Interval(NamedTuple):
    """A mean and the interval that it lies in.

    Attributes:
        mean: of the values that are there.
        low: the lower end.
        high: the upper end.
        count: how many values there are that are no NaN.
    """

    mean: float
    low: float
    high: float
    count: int


def confidence_interval(
    values: Float[Array | np.ndarray, " n"] | Sequence[float],
    *,
    level: float = 0.95,
    num_draws: int = 2000,
    seed: int = 0,
) -> Interval:
    """The mean of a measure over photos, with the interval that the photos themselves leave open: a bootstrap.

    Example:
        >>> found = confidence_interval([1.0, 2.0, 3.0, 2.0])
        >>> found.mean, 1.0 <= found.low < found.mean < found.high <= 3.0
        (2.0, True)

    Args:
        values: one number for each photo; NaN where there is none.
        level: share of such intervals that hold the mean over all photos there could be.
        num_draws: samples of the photos, with replacement.
        seed: of the draws.

    Returns:
        The mean and its interval by percentiles; NaN where no value is there.

    Raises:
        ValueError: `values` have more than one axis, or `level` is not between 0 and 1.

    References:
        Efron and Tibshirani, An Introduction to the Bootstrap, 1993, section 13.3.
    """
    array = np.asarray(values, np.float64)
    if array.ndim != 1:
        raise ValueError(f"`values` must have one axis, a number for each photo, got shape {array.shape}.")
    if not 0 < level < 1:
        raise ValueError(f"`level` must be between 0 and 1, got {level}.")
    there = array[~np.isnan(array)]
    if not len(there):
        return Interval(float("nan"), float("nan"), float("nan"), 0)
    places = np.random.default_rng(seed).integers(0, len(there), (num_draws, len(there)))
    low, high = np.quantile(there[places].mean(1), [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(there.mean()), float(low), float(high), len(there))
