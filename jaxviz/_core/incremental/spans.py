"""Where along an axis a patch lies, for every corner that it can have.

The corners are known before anything runs: the grid of an occlusion map, or every corner that fits. So each position
is a NumPy vector with one entry per corner, extents are exact maxima over the corners that occur instead of a worst
case over all alignments, and a running program only looks numbers up.
"""

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class Window(NamedTuple):
    """Part of an axis: where it starts (one entry per corner; may lie in the padding) and its size."""

    source: int
    start: np.ndarray
    size: int


@dataclasses.dataclass(frozen=True, eq=False)
class Span:
    """A patch along one axis.

    Attributes:
        source: which coordinate of the corner it follows: of an image 0 for the row, 1 for the column.
        lo: first element that the patch changes, one entry per corner.
        hi: one past the last.
        start: first element that is kept, `start <= lo`.
        size: how many are kept, the same for every corner.
        length: of the axis.
    """

    source: int
    lo: np.ndarray
    hi: np.ndarray
    start: np.ndarray
    size: int
    length: int

    @property
    def window(self) -> "Window":
        """What is kept."""
        return Window(self.source, self.start, self.size)

    def kept(self, window: "Window") -> "Span":
        """The same reach in a wider window."""
        return dataclasses.replace(self, start=window.start, size=window.size)


Spans = dict[int, Span]  # by axis
Windows = dict[int, Window]


def windows(spans: Spans) -> Windows:
    """What is kept along each axis."""
    return {axis: span.window for axis, span in spans.items()}


def fit(
    source: int, lo: np.ndarray, hi: np.ndarray, length: int, bounds: tuple[int, int] | None = None, cap: float = 1.0
) -> Span:
    """The smallest span around `[lo, hi)`, inside `bounds` (by default the axis); at most `cap` of the axis, or cut."""
    low, high = bounds or (0, length)
    lo, hi = np.clip(lo, low, high), np.clip(hi, low, high)
    most = max(1, round(cap * length))
    if cap < 1 and (hi - lo).max() > most:
        # The middle of what is reached changes most.
        excess = np.maximum(hi - lo - most, 0)
        lo, hi = lo + excess // 2, hi - (excess - excess // 2)
    lo = np.minimum(lo, hi)
    size = max(1, int((hi - lo).max()))
    return Span(source, lo, hi, np.clip(lo, low, high - size), size, length)


def slid(span: Span, kernel: int, stride: int, low: int, length: int, cap: float = 1.0) -> Span:
    """What windows of an extent `kernel` that slide over the axis make of a patch on it, in an output of `length`."""
    lo = -((kernel - 1 - low - span.lo) // stride)
    hi = (span.hi - 1 + low) // stride + 1
    return fit(span.source, lo, np.where(span.hi > span.lo, hi, lo), length, cap=cap)


def union(spans: Sequence[Span]) -> Span | None:
    """The span around several on the same axis; None if they follow different coordinates."""
    first = spans[0]
    if any(span.source != first.source for span in spans):
        return None
    if all(span is first for span in spans):
        return first
    # What no window reaches must not stretch the union.
    los = [np.where(span.hi > span.lo, span.lo, first.length) for span in spans]
    his = [np.where(span.hi > span.lo, span.hi, 0) for span in spans]
    lo, hi = np.minimum.reduce(los), np.maximum.reduce(his)
    nothing = hi <= lo
    return fit(first.source, np.where(nothing, 0, lo), np.where(nothing, 0, hi), first.length)
