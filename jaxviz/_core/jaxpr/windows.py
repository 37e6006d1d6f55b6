"""How the windows of a pooling lie over an array."""

from collections.abc import Sequence
from typing import NamedTuple

Pairs = tuple[tuple[int, int], ...]


class Windows(NamedTuple):
    """How windows lie over an array: one entry per axis."""

    size: tuple[int, ...]
    strides: tuple[int, ...]
    padding: Pairs
    dilation: tuple[int, ...]

    def reach(self, axis: int) -> int:
        """How many elements a window spans."""
        return (self.size[axis] - 1) * self.dilation[axis] + 1

    def moving(self) -> list[int]:
        """The axes along which a window is more than the element itself."""
        return [
            axis
            for axis, of in enumerate(zip(self.size, self.strides, self.padding, strict=True))
            if of != (1, 1, (0, 0))
        ]

    def pooled(self, shape: Sequence[int]) -> tuple[int, ...]:
        """How many windows there are over an array of `shape`."""
        return tuple(
            (size + sum(self.padding[axis]) - self.reach(axis)) // self.strides[axis] + 1
            for axis, size in enumerate(shape)
        )
