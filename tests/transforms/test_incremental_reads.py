"""When one read can be cut out of another."""

import numpy as np
import pytest

from jaxviz._core.incremental.flat import Slot
from jaxviz._core.incremental.reads import _holds
from jaxviz._core.incremental.rules import Need
from jaxviz._core.incremental.spans import Window


def need(starts, size, fill=0.0):
    return Need({1: Window(0, np.array(starts), size)}, fill)


@pytest.mark.parametrize(
    ("other", "inner", "holds"),
    [
        (need([0, 4], 6), need([1, 5], 4), True),
        (need([0, 4], 6), need([1, 6], 4), False),  # at another place for the second corner
        (need([0, 4], 6), need([1, 5], 6), False),  # reaches out
        (need([2, 4], 6), need([1, 3], 4), False),
        (need([-2, 5], 7, -np.inf), need([-1, 6], 5), False),  # sees another padding
        (need([-2, 5], 7, 0.0), need([-1, 6], 5), True),
        (need([-2, 4], 7, -np.inf), need([0, 6], 4), True),  # sees no padding
    ],
)
def test_a_read_holds_another_at_a_constant_place(other, inner, holds):
    assert _holds(other, inner, Slot(0, (1, 10, 1), np.dtype("float32"))) == holds
