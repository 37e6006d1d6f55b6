"""The numbers of every unit: one pass over the data for each kind of number, all layers at once where that can be."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxviz import dataset, robustness
from jaxviz._core.identity import digest, traced
from jaxviz._core.map_layout import MapLayout
from jaxviz._core.probability import Probability
from jaxviz._core.program import one_program
from jaxviz.dataset import Scan
from jaxviz.microscope._cache import Arrays, Cache
from jaxviz.microscope._plan import Plan
from jaxviz.transforms import after, tap, tap_gradients, upto

SAMPLE = 4096
_GRADIENTS = 8192  # backward passes for the gradients of all logits, about
_JOINED = 1024  # the same for the connections of two layers
_BACKWARD = 8  # classes, or units, whose gradients go down together
_FOLLOWED = 3  # images of each unit that are shifted, zoomed and turned
_IMAGES = 8  # that are transformed at a time
AMOUNTS = {
    "shift": (-60.0, -40.0, -20.0, 0.0, 20.0, 40.0, 60.0),
    "zoom": (1.0, 1.2, 1.4, 1.6, 1.8),
    "turn": (-60.0, -40.0, -20.0, 0.0, 20.0, 40.0, 60.0),
}
"""Pixels of an image 224 wide, factors, and degrees."""


Scans = Callable[[str, str], Scan]
"""How a pass over the data is made, from what it is called and what its result depends on."""
Tick = Callable[[int, int], None]


class Identity(NamedTuple):
    """What the numbers of each layer depend on, those of the whole function, and the images, as digests."""

    layers: dict[str, str]
    whole: str
    data: str


def identity(plan: Plan, versions: dict[str, str]) -> Identity:
    """Digests of programs, weights and data."""
    preprocess = plan.scan.preprocess
    examples = plan.examples
    data = [
        dataset.fingerprint(examples),
        None if preprocess is None else traced(preprocess, plan.scan.read(examples)),
        plan.scan.size(len(examples)),
        plan.num,
        plan.rule,
        versions,
    ]
    below = {
        layer: digest(traced(upto(plan.f, layer), plan.image), plan.channels[layer], *data) for layer in plan.layers
    }
    labels = dataset.fingerprint(labeled(plan)) if plan.num_classes else None
    return Identity(below, digest(traced(plan.f, plan.image), labels, *data), digest(*data[:2]))


def labeled(plan: Plan) -> Any:
    """The examples with their classes."""
    return dataset.Examples(plan.examples.source, plan.num_classes)


def responses(plan: Plan, scan: Scans, cache: Cache, keys: Identity) -> dict[str, Arrays]:
    """The strongest images and the sample of each layer. Layers that have stayed the same are not run again."""
    found = {layer: cache.find(f"responses {layer}", keys.layers[layer]) for layer in plan.layers}
    missing = [layer for layer in plan.layers if found[layer] is None]
    if missing:
        options: dict[str, Any] = {"channel_axis": plan.layout.channel_axis, "grid": plan.layout.grid}
        key, source = digest([keys.layers[layer] for layer in missing]), plan.examples.source
        once, again = scan("strongest images", key), scan("sample of activations", key)
        top = dataset.strongest(plan.f, source, missing, num=plan.num, scan=once, **options)
        sample = dataset.activation_sample(plan.f, source, missing, num=SAMPLE, scan=again, **options)
        for layer in missing:
            own, arrays = np.array(plan.channels[layer]), {}
            for field in ("indices", "activations", "positions"):
                arrays[f"top.{field}"] = getattr(top[layer], field)[own]
            for field in ("zeros", "lowest", "highest"):
                arrays[field] = getattr(sample[layer], field)[own]
            arrays["sample.indices"] = sample[layer].indices
            arrays["sample.values"] = sample[layer].values[:, own]
            arrays["sample.positions"] = sample[layer].positions[:, own].astype(np.int32)
            cache.keep(f"responses {layer}", keys.layers[layer], arrays)
            found[layer] = arrays
    return {layer: arrays for layer, arrays in found.items() if arrays is not None}


def class_effects(plan: Plan, scan: Scans, cache: Cache, keys: Identity) -> dict[str, Arrays]:
    """How well each unit tells each class from the others, and how many images there are of each."""
    name = "effects of classes"
    own_keys = {layer: keys.layers[layer] + keys.whole for layer in plan.layers}
    found = {layer: cache.find(f"{name} {layer}", own_keys[layer]) for layer in plan.layers}
    missing = [layer for layer in plan.layers if found[layer] is None]
    if missing:
        options: dict[str, Any] = {"channel_axis": plan.layout.channel_axis, "grid": plan.layout.grid}
        once = scan(name, digest([own_keys[layer] for layer in missing]))
        measured = dataset.class_statistics(plan.f, plan.examples.source, missing, maps=False, scan=once, **options)
        for layer, statistics in measured.items():
            own = np.array(plan.channels[layer])
            arrays = {"effect": statistics.effect[:, own].astype(np.float32), "counts": statistics.counts}
            cache.keep(f"{name} {layer}", own_keys[layer], arrays)
            found[layer] = arrays
    return {layer: arrays for layer, arrays in found.items() if arrays is not None}


def ablation(
    plan: Plan,
    layer: str,
    scan: Scans,
    cache: Cache,
    keys: Identity,
    probability: Probability | None,
) -> Arrays:
    """What is lost with each unit of a layer."""
    key = keys.whole + digest(plan.channels[layer], probability)

    def measure() -> Arrays:
        sets = [[channel] for channel in plan.channels[layer]]
        found = dataset.ablate_each(
            plan.f,
            plan.examples.source,
            layer,
            sets,
            probability=probability,
            channel_axis=plan.layout.channel_axis,
            grid=plan.layout.grid,
            scan=scan(f"{layer}: each unit removed", key),
        )
        return {
            "accuracy": np.array([found.accuracy, *found.accuracies]),
            "loss": np.array([found.loss, *found.losses]),
            "classes": found.class_accuracies.astype(np.float32),
        }

    return cache(f"ablation {layer}", key, measure)


def predictions(plan: Plan, scan: Scans, cache: Cache, keys: Identity) -> Arrays:
    """What the classes are taken for, over all images."""

    def measure() -> Arrays:
        found = dataset.confusion(plan.f, plan.examples.source, num=1, scan=scan("confusions", keys.whole))
        return {"matrix": found.matrix.astype(np.int32)}

    return cache("confusion", keys.whole, measure)


def gradients(plan: Plan, readable: np.ndarray, cache: Cache, keys: Identity, tick: Tick) -> dict[str, Arrays]:
    """The mean gradient of each output with respect to each unit, summed over its places, and over how many images."""
    below = tuple(layer for layer in plan.layers if layer != plan.output)
    num_outputs = plan.shapes[plan.output][-1]

    def measure() -> Arrays:
        images = _spread(readable, max(4, min(64, _GRADIENTS // num_outputs)))

        def rows(image: np.ndarray, classes: Array) -> list[Array]:
            return _logit_gradients(plan.f, image, classes, names=below, layout=plan.layout)

        means = _means(plan, images, num_outputs, rows, tick)
        return {"images": np.array(len(images))} | {
            layer: mean[:, np.array(plan.channels[layer])].astype(np.float32)
            for layer, mean in zip(below, means, strict=True)
        }

    channels = {layer: plan.channels[layer] for layer in below}
    found = cache("gradients", keys.whole + digest(sorted(channels.items())), measure)
    return {layer: {"gradient": found[layer], "images": found["images"]} for layer in below}


def _means(plan: Plan, images: list[int], num_rows: int, rows: Callable, tick: Tick) -> list[np.ndarray]:
    """Arrays with a row for each of some outputs, or units, a few of them at a time; their means over the images."""
    sums: list[Any] = []
    for number, index in enumerate(images):
        tick(number, len(images))
        image, parts = plan.images([index]), []
        for first in range(0, num_rows, _BACKWARD):
            # Filled up with the last one: one program does for all.
            some = np.minimum(np.arange(first, first + _BACKWARD), num_rows - 1)
            parts.append([np.asarray(part)[: num_rows - first] for part in rows(image, jnp.asarray(some))])
        whole = [np.concatenate(part).astype(np.float64) for part in zip(*parts, strict=True)]
        sums = [total + one for total, one in zip(sums, whole, strict=True)] if sums else whole
    return [total / len(images) for total in sums]


@one_program
def _logit_gradients(f: Any, image: Array, classes: Array, *, names: tuple[str, ...], layout: MapLayout) -> list[Array]:
    def single(k: Array) -> list[Array]:
        _, found = tap_gradients(f, *names)(image, k)
        return [_per_channel(found[name], layout) for name in names]

    return jax.vmap(single)(classes)


def _per_channel(activation: Array, layout: MapLayout) -> Float[Array, " c"]:
    maps = layout.maps(activation)
    return maps.astype(jnp.float32).sum(tuple(range(maps.ndim - 1)))


def strongest(activation: Array, layout: MapLayout) -> Float[Array, "n c"]:
    """The strongest activation of each channel in each image."""
    maps = layout.maps(activation)
    return maps.astype(jnp.float32).max(tuple(range(1, maps.ndim - 1)))


def connections(
    plan: Plan, lower: str, upper: str, readable: np.ndarray, cache: Cache, keys: Identity, tick: Tick
) -> Arrays:
    """How much each unit of a layer adds to each of the next: activation times gradient, a mean over images.

    The activation of an upper unit is summed over its places. What goes around the lower layer does not count.
    """
    num_upper = plan.shapes[upper][-1]

    def measure() -> Arrays:
        images = _spread(readable, max(2, min(16, _JOINED // num_upper)))

        def rows(image: np.ndarray, units: Array) -> list[Array]:
            return [_joined(plan.f, image, units, lower=lower, upper=upper, layout=plan.layout)]

        (weights,) = _means(plan, images, num_upper, rows, tick)
        return {"weights": weights[np.ix_(plan.channels[upper], plan.channels[lower])], "images": np.array(len(images))}

    return cache(f"connections {lower} {upper}", keys.layers[upper] + keys.layers[lower], measure)


@one_program
def _joined(f: Any, image: Array, units: Array, *, lower: str, upper: str, layout: MapLayout) -> Array:
    part = upto(f, upper)
    activation = upto(part, lower)(image)

    def totals(activation: Array) -> Array:
        return _per_channel(after(part, lower)(activation, image), layout)

    total, down = jax.vjp(totals, activation)

    def single(unit: Array) -> Array:
        (slope,) = down(jnp.zeros_like(total).at[unit].set(1.0))
        return _per_channel(slope * activation, layout)

    return jax.vmap(single)(units)


def survival(
    plan: Plan, found: dict[str, Arrays], readable: np.ndarray, cache: Cache, keys: Identity, tick: Tick
) -> dict[str, Arrays]:
    """What is left of each unit's activation when its strongest images are shifted, zoomed and turned, as a share."""

    def measure() -> Arrays:
        top = {layer: arrays["top.indices"][:, :_FOLLOWED] for layer, arrays in found.items()}
        images = np.unique(np.concatenate([indices.ravel() for indices in top.values()]))
        images = images[images >= 0]
        place = {int(index): number for number, index in enumerate(images)}
        border = jnp.asarray(plan.images(_spread(readable, 16)).mean((0, 1, 2)))
        made = {
            "shift": robustness.horizontal_translation(AMOUNTS["shift"], border=border),
            "zoom": robustness.enlargement(AMOUNTS["zoom"], border=border),
            "turn": robustness.rotation(AMOUNTS["turn"], border=border),
        }
        sums = {
            (layer, kind): np.zeros((len(plan.channels[layer]), len(AMOUNTS[kind])), np.float64)
            for layer in found
            for kind in AMOUNTS
        }
        counts = {layer: np.zeros(len(plan.channels[layer])) for layer in found}
        rows = {
            layer: np.array([[place.get(int(index), -1) for index in row] for row in indices])
            for layer, indices in top.items()
        }
        for first in range(0, len(images), _IMAGES):
            tick(first, len(images))
            some = images[np.minimum(np.arange(first, first + _IMAGES), len(images) - 1)]
            batch = plan.images(some)
            values = {
                kind: _transformed(plan.f, batch, transformation, names=tuple(found), layout=plan.layout)
                for kind, transformation in made.items()
            }
            for number, layer in enumerate(found):
                here = (rows[layer] >= first) & (rows[layer] < min(first + _IMAGES, len(images)))
                units, ranks = np.nonzero(here)
                which = rows[layer][units, ranks] - first
                clean = found[layer]["top.activations"][units, ranks]
                used = clean > 0
                units, which, clean = units[used], which[used], clean[used]
                np.add.at(counts[layer], units, 1)
                for kind in AMOUNTS:
                    own = np.asarray(values[kind][number])[:, which, np.array(plan.channels[layer])[units]]
                    np.add.at(sums[layer, kind], units, (own / clean).T)
        out = {}
        for (layer, kind), total in sums.items():
            seen = counts[layer][:, None]
            share = np.divide(total, seen, out=np.full_like(total, np.nan), where=seen > 0)
            out[f"{layer}.{kind}"] = share.astype(np.float32)
        return out

    measured = cache("survival", digest(sorted(keys.layers.items())), measure)
    return {layer: {kind: measured[f"{layer}.{kind}"] for kind in AMOUNTS} for layer in found}


@one_program
def _transformed(
    f: Any, images: Array, transformation: Any, *, names: tuple[str, ...], layout: MapLayout
) -> list[Array]:
    """The strongest activation of every channel, by amount, image and channel, for each layer."""

    def at(amount: Array) -> list[Array]:
        moved = jax.vmap(transformation.function, (0, None))(images, amount)
        _, acts = tap(f, *names)(moved)
        return [strongest(acts[name], layout) for name in names]

    return jax.lax.map(at, jnp.asarray(transformation.amounts, jnp.float32))


def similar(found: dict[str, Arrays], num: int) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """For each unit the units of any layer that rise and fall with it most: numbers `(c, num)` among all, and r.

    Over the images of the sample. The units that never change have none, and are none.
    """
    values = np.concatenate([arrays["sample.values"] for arrays in found.values()], 1).astype(np.float64)
    centered = values - values.mean(0)
    norms = np.sqrt(np.square(centered).sum(0))
    unit = np.divide(centered, norms, out=np.zeros_like(centered), where=norms > 0).astype(np.float32)
    results, first = {}, 0
    for layer, arrays in found.items():
        count = arrays["sample.values"].shape[1]
        r = unit[:, first : first + count].T @ unit
        r[np.arange(count), first + np.arange(count)] = -np.inf
        r[:, norms == 0] = -np.inf
        order = np.argsort(-r, axis=1, kind="stable")[:, :num]
        best = np.take_along_axis(r, order, 1)
        results[layer] = (order, np.where(norms[first : first + count, None] > 0, best, -np.inf))
        first += count
    return results


def _spread(readable: np.ndarray, num: int) -> list[int]:
    """Images spread over those that can be read."""
    last = len(readable) - 1
    return readable[np.unique(np.linspace(0, last, min(num, last + 1)).astype(int))].tolist()
