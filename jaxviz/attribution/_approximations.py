"""Ways to trade the exactness of an occlusion map for speed; none is used unless asked for."""

import dataclasses
from typing import Literal, get_args

import numpy as np

Windows = Literal["incremental", "dense"]


@dataclasses.dataclass(frozen=True)
class GrowthCap:
    """Cuts what a window reaches of each map in the network, keeping the middle. An approximation.

    The values that a window changes spread with every convolution, but those at the rim change little. Cut off, they
    keep the values of the image without a window.

    Example:
        >>> import jax.numpy as jnp, jaxviz as jv
        >>> f = lambda images: images.sum((1, 2))
        >>> jv.occlusion(f, jnp.ones((8, 8, 1)), window=2, stride=2, method=jv.attribution.GrowthCap(0.5)).shape
        (4, 4, 1)

    Args:
        share: the most that a window may reach of the rows and of the columns of a map, from 0 to 1. Measured on
            SqueezeNet (window 16, stride 16, a photo; the largest error of a class's probability against the exact
            map): see the README.

    Raises:
        ValueError: `share` is not above 0 and below 1.

    References:
        Nakandala, Kumar and Papakonstantinou, [Incremental and Approximate Inference for Faster Occlusion-based Deep
        CNN Explanations](https://doi.org/10.1145/3299869.3319874), SIGMOD 2019, section 4.1, "projective field
        thresholding".
    """

    share: float

    def __post_init__(self):
        if not 0 < self.share < 1:
            raise ValueError(f"`share` must be above 0 and below 1, got {self.share}. Without a cap the map is exact.")


@dataclasses.dataclass(frozen=True)
class CoarseToFine:
    """Computes every `step`-th window first, and those between only where the map changes. An approximation.

    Where the four computed windows around a place agree within `tolerance`, the place is interpolated between them
    (bilinear, by the position in pixels); elsewhere it is computed. A spot that falls between computed windows and
    touches none of them is missed.

    Example:
        >>> import jax.numpy as jnp, jaxviz as jv
        >>> f = lambda images: images.sum((1, 2))
        >>> jv.occlusion(f, jnp.ones((8, 8, 1)), window=2, stride=1, method=jv.attribution.CoarseToFine()).shape
        (7, 7, 1)

    Args:
        step: how many windows of the grid lie from one computed window to the next, along rows and columns.
        tolerance: the largest difference, over all outputs, between the windows around a place that is interpolated;
            as a part of the largest spread that an output has over the coarse map. Give `f` the outputs that matter,
            `lambda images: f(images)[:, target, None]`, and fewer places differ.
        windows: how those that are computed are: as by the `method` of that name.

    Raises:
        TypeError: `step` is not an integer.
        ValueError: `step` is less than 2, `tolerance` is negative, or `windows` is none of the two.

    References:
        Nakandala, Kumar and Papakonstantinou, [Incremental and Approximate Inference for Faster Occlusion-based Deep
        CNN Explanations](https://doi.org/10.1145/3299869.3319874), SIGMOD 2019, section 4.2, "adaptive drill-down".
        Differs from it in: places are refined where the map changes, not where it is lowest.
    """

    step: int = 2
    tolerance: float = 0.1
    windows: Windows = "incremental"

    def __post_init__(self):
        if isinstance(self.step, bool) or not isinstance(self.step, int | np.integer):
            raise TypeError(f"`step` must be an int, got {self.step!r}. Give it in windows of the grid.")
        if self.step < 2:
            raise ValueError(
                f"`step` must be at least 2, got {self.step}. To compute every window, leave `method` out."
            )
        if not self.tolerance >= 0:
            raise ValueError(f"`tolerance` must be at least 0, got {self.tolerance}. 0 fills in a flat map only.")
        if self.windows not in get_args(Windows):
            raise ValueError(f"`windows` must be 'incremental' or 'dense', got {self.windows!r}.")
