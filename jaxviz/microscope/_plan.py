"""What a site is about: the function with every unit that gets a page as a channel of a named layer, and the data."""

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.ad_checkpoint import checkpoint_name
from jaxtyping import Array, ArrayLike

from jaxviz._core.callables import as_pytree
from jaxviz._core.check import check_count
from jaxviz._core.layers import check_channels, check_names, check_placed
from jaxviz._core.map_layout import MapLayout, map_layout
from jaxviz._core.network import brought
from jaxviz.dataset import Examples, Scan
from jaxviz.explanation import signed_color
from jaxviz.transforms import RuleName, edit, layers, matches, upto, with_rule

OUTPUT = "output"
"""What the layer of the function's own outputs is called, whose units are the classes, where it has no name."""
_DIRECTIONS = " directions"
_KEPT = 512  # pictures

Directions = Mapping[str, Mapping[str, ArrayLike | Sequence[float]]]


@functools.partial(
    jax.tree_util.register_dataclass,
    data_fields=["f", "vectors", "inverses"],
    meta_fields=["layers", "layout", "output"],
)
@dataclasses.dataclass(frozen=True, eq=False)
class Viewed:
    """A function with its output, and the coordinates along some directions, as layers. It computes the same."""

    f: Any
    vectors: tuple[Array, ...]
    inverses: tuple[Array, ...]
    layers: tuple[str, ...]
    layout: MapLayout
    output: str

    def __call__(self, images: Any) -> Any:
        """The outputs of `f`."""
        edits = {
            layer: functools.partial(
                _through, vectors=vectors, inverse=inverse, name=layer + _DIRECTIONS, layout=self.layout
            )
            for layer, vectors, inverse in zip(self.layers, self.vectors, self.inverses, strict=True)
        }
        out = (edit(self.f, edits) if edits else self.f)(images)
        return checkpoint_name(out, self.output) if self.output else out


def _through(activation: Array, *, vectors: Array, inverse: Array, name: str, layout: MapLayout) -> Array:
    """The activation as it is; but where the coordinates change, it moves along the directions."""
    maps = layout.maps(activation)
    plain = maps @ vectors.T
    coordinates = layout.maps(checkpoint_name(layout.put(plain, activation), name))
    return layout.put(maps + (coordinates - plain) @ inverse, activation)


class Plan(NamedTuple):
    """All that the parts of a site need to know.

    Attributes:
        f: from images to outputs, with every layer of the site.
        examples: the data set by number.
        scan: how it is gone over.
        layout: of the layers.
        layers: names, in order of computation; the output is the last.
        shapes: `(n, rows, cols, channels)` or `(n, channels)` of each.
        channels: which of each have a page.
        output: the layer that is what `f` returns.
        units: names of these, where they have any: of directions, and of classes.
        num: patches of each.
        rule: how a projection passes a ReLU.
        rules: the same for each layer: below some there is no ReLU, and the gradient is all that there is.
        labels: of the outputs.
        num_classes: of the labels of the data; 0 where they have none, or none that the outputs stand for.
        picture: from the example and the image as the network gets it to a picture.
        colors: from the channels of the network's range to red, green, blue, `(c, 3)`.
        name: of the network.
        data: what the data are called.
        looked_at: pictures of late.
    """

    f: Viewed
    examples: Examples
    scan: Scan
    layout: MapLayout
    layers: tuple[str, ...]
    shapes: dict[str, tuple[int, ...]]
    channels: dict[str, tuple[int, ...]]
    output: str
    units: dict[str, tuple[str, ...]]
    num: int
    rule: str
    rules: dict[str, str]
    labels: tuple[str, ...]
    num_classes: int
    picture: Callable[[np.ndarray, np.ndarray], np.ndarray]
    colors: np.ndarray
    name: str
    data: str
    looked_at: dict[int, np.ndarray]

    @property
    def image(self) -> Any:
        """The shape and dtype of one image as the network gets it, as a batch of one."""
        batch = self.scan.images(self.examples)
        return jax.ShapeDtypeStruct((1, *batch.shape[1:]), batch.dtype)

    def images(self, indices: Sequence[int] | np.ndarray) -> np.ndarray:
        """Some images as the network gets them."""
        raw = np.stack([self.examples.image(int(index)) for index in indices])
        preprocess = self.examples.into_range(self.scan.preprocess)
        return raw if preprocess is None else np.asarray(preprocess(raw))

    def look(self, index: int) -> np.ndarray:
        """One image to be looked at, `(h, w, 3)` of bytes."""
        if index not in self.looked_at:
            while len(self.looked_at) >= _KEPT:
                del self.looked_at[next(iter(self.looked_at))]
            (image,) = self.images([index])
            self.looked_at[index] = self.picture(self.examples.image(index), image)
        return self.looked_at[index]

    def kind(self, layer: str) -> str:
        """`layer` for one of `f` itself, `output` or `direction` for one that the site has named."""
        if layer == self.output and self.f.output:
            return "output"
        return "direction" if layer in self.units and layer != self.output else "layer"

    def colored(self, projections: np.ndarray) -> np.ndarray:
        """Signed arrays of the network's range in red, green, blue, still signed."""
        return projections @ self.colors


def plan(
    f: Callable,
    dataset: Any,
    names: Sequence[str],
    *,
    channels: Sequence[int] | Mapping[str, Sequence[int]] | None,
    directions: Directions | None,
    num: int,
    rule: RuleName,
    labels: Sequence[str] | None,
    name: str | None,
    data: str,
    picture: Callable | None,
    channel_axis: int | None,
    grid: tuple[int, int] | None,
    scan: Scan,
) -> Plan:
    """Look at every argument before anything is computed.

    Raises:
        ValueError: the first one that does not fit.
    """
    layout = map_layout(f, channel_axis, grid)
    names = check_names(names)
    examples = Examples(dataset)
    image = scan.images(examples)
    if not hasattr(image, "shape") or len(image.shape) != 4 or image.shape[-1] not in (1, 3):
        raise ValueError(
            f"`dataset` must hold images of one or three channels, (h, w, 1) or (h, w, 3), got {image}. A microscope "
            "shows patches of them."
        )
    called = tuple(labels if labels is not None else brought(f, "labels") or ())
    vectors = {layer: _vectors(layer, found) for layer, found in (directions or {}).items()}
    plain = as_pytree(f)
    out = jax.eval_shape(plain, image)
    if len(getattr(out, "shape", ())) != 2:
        raise ValueError(f"`f` must return outputs (n, k), got {jax.tree.map(lambda leaf: leaf.shape, out)}.")
    output = _output(plain, names, image, out.shape)
    unnamed = output not in layers(plain, image)
    with_rule(plain, rule)  # refuses a name that is none
    inverses = tuple(jnp.linalg.pinv(one.T) for one in vectors.values())
    viewed = Viewed(plain, tuple(vectors.values()), inverses, tuple(vectors), layout, output if unnamed else "")
    for layer, found in vectors.items():
        width = check_placed(plain, (layer,), image, layout)[layer][-1]
        if found.shape[1] != width:
            raise ValueError(f"`directions` of {layer!r} must have {width} entries each, got {found.shape[1]}.")
    known = list(layers(viewed, image))
    wanted = {*names, output, *(layer + _DIRECTIONS for layer in vectors)}
    for layer in names:
        if layer not in known:
            raise ValueError(f"`layers` must be names from layers(f, images), got {layer!r}. There are: {known}.")
    chosen = tuple(layer for layer in known if layer in wanted)
    shapes = check_placed(viewed, chosen, image, layout)
    if called and len(called) != out.shape[1]:
        raise ValueError(f"`labels` must name each of the {out.shape[1]} outputs, got {len(called)}.")
    units = {layer + _DIRECTIONS: tuple(map(str, found)) for layer, found in (directions or {}).items()}
    if called:
        units[output] = tuple(map(str, called))
    own = {}
    for layer in chosen:
        total = shapes[layer][-1]
        some = channels.get(layer) if isinstance(channels, Mapping) else channels
        if some is not None and layer in names and not isinstance(channels, Mapping):
            some = [channel for channel in some if channel < total]
        own[layer] = check_channels(some if layer in names else None, total, layer)
    return Plan(
        viewed,
        examples,
        scan,
        layout,
        chosen,
        shapes,
        own,
        output,
        units,
        min(check_count(num, "num"), len(examples)),
        rule,
        {layer: _rule_below(viewed, layer, image, rule) for layer in chosen},
        called,
        _num_classes(dataset, out.shape[1]),
        picture or _picture(f, image.shape[1:]),
        _colors(f, image.shape[-1]),
        name or brought(f, "name") or getattr(f, "__name__", type(f).__name__),
        data,
        {},
    )


def _rule_below(f: Callable, layer: str, images: Any, rule: Any) -> str:
    """The rule, but where there is no ReLU at all; one that cannot be reached is refused by the projection."""
    try:
        matches(upto(f, layer), images, rule, custom_vjp="enter")
    except ValueError:
        return "gradient"
    return rule


def _output(f: Callable, names: Sequence[str], images: Any, shape: tuple[int, ...]) -> str:
    """The layer of these names that is what `f` returns, or a name for that.

    What is the same for noise is the same for all images; and an example may be one that cannot be read.
    """
    image = jax.random.normal(jax.random.key(0), (1, *images.shape[1:]), images.dtype)
    found = layers(f, image)
    for name in names:
        if name in found and found[name].shape == (1, *shape[1:]) and jnp.array_equal(upto(f, name)(image), f(image)):
            return name
    number, name = 1, OUTPUT
    while name in found:
        number, name = number + 1, f"{OUTPUT} {number + 1}"
    return name


def _vectors(layer: str, found: Mapping[str, Any]) -> Array:
    vectors = np.asarray([np.asarray(vector, np.float32) for vector in found.values()])
    if vectors.ndim != 2 or not np.isfinite(vectors).all() or not np.square(vectors).sum(1).all():
        raise ValueError(f"`directions` of {layer!r} must be finite vectors other than zero, got {vectors.shape}.")
    return jnp.asarray(vectors)


def _num_classes(dataset: Any, num_outputs: int) -> int:
    classes = max(2, num_outputs)
    try:
        Examples(dataset, classes)
    except ValueError as error:
        if "labels" not in str(error):
            raise
        return 0
    return classes


def _colors(f: Any, channels: int) -> np.ndarray:
    """What `denormalize` makes of a change of each channel: networks differ in the order and scale of their colors."""
    if channels == 1:
        return np.ones((1, 3), np.float32)
    normalize, denormalize = brought(f, "normalize"), brought(f, "denormalize")
    if normalize is None or denormalize is None:
        return np.eye(3, dtype=np.float32)
    gray = normalize(jnp.full((1, 1, 1, 3), 0.5))
    return np.concatenate([signed_color(denormalize, gray, change[None, None])[0] for change in np.eye(3, dtype="f4")])


def _picture(f: Any, shape: tuple[int, ...]) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """The example itself where it is a picture of the image's size; or the image, brought back by `denormalize`."""
    denormalize = brought(f, "denormalize")

    def picture(example: np.ndarray, image: np.ndarray) -> np.ndarray:
        if example.dtype == np.uint8 and example.shape[:2] == shape[:2]:
            found = example
        else:
            pixels = np.asarray(image if denormalize is None else denormalize(image[None])[0], np.float32)
            if denormalize is None and (pixels.min() < 0 or pixels.max() > 1):
                raise ValueError(
                    f"`picture` must be given for images that are no pixels in [0, 1], got {pixels.min():.3g} to "
                    f"{pixels.max():.3g}: a function of an example and its image to (h, w, 3) of uint8."
                )
            found = np.rint(255 * np.clip(pixels, 0, 1)).astype(np.uint8)
        return np.broadcast_to(found, (*found.shape[:2], 3))

    return picture
