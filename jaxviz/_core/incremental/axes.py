"""Along which axes of an image windows lie."""


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


def by(lengths: tuple[int, ...]) -> str:
    """Lengths as they are written: 16x16."""
    return "x".join(map(str, lengths))
