"""The layers and channels that a study is about."""

from collections.abc import Callable, Sequence

import jax
from jaxtyping import Array

from jaxviz._core._maps import Activation, check_batch, check_maps, inspected
from jaxviz.attribution._integers import integers
from jaxviz.transforms import tap, upto


def activations(f: Callable, names: tuple[str, ...], images: Array) -> dict[str, Array]:
    """Activations by layer; where it is one, what lies above is not in the program."""
    return {names[0]: upto(f, names[0])(images)} if len(names) == 1 else tap(f, *names)(images)[1]


def placed(activation: Array) -> Array:
    """With rows and columns, of which a dense layer has one each."""
    return activation if activation.ndim == 4 else activation[:, None, None, :]


def check_layers(f: Callable, names: tuple[str, ...], images: jax.ShapeDtypeStruct) -> dict[str, tuple[int, ...]]:
    """The shapes of layers of which an image has its own activation.

    Raises:
        ValueError: no layer, an unknown one, or one whose activation is no batch of maps or of vectors.
    """
    return {name: found.shape for name, found in _batches(f, names, images).items()}


def check_channeled(f: Callable, names: tuple[str, ...], images: jax.ShapeDtypeStruct) -> dict[str, tuple[int, ...]]:
    """The same of layers whose last axis has to be that of the channels.

    Raises:
        ValueError: as for `check_layers`, or maps that have their channels elsewhere, or no rows and columns.
    """
    layers = _batches(f, names, images)
    for name, found in layers.items():
        if len(found.shape) == 4:
            check_maps(found, name, images.shape[0])
    return {name: found.shape for name, found in layers.items()}


def _batches(f: Callable, names: tuple[str, ...], images: jax.ShapeDtypeStruct) -> dict[str, Activation]:
    if not names:
        raise ValueError("`layer` must be at least one name, got none. See layers(f, images).")
    _, layers = inspected(f, images, names)
    for name, found in layers.items():
        if len(found.shape) not in (2, 4):
            raise ValueError(
                f"`layer` must have activations (n, h, w, c) or (n, c) for {images.shape[0]} images, got {found.shape} "
                f"for {name!r}. Choose another, or name a value of that form."
            )
        check_batch(found, name, images.shape[0])
    return layers


def check_channels(channels: Sequence[int] | None, total: int, layer: str) -> tuple[int, ...]:
    """The channels as a tuple of numbers; `None` stands for all of them.

    Raises:
        ValueError: none, one that does not exist, or one twice.
        TypeError: not integers.
    """
    if channels is None:
        return tuple(range(total))
    # An empty list has no integers in it, and is refused below.
    array = integers(channels, "channels", "A channel is a number from 0 on.") if len(channels) else channels
    chosen = tuple(int(channel) for channel in array)
    wrong = [channel for channel in chosen if not 0 <= channel < total]
    if wrong or not chosen or len(set(chosen)) < len(chosen):
        found = wrong[0] if wrong else list(chosen)
        raise ValueError(f"`channels` must be different ones in 0..{total - 1} of {layer!r}, got {found}.")
    return chosen
