"""Along which axes of an image windows lie, and how large they are along each."""

from collections.abc import Sequence

import numpy as np


def axes_of_windows(ndim: int) -> int:
    """How many axes windows lie along where nobody says it: two, but for what can be no image."""
    return {2: 1, 5: 3}.get(ndim, 2)


_NAMES = {1: "t", 2: "h, w", 3: "d, h, w"}


_WINDOW = "give `window` a size along each axis: (8,) for a signal (t, c), (4, 8, 8) for a volume."


def check_axes(shape: tuple[int, ...], num_axes: int, otherwise: str = _WINDOW) -> None:
    """Raises where an image has other axes than the windows, the channels, and maybe a batch."""
    if len(shape) not in (num_axes + 1, num_axes + 2):
        names = _NAMES.get(num_axes, f"{num_axes} axes")
        raise ValueError(
            f"`images` must have shape ({names}, c) or (n, {names}, c), got {shape}. Add the axis that is missing, "
            f"image[..., None] for a gray image, or {otherwise}"
        )


def sizes_of(value: int | Sequence[int], name: str, num_axes: int) -> tuple[int, ...]:
    """A size in whole pixels along each axis; one number is the same along all."""
    sizes = tuple(value) if isinstance(value, Sequence) else (value,) * num_axes
    if len(sizes) != num_axes or any(isinstance(n, bool) or not isinstance(n, int | np.integer) for n in sizes):
        number = "a pair of ints" if num_axes == 2 else f"{num_axes} of them in a tuple"
        raise TypeError(f"`{name}` must be an int or {number}, got {value!r}. Give it in whole pixels.")
    if min(sizes) < 1:
        raise ValueError(f"`{name}` must be at least 1, got {value}.")
    return tuple(map(int, sizes))


def by(lengths: tuple[int, ...]) -> str:
    """Lengths as they are written: 16x16."""
    return "x".join(map(str, lengths))
