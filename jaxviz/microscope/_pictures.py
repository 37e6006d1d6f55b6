"""What units ask for: pictures by gradient ascent, each with what it is worth beside the strongest photo."""

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, PRNGKeyArray

from jaxviz import maximize, render
from jaxviz._core.callables import as_pytree
from jaxviz._core.identity import traced
from jaxviz._core.map_layout import MapLayout
from jaxviz._core.network import brought
from jaxviz._core.program import one_program
from jaxviz.maximize.augment import Augment, standard, view
from jaxviz.maximize.param import Param, Shape, fourier
from jaxviz.microscope._crops import resized
from jaxviz.microscope._measure import strongest
from jaxviz.microscope._plan import Plan, Viewed
from jaxviz.microscope._site import short
from jaxviz.transforms import upto

if TYPE_CHECKING:
    from jaxviz.microscope._build import Builder
    from jaxviz.microscope._unit import Sheet

_SHOWN = 96  # pixels of a picture on the page
_VIEWS = 8  # that no ascent has seen
_AT_A_TIME = 16  # units
_BORDER = 10  # the part of a side that is cut off


@dataclasses.dataclass(frozen=True)
class Pictures:
    """Which pictures of what the units ask for, and how they are made.

    Attributes:
        layers: of these layers; of all by default.
        f: the network for images of another size, where the one of the site takes its own size alone.
        shape: height, width and channels of a picture; those of the site's images by default.
        num_steps: of each ascent.
        diverse: pictures of the channel that are to differ, beside the channel up, the channel down and the unit.
        param: what is varied, a function of the shape, such as `maximize.param.fourier`; or what it made.
        optimizer: of optax.
        normalize: from pixels in [0, 1] to the range of the network; by default that of the network, or none.
    """

    layers: tuple[str, ...] | None = None
    f: Callable | None = None
    shape: Shape | None = None
    num_steps: int = 128
    diverse: int = 4
    param: Param | Callable[[Shape], Param] = fourier
    optimizer: optax.GradientTransformation = maximize.ADAM
    normalize: Callable[[Any], Any] | None = None

    def check(self, site: Plan) -> None:
        """Whether the layers are of the site.

        Raises:
            ValueError: one is not.
        """
        for layer in self.layers or ():
            if layer not in site.layers:
                raise ValueError(f"`pictures` must be of layers of the site, got {layer!r}. There are: {site.layers}.")

    def made(self, site: Plan) -> Param:
        """What is varied."""
        return self.param(self.shape or site.image.shape[1:]) if callable(self.param) else self.param

    def identity(self, site: Plan, key: PRNGKeyArray) -> list[Any]:
        """What the pictures depend on, but for the network of the site."""
        param = self.made(site)
        picture = jax.ShapeDtypeStruct((1, *param.shape), np.float32)
        functions = [traced(as_pytree(one), picture) for one in (self.f, self.normalize) if one is not None]

        def step(numbers: Any) -> Any:
            return self.optimizer.update(numbers, self.optimizer.init(numbers), numbers)

        functions.append(traced(step, jax.eval_shape(param.init, key)))
        return [self.layers, self.num_steps, self.diverse, param, functions, jax.random.key_data(key)]


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
    param = options.made(site)
    shape = param.shape
    f = site.f if options.f is None else dataclasses.replace(site.f, f=as_pytree(options.f))
    bring = options.normalize or brought(builder.given, "normalize") or _same
    augment = standard(min(shape[:2]))
    channels = np.array(site.channels[layer])
    image = jax.ShapeDtypeStruct((1, *shape), site.image.dtype)
    maps = jax.eval_shape(lambda image: site.layout.maps(upto(f, layer)(image)), image).shape
    common: dict[str, Any] = {
        "key": builder.random,
        "param": param,
        "augment": augment,
        "optimizer": options.optimizer,
        "num_steps": options.num_steps,
        "normalize": bring,
        "channel_axis": site.layout.channel_axis,
        "grid": site.layout.grid,
        "opacity": True,
    }
    found: list[Drawn] = []
    for first in range(0, len(units), _AT_A_TIME):
        tick(first, len(units))
        # Filled up with the last one: one program does for all.
        some = channels[units[np.minimum(np.arange(first, first + _AT_A_TIME), len(units) - 1)]]
        channel = maximize.channel(layer, some)
        made = {"up": maximize.render(f, channel, **common), "down": maximize.render(f, -channel, **common)}
        if len(maps) == 4:
            middle = np.full(len(some), maps[1] // 2), np.full(len(some), maps[2] // 2)
            made["unit"] = maximize.render(f, maximize.unit(layer, *middle, some), **common)
        if options.diverse > 1:
            apart = channel + _weight(builder, layer) * maximize.diversity(layer)
            made["diverse"] = maximize.render(f, apart, num_images=options.diverse, **common)
        pixels = {kind: np.asarray(result.pixels).reshape(len(some), -1, *shape) for kind, result in made.items()}
        masks = {kind: np.asarray(result.opacity).reshape(len(some), -1, *shape[:2]) for kind, result in made.items()}
        worth = {kind: _worth(builder, f, layer, some, array, augment, bring) for kind, array in pixels.items()}
        for row in range(min(_AT_A_TIME, len(units) - first)):
            best = float(builder.found[layer]["top.activations"][units[first + row], 0])
            pictures = []
            for kind, array in pixels.items():
                reached, kept = worth[kind]
                for number in range(array.shape[1]):
                    scale = best if best > 0 else np.nan
                    shown = _shown(array[row, number], masks[kind][row, number])
                    pictures.append(
                        (kind, shown, float(reached[row, number]) / scale, float(kept[row, number]) / scale)
                    )
            found.append(Drawn(pictures))
    tick(len(units), len(units))
    return found


def _weight(builder: "Builder", layer: str) -> float:
    """Of the diversity, in units of a typical activation."""
    return float(np.median(builder.found[layer]["top.activations"][:, 0])) / 50 or 1.0


def _same(pixels: Any) -> Any:
    return pixels


def _worth(
    builder: "Builder",
    f: Viewed,
    layer: str,
    channels: np.ndarray,
    pixels: np.ndarray,
    augment: Augment,
    normalize: Callable,
) -> tuple[np.ndarray, np.ndarray]:
    """The strongest activation in each picture, and the mean of that in views which no ascent has seen."""
    units, each = pixels.shape[:2]
    keys = jax.random.split(jax.random.fold_in(builder.random, 1), _VIEWS)
    values = _values(
        f,
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
    layout: MapLayout,
) -> Array:
    def reached(seen: Array) -> Array:
        highest = strongest(upto(f, layer)(normalize(seen)), layout)
        return highest[jnp.arange(len(channels)), channels]

    views = jax.lax.map(lambda key: reached(view(augment, key, pixels)), keys)
    return jnp.concatenate([reached(pixels)[None], views])


def _shown(pixels: np.ndarray, opacity: np.ndarray) -> np.ndarray:
    """A picture as bytes, small enough for the page, without the border that shifts and turns have torn."""
    edge = min(pixels.shape[:2]) // _BORDER
    inside = slice(edge, pixels.shape[0] - edge), slice(edge, pixels.shape[1] - edge)
    picture = render.contrast_stretch(pixels[inside], opacity=opacity[inside])
    return resized(picture, min(_SHOWN, *picture.shape[:2]))
