"""What a page explains: a network's answer to a photo, with all that the steps need to know of both."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float, UInt8

from jaxviz._core.callables import as_pytree
from jaxviz._core.check import check_baseline, check_count, check_outputs
from jaxviz._core.choices import class_index, unknown
from jaxviz._core.network import brought
from jaxviz._core.probability import Probability, check_probability, log_of_classes
from jaxviz.attribution import METHODS, occlusion_grid
from jaxviz.explanation._layers import choose, has_relus, maps_of
from jaxviz.explanation._view import Range, View, view_of
from jaxviz.transforms import matches

_UNITS = 6
_KNOWN = tuple(name for name, method in METHODS.items() if method.page)
_SHOWN = (
    *("saliency", "smoothgrad", "integrated_gradients", "deconvnet", "guided", "grad_cam", "grad_cam_pp", "layer_cam"),
    *("score_cam", "guided_grad_cam"),
)

Targets = int | str | Sequence[int | str] | None


@dataclasses.dataclass(frozen=True)
class Options:
    """What to show, the same for all networks and photos of a page; see `jaxviz.explain`."""

    target: Targets = None
    labels: Sequence[str] | None = None
    layers: Sequence[str] | None = None
    methods: Sequence[str] | None = None
    units: int | None = None
    window: int | None = None
    stride: int | None = None
    baseline: ArrayLike = 0.0
    probability: Probability | None = None
    normalize: Callable | None = None
    denormalize: Callable | None = None
    input_range: Range | None = None
    key: Array | None = None


class Subject(NamedTuple):
    """A network and a photo.

    `images` is a batch of one in the network's range, and `photo` what it shows. `targets` are classes, and `None` is
    the most probable one. `layers` go from shallow to deep; `shapes` has those of all maps. `prefix` stands before the
    names of its results where a page has several networks or photos.
    """

    f: Callable
    network: str
    name: str
    prefix: str
    images: Float[Array, "1 h w c"]
    photo: UInt8[np.ndarray, "h w 3"]
    view: View
    num_outputs: int
    labels: tuple[str, ...]
    targets: tuple[int | None, ...]
    layers: tuple[str, ...]
    shapes: Mapping[str, tuple[int, ...]]
    methods: tuple[str, ...]
    units: int
    window: int
    stride: int
    baseline: Float[Array, "..."]
    probability: Probability | None
    key: Array

    @property
    def cam_layer(self) -> str | None:
        """The layer of the class activation maps: the deepest chosen one."""
        return self.layers[-1] if self.layers else None

    def probabilities(self, outputs: Float[Array, "*n k"]) -> Float[Array, "*n k2"]:
        """Of all classes: a head of one output tells two apart."""
        flat = log_of_classes(jnp.asarray(outputs).reshape(-1, self.num_outputs), self.probability)
        return jnp.exp(flat).reshape(*outputs.shape[:-1], -1)

    def output(self, target: int) -> int:
        """The output that speaks for a class."""
        return target if self.num_outputs > 1 else 0


class Source(NamedTuple):
    """A network and its images by name, each a batch of one in its own range, with what undoes its preprocessing."""

    name: str
    f: Callable
    images: Mapping[str, Float[Array, "1 h w c"]]
    denormalize: Callable | None = None


def subjects(sources: Sequence[Source], options: Options) -> tuple[Subject, ...]:
    """Every network with each of its images, and every argument looked at before anything is computed.

    Raises:
        ValueError: for the first one that does not fit.
        TypeError: one of another kind.
    """
    found = []
    given = options
    for source in sources:
        if len(sources) > 1 and given.layers:
            options = dataclasses.replace(given, layers=_own_layers(source, sources, given.layers))
        for name, images in source.images.items():
            parts = [source.name] * (len(sources) > 1) + [name] * (len(source.images) > 1)
            prefix = "".join(f"{part}-" for part in parts)
            found.append(_subject(source, name, prefix, images, options))
    return tuple(found)


def _own_layers(source: Source, sources: Sequence[Source], layers: Sequence[str]) -> Sequence[str] | None:
    """Those of the layers that a network has: each network has its own, and one that has none of them shows others."""
    maps = [maps_of(as_pytree(each.f), next(iter(each.images.values()))) for each in sources]
    for layer in layers:
        if not any(layer in own for own in maps):
            raise ValueError(unknown("layers", layer, list(dict.fromkeys(name for own in maps for name in own))))
    own = maps[[each is source for each in sources].index(True)]
    return [layer for layer in layers if layer in own] or None


def _subject(source: Source, name: str, prefix: str, images: Float[Array, "1 h w c"], options: Options) -> Subject:
    f, bare = source.f, as_pytree(source.f)
    num_outputs = check_outputs(bare, images)
    probability = check_probability(options.probability, num_outputs)
    labels = _labels(f, options.labels, num_outputs)
    layers, shapes = choose(bare, images, options.layers, num_outputs)
    methods = _methods(bare, images, options.methods, layers)
    view = view_of(f, images, source.denormalize or options.denormalize, options.input_range)
    photo = view.photo(images)
    window, stride = _grid(options, photo.shape[:2])
    return Subject(
        bare,
        source.name,
        name,
        prefix,
        images,
        photo,
        view,
        num_outputs,
        labels,
        _targets(options.target, labels, num_outputs),
        layers,
        shapes,
        methods,
        _units(options.units, [shapes[layer][-1] for layer in layers]),
        window,
        stride,
        check_baseline(options.baseline, images.shape[1:], "images").astype(images.dtype),
        probability,
        jax.random.key(0) if options.key is None else options.key,
    )


def _labels(f: Callable, given: Sequence[str] | None, num_outputs: int) -> tuple[str, ...]:
    labels = brought(f, "labels") if given is None else given
    num_classes = max(num_outputs, 2)
    if labels is None:
        return tuple(f"class {k}" for k in range(num_classes))
    if len(labels) != num_classes:
        of = "class 0 and class 1 of a head of one output" if num_outputs == 1 else f"{num_outputs} outputs"
        raise ValueError(f"`labels` must hold one label for each of {of}, got {len(labels)}. Give them in that order.")
    return tuple(str(label).replace("_", " ") for label in labels)


def _targets(given: Targets, labels: tuple[str, ...], num_outputs: int) -> tuple[int | None, ...]:
    several = isinstance(given, Sequence) and not isinstance(given, str)
    targets: Sequence[Any] = given if several else [given]  # pyright: ignore[reportAssignmentType]
    if not targets:
        raise ValueError("`target` must be at least one class, got none. Leave it out for the most probable one.")
    for target in targets:
        if not isinstance(target, str | int | np.integer | None) or isinstance(target, bool):
            raise TypeError(f"`target` must be the number or the label of a class, got {target!r}.")
    found = tuple(dict.fromkeys(None if target is None else class_index(target, labels) for target in targets))
    if num_outputs == 1 and 0 in found:
        raise ValueError(
            "`target` must be 1, the class that the one output speaks for, got 0. What speaks against 1 is blue."
        )
    return (1,) if num_outputs == 1 else found


def _methods(f: Callable, images: Array, given: Sequence[str] | None, layers: tuple[str, ...]) -> tuple[str, ...]:
    if given is None:
        relus = has_relus(f, images)
        return tuple(
            name for name in _SHOWN if (layers or not METHODS[name].layer) and (relus or not METHODS[name].rule)
        )
    for name in given or ("",):
        if name not in _KNOWN:
            raise ValueError(unknown("methods", name, list(_KNOWN)))
        if METHODS[name].layer and not layers:
            known = ", ".join(maps_of(f, images)) or "none"
            raise ValueError(
                f"`methods` must not read a layer where `layers` has none, got {name!r}. Layers of maps are: {known}."
            )
        if METHODS[name].rule:
            matches(f, jax.ShapeDtypeStruct(images.shape, images.dtype), "guided")
    return tuple(dict.fromkeys(given))


def _units(given: int | None, channels: Sequence[int]) -> int:
    if given is None:
        return _UNITS
    units = check_count(given, "units")
    if channels and units > max(channels):
        raise ValueError(f"`units` must be at most {max(channels)}, the most channels of a layer, got {units}.")
    return units


def _grid(options: Options, size: tuple[int, ...]) -> tuple[int, int]:
    window = max(1, min(size) // 7) if options.window is None else options.window
    stride = max(1, round(3 * check_count(window, "window") / 8)) if options.stride is None else options.stride
    occlusion_grid((*size, 3), window, stride)
    return window, check_count(stride, "stride")
