"""Numbers to colors, with limits that a color bar can show."""

import dataclasses

import matplotlib
import numpy as np
from jaxtyping import Float, UInt8

from jaxviz.render import _check
from jaxviz.render._words import number


@dataclasses.dataclass(frozen=True)
class Scale:
    """Limits and color map that turn a map into colors; the same scale draws the color bar.

    Example:
        >>> Scale(0.0, 1.0, "cividis")(np.array([[0.0, 2.0]])).tolist()
        [[[0, 34, 77], [253, 231, 55]]]

    Args:
        low: the value of the first color; what lies below gets it too.
        high: the value of the last color; what lies above gets it too.
        colormap: a name that matplotlib knows.
        label: what the numbers are, with their unit: it stands beside the color bar.
        clipped: the share of the values that lie beyond the ends: color bars say so.
    """

    low: float
    high: float
    colormap: str
    label: str = ""
    clipped: float = 0.0

    def __call__(self, heatmap: Float[np.ndarray, "rows cols"]) -> UInt8[np.ndarray, "rows cols 3"]:
        """The color of every value.

        Raises:
            ValueError: for a map that is not 2-D, or not finite.
        """
        unit = (_check.plane(heatmap) - self.low) / (self.high - self.low)
        return matplotlib.colormaps[self.colormap](np.clip(unit, 0.0, 1.0), bytes=True)[..., :3]

    @property
    def note(self) -> str:
        """The label, and what the color bar does not show."""
        beyond = f"{number(100 * self.clipped, 1)}% of the values lie beyond the ends" if self.clipped else ""
        return ", ".join(filter(None, (self.label, beyond)))

    def colors(self, num: int = 17) -> list[str]:
        """`num` colors from `low` to `high`, as `#rrggbb`."""
        ramp = matplotlib.colormaps[self.colormap](np.linspace(0.0, 1.0, num), bytes=True)
        return ["#{:02x}{:02x}{:02x}".format(*color[:3]) for color in ramp]


def sequential(
    heatmap: Float[np.ndarray, "rows cols"], *, percentile: float = 100.0, colormap: str = "viridis", label: str = ""
) -> Scale:
    """From zero to the largest value, on a map that is even in lightness and safe for color-blind eyes.

    Example:
        >>> scale = sequential(np.array([[0.0, 2.0]]))
        >>> scale.low, scale.high
        (0.0, 2.0)

    Args:
        heatmap: a map without negative values, such as a Grad-CAM.
        percentile: of the values, taken as the last color. 100 clips nothing.
        colormap: a perceptually uniform one; `viridis`, `cividis` and `inferno` are safe.
        label: what the numbers are, with their unit.

    Returns:
        The scale. A map that is zero everywhere gets the limits 0 and 1.

    Raises:
        ValueError: for a negative value, which zero as the lower limit would hide.
    """
    values = _check.plane(heatmap)
    if values.min() < 0:
        raise ValueError(
            f"`heatmap` must have no negative value, got {values.min():.4g}. Use `diverging` for a signed map."
        )
    high = float(np.percentile(values, percentile)) or float(values.max()) or 1.0
    return Scale(0.0, high, colormap, label, share_beyond(values, high))


def diverging(
    heatmap: Float[np.ndarray, "rows cols"], *, percentile: float = 99.0, colormap: str = "RdBu_r", label: str = ""
) -> Scale:
    """Centered on zero: white is nothing, red is for, blue is against.

    Example:
        >>> scale = diverging(np.array([[-1.0, 3.0]]), percentile=100)
        >>> scale.low, scale.high
        (-3.0, 3.0)

    Args:
        heatmap: a signed map, such as a saliency summed over its channels.
        percentile: of the absolute values, taken as the last color on both sides. Gradients have long tails: at
            100 a few pixels would use up the whole range.
        colormap: a diverging one whose middle stands for zero.
        label: what the numbers are, with their unit.

    Returns:
        The scale. A map that is zero everywhere gets the limits -1 and 1.
    """
    size = np.abs(_check.plane(heatmap))
    limit = float(np.percentile(size, percentile)) or float(size.max()) or 1.0
    return Scale(-limit, limit, colormap, label, share_beyond(size, limit))


def share_beyond(sizes: np.ndarray, limit: float) -> float:
    """Of sizes that are not negative, the share that a limit cuts off."""
    return float(np.count_nonzero(sizes > limit) / sizes.size)
