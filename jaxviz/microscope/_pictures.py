"""What units ask for: pictures by gradient ascent, each with what it is worth beside the strongest photo."""

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from jaxviz import maximize
from jaxviz._core.network import brought
from jaxviz._core.program import one_program
from jaxviz.maximize.augment import Augment, standard, view
from jaxviz.maximize.param import Param, Shape, fourier
from jaxviz.microscope._plan import Plan, Viewed
from jaxviz.microscope._site import short
from jaxviz.transforms import upto

if TYPE_CHECKING:
    from jaxviz.microscope._build import Builder
    from jaxviz.microscope._unit import Sheet

_SHOWN = 96  # pixels of a picture on the page
_VIEWS = 8  # that no ascent has seen
_AT_A_TIME = 16  # units
KINDS = ("up", "down", "unit")
"""The channel up, the channel down, and the unit in the middle of its map."""


@dataclasses.dataclass(frozen=True)
class Pictures:
    """Which pictures of what the units ask for, and how they are made.

    Attributes:
        layers: of these layers; of all by default.
        size: of a picture in pixels, where the network takes any; the input's own by default.
        num_steps: of each ascent.
        diverse: pictures of the channel that are to differ, beside the channel up, the channel down and the unit.
        param: what is varied, a function of the shape; such as `maximize.param.fourier`, or `maximize.param.maco` of
            the spectrum of the data.
        normalize: from pixels in [0, 1] to the range of the network; by default that of the network, or none.
    """

    layers: tuple[str, ...] | None = None
    size: int | None = None
    num_steps: int = 128
    diverse: int = 4
    param: Callable[[Shape], Param] = fourier
    normalize: Callable[[Any], Any] | None = None

    def check(self, site: Plan) -> None:
        """Whether the layers are of the site.

        Raises:
            ValueError: one is not.
        """
        for layer in self.layers or ():
            if layer not in site.layers:
                raise ValueError(f"`pictures` must be of layers of the site, got {layer!r}.")

    def identity(self) -> list[Any]:
        """What the pictures depend on, but for the network."""
        return [self.layers, self.size, self.num_steps, self.diverse, repr(self.param)]


@dataclasses.dataclass(frozen=True)
class Drawn:
    """The pictures of a unit: kind, picture, and what it reaches and keeps, as multiples of the strongest photo."""

    pictures: list[tuple[str, np.ndarray, float, float]]

    def add(self, sheet: "Sheet") -> list[list[Any]]:
        """Put them into the sheet of the unit; the numbers beside them."""
        rows = []
        for kind, picture, reached, kept in self.pictures:
            sheet.large.append(picture)
            rows.append([kind, short(reached, 3), short(kept, 3)])
        return rows


def draw(builder: "Builder", layer: str, units: np.ndarray, tick: Callable[[int, int], None]) -> list[Drawn] | None:
    """The pictures of some units of a layer."""
    options, site = builder.pictures, builder.plan
    if options is None or (options.layers is not None and layer not in options.layers):
        return None
    height, width, colors = site.image.shape[1:]
    shape = (options.size or height, options.size or width, colors)
    normalize = options.normalize or brought(builder.given, "normalize")
    augment = standard(min(shape[:2]))
    found: list[Drawn] = []
    channels = np.array(site.channels[layer])
    maps = len(site.shapes[layer]) == 4
    rows, cols = (0, 0)
    if maps:
        image = jax.ShapeDtypeStruct((1, *shape), site.image.dtype)
        here = (
            site.layout.maps(jax.eval_shape(upto(site.f, layer), image))
            if site.layout.is_plain(site.shapes[layer])
            else jax.eval_shape(lambda x: site.layout.maps(upto(site.f, layer)(x)), image)
        )
        rows, cols = here.shape[1] // 2, here.shape[2] // 2
    common: dict[str, Any] = {
        "key": builder.random,
        "param": options.param(shape),
        "augment": augment,
        "num_steps": options.num_steps,
        "normalize": normalize or _same,
        "channel_axis": site.layout.channel_axis,
        "grid": site.layout.grid,
    }
    for first in range(0, len(units), _AT_A_TIME):
        tick(first, len(units))
        # Filled up with the last one: one program does for all.
        some = channels[units[np.minimum(np.arange(first, first + _AT_A_TIME), len(units) - 1)]]
        channel = maximize.channel(layer, some)
        made = {"up": maximize.render(site.f, channel, **common), "down": maximize.render(site.f, -channel, **common)}
        if maps:
            made["unit"] = maximize.render(site.f, maximize.unit(layer, *_at(rows, cols, some)), **common)
        pixels = {kind: np.asarray(result.pixels)[:, None] for kind, result in made.items()}
        if options.diverse > 1:
            apart = channel + _weight(builder, layer) * maximize.diversity(layer)
            result = maximize.render(site.f, apart, num_images=options.diverse, **common)
            pixels["diverse"] = np.asarray(result.pixels).reshape(len(some), options.diverse, *shape)
        worth = {
            kind: _worth(builder, layer, some, array, augment, normalize or _same) for kind, array in pixels.items()
        }
        for row in range(min(_AT_A_TIME, len(units) - first)):
            strongest = float(builder.found[layer]["top.activations"][units[first + row], 0])
            pictures = []
            for kind, array in pixels.items():
                reached, kept = worth[kind]
                for number in range(array.shape[1]):
                    scale = strongest if strongest > 0 else np.nan
                    shown = _shown(array[row, number])
                    pictures.append(
                        (kind, shown, float(reached[row, number]) / scale, float(kept[row, number]) / scale)
                    )
            found.append(Drawn(pictures))
    tick(len(units), len(units))
    return found


def _at(row: int, col: int, channels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return np.full(len(channels), row), np.full(len(channels), col), channels


def _weight(builder: "Builder", layer: str) -> float:
    """Of the diversity, in units of a typical activation."""
    return float(np.median(builder.found[layer]["top.activations"][:, 0])) / 10 or 1.0


def _same(pixels: Any) -> Any:
    return pixels


def _worth(
    builder: "Builder", layer: str, channels: np.ndarray, pixels: np.ndarray, augment: Augment, normalize: Callable
) -> tuple[np.ndarray, np.ndarray]:
    """The strongest activation in each picture, and the mean of that in views which no ascent has seen."""
    units, each = pixels.shape[:2]
    keys = jax.random.split(jax.random.fold_in(builder.random, 1), _VIEWS)
    values = _values(
        builder.plan.f,
        jnp.asarray(pixels.reshape(-1, *pixels.shape[2:])),
        jnp.asarray(np.repeat(channels, each)),
        keys,
        layer=layer,
        augment=augment,
        normalize=normalize,
        layout=builder.plan.layout,
    )
    seen = np.asarray(values).reshape(_VIEWS + 1, units, each)
    return seen[0], seen[1:].mean(0)


@one_program
def _values(
    f: Viewed,
    pixels: Array,
    channels: Array,
    keys: Array,
    *,
    layer: str,
    augment: Augment,
    normalize: Callable,
    layout: Any,
) -> Array:
    def strongest(seen: Array) -> Array:
        activation = upto(f, layer)(normalize(seen))
        maps = activation if activation.ndim == 2 else layout.maps(activation)
        highest = maps.astype(jnp.float32).max(tuple(range(1, maps.ndim - 1)))
        return highest[jnp.arange(len(channels)), channels]

    views = jax.lax.map(lambda key: strongest(view(augment, key, pixels)), keys)
    return jnp.concatenate([strongest(pixels)[None], views])


def _shown(pixels: np.ndarray) -> np.ndarray:
    """A picture as bytes, small enough for the page."""
    from jaxviz.microscope._crops import resized

    array = np.rint(255 * pixels).astype(np.uint8)
    array = np.repeat(array, 3, -1) if array.shape[-1] == 1 else array
    return resized(array, _SHOWN)
