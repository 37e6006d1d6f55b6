"""The arguments of a run turned into values: a network, a photo as it sees it, a target, layers."""

import dataclasses
import difflib
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import jaxviz as jv
import models
from scripts import _photo
from scripts._explain._methods import METHODS

if TYPE_CHECKING:
    from scripts.explain import Config


class Study(NamedTuple):
    """Everything that the steps of a run share.

    `images` is a batch of one, in the network's range; `photo` is what it shows, uint8. `target` is `None` for the most
    probable class. `layers` are the layers to project, from shallow to deep. `labels` are those of the network, in
    words. `channels` is their number in the deepest layer.
    """

    config: "Config"
    network: models.Network
    name: str
    sha256: str
    images: jax.Array
    photo: np.ndarray
    target: int | None
    layers: tuple[str, ...]
    labels: tuple[str, ...]
    channels: int

    @property
    def cam_layer(self) -> str:
        """The layer of the class activation maps: the deepest chosen one."""
        return self.layers[-1]

    def color(self, projection: np.ndarray) -> np.ndarray:
        """A signed array `(h, w, c)` of the network's range in red, green, blue, still signed."""
        return color(self.network, projection)

    def baseline_color(self) -> str:
        """The color of zero in the network's range, `#rrggbb`."""
        return "#" + bytes(pixels(self.network, np.zeros((1, 1, 1, self.images.shape[-1]), np.float32))[0, 0]).hex()


def prepare(config: "Config") -> Study:
    """Look at every argument before anything is computed or written.

    Raises:
        ValueError: for the first one that does not fit.
    """
    photo = _photo.load(config.photo)
    if config.network not in models.names():
        raise ValueError(unknown("--network", config.network, models.names()))
    network = models.load(config.network)
    for method in config.methods or ("",):
        if method not in METHODS:
            raise ValueError(unknown("--methods", method, list(METHODS)))
    labels = tuple(label.replace("_", " ") for label in network.labels)
    images = network.preprocess(photo.pixels)
    shapes = {name: shape.shape for name, shape in jv.layers(network, images).items()}
    maps = [name for name, shape in shapes.items() if len(shape) == 4 and min(shape[1:3]) > 1]
    for layer in config.layers:
        if layer not in maps:
            raise ValueError(unknown("--layers", layer, maps))
    layers = tuple(sorted(set(config.layers), key=maps.index)) or spread_over(maps, shapes, len(labels))
    target = None if config.target is None else class_index(config.target, labels)
    shown = pixels(network, images)
    check_counts(config, shown.shape[:2])
    channels = shapes[layers[-1]][-1]
    config = dataclasses.replace(config, methods=tuple(dict.fromkeys(config.methods)))
    return Study(config, network, photo.name, photo.sha256, images, shown, target, layers, labels, channels)


def check_counts(config: "Config", size: tuple[int, int]) -> None:
    """The arguments that are numbers, for a photo of a size."""
    for name, most in (("units", None), ("window", min(size)), ("stride", None)):
        value = getattr(config, name)
        if value < 1 or (most and value > most):
            raise ValueError(f"`--{name}` must be at least 1{f' and at most {most}' if most else ''}, got {value}.")


def color(network: models.Network, projection: np.ndarray) -> np.ndarray:
    """A signed array `(h, w, c)` of the network's range in red, green, blue, still signed."""
    # A difference of images becomes one of colors by the derivative, at a gray far from where colors are cut off.
    gray = network.normalize(jnp.full((1, *projection.shape[:2], 3), 0.5))
    return np.asarray(jax.jvp(network.denormalize, (gray,), (jnp.asarray(projection[None]),))[1][0])


def pixels(network: models.Network, images: Any) -> np.ndarray:
    """The first image as a photo, uint8."""
    return np.rint(255 * np.asarray(network.denormalize(images))[0]).astype(np.uint8)


def spread_over(maps: list[str], shapes: dict[str, tuple[int, ...]], num_classes: int, num: int = 4) -> tuple[str, ...]:
    """Four layers from shallow to deep; not the maps of the classes themselves, where there are such."""
    inner = [name for name in maps if shapes[name][-1] != num_classes] or maps
    places = np.rint(np.linspace(0, len(inner) - 1, num + 1)[1:]).astype(int)
    return tuple(dict.fromkeys(inner[place] for place in places))


def class_index(target: str, labels: tuple[str, ...], argument: str = "--target") -> int:
    """The class with that number or label, given by some argument."""
    if target.lstrip("-").isdigit():
        if 0 <= int(target) < len(labels):
            return int(target)
        raise ValueError(f"`{argument}` must be a class in 0..{len(labels) - 1} or a label, got {target}.")
    target = target.replace("_", " ")
    known = {label.casefold(): index for index, label in reversed(list(enumerate(labels)))}
    if target.casefold() not in known:
        raise ValueError(unknown(argument, target, list(labels)))
    return known[target.casefold()]


def unknown(argument: str, value: str, known: list[str] | tuple[str, ...]) -> str:
    """What to say about a name that does not exist."""
    if len(known) > 20:
        names = {name.casefold(): name for name in known}
        close = [names[name] for name in difflib.get_close_matches(value.casefold(), names, n=3, cutoff=0.5)]
        hint = f"Close ones are: {', '.join(close)}." if close else "None is close to it."
    else:
        hint = f"They are: {', '.join(known)}."
    return f"`{argument}` must be one of {len(known)} names, got {value!r}. {hint}"


def timed(function: Callable, *args: Any) -> tuple[Any, dict[str, float]]:
    """The result of a function under `jit`, in NumPy, and the seconds that went into compiling and into running it.

    Networks are among the arguments and not closed over: as constants they would be copied into the program.
    """
    start = time.perf_counter()
    compiled = jax.jit(function).lower(*args).compile()
    middle = time.perf_counter()
    out = jax.tree.map(np.asarray, jax.block_until_ready(compiled(*args)))
    return out, {"compile": round(middle - start, 3), "run": round(time.perf_counter() - middle, 3)}
