"""How windows lie over an array: those of a convolution, a pooling or a slice."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

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


class Slide(NamedTuple):
    """How windows slide along one axis of an operand.

    Attributes:
        axis: of the output, that has one element for each window.
        taps: how many elements a window reads.
        stride: from one window to the next.
        spacing: from one tap to the next.
        padding: how many elements are put before and after those of the operand; fewer than 0 are left out.
        interior: from one element of the operand to the next, where others are put between them.
    """

    axis: int
    taps: int
    stride: int
    spacing: int = 1
    padding: tuple[int, int] = (0, 0)
    interior: int = 1

    @property
    def extent(self) -> int:
        """How many elements a window spans."""
        return (self.taps - 1) * self.spacing + 1

    @property
    def trivial(self) -> bool:
        """Whether every window is the element itself."""
        return self.taps == self.stride == self.interior == 1 and self.padding == (0, 0)


Slides = dict[int, Slide]  # by axis of the operand


def slides_of_convolution(params: Mapping[str, Any], kernel: Sequence[int]) -> Slides:
    """Those of `conv_general_dilated` with a kernel of this shape."""
    numbers = params["dimension_numbers"]
    return {
        axis: Slide(out, kernel[tap], stride, spacing, tuple(padding), interior)
        for axis, out, tap, stride, spacing, padding, interior in zip(
            numbers.lhs_spec[2:],
            numbers.out_spec[2:],
            numbers.rhs_spec[2:],
            params["window_strides"],
            params["rhs_dilation"],
            params["padding"],
            params["lhs_dilation"],
            strict=True,
        )
    }


def slides_of_pooling(params: Mapping[str, Any]) -> Slides:
    """Those of a `reduce_window`."""
    return {
        axis: Slide(axis, taps, stride, spacing, tuple(padding), interior)
        for axis, (taps, stride, spacing, padding, interior) in enumerate(
            zip(
                params["window_dimensions"],
                params["window_strides"],
                params["window_dilation"],
                params["padding"],
                params["base_dilation"],
                strict=True,
            )
        )
    }
