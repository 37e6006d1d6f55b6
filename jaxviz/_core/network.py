"""What a network may bring beside its call, for functions to ask where the caller says nothing."""

from collections.abc import Callable, Sequence
from typing import Any, Literal, Protocol, runtime_checkable

from jaxtyping import Array, Float, UInt8

Attribute = Literal[
    "name", "labels", "input_shape", "channel_axis", "preprocess", "normalize", "denormalize"
]  # fmt: skip


@runtime_checkable
class Network(Protocol):
    """A function of images that knows more of itself. Nothing of it is needed, each attribute may be missing.

    `maximize.render` asks for `input_shape` and `normalize`, `robustness` for `normalize`, `explain` for all of them,
    and everything with a layer for `channel_axis`. What the caller gives goes first. `models.Network` has all of them.

    Attributes:
        name: for titles.
        labels: the name of each output.
        input_shape: height, width and channels of an image.
        channel_axis: of the layers' maps, where it is not the last: 1 for `(n, channels, rows, cols)`.
    """

    name: str
    labels: Sequence[str]
    input_shape: tuple[int, int, int]
    channel_axis: int

    def __call__(self, images: Float[Array, "n h w c"]) -> Float[Array, "n k"]:
        """The outputs."""
        ...

    def preprocess(self, photo: UInt8[Array, "h w 3"]) -> Float[Array, "1 h2 w2 c"]:
        """A photo of any size cropped, and brought to the range of the network."""
        ...

    def normalize(self, pixels: Float[Array, "n h w c"]) -> Float[Array, "n h w c"]:
        """Pixels in [0, 1] brought to the range of the network."""
        ...

    def denormalize(self, images: Float[Array, "n h w c"]) -> Float[Array, "n h w c"]:
        """The way back."""
        ...


def brought(f: Callable, attribute: Attribute) -> Any:
    """What `f` says of itself, or None."""
    return getattr(f, attribute, None)
