"""A static site of every unit of a network, from the first pass over the data to the last file."""

import dataclasses
import importlib.metadata
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import PRNGKeyArray

from jaxviz._core.files import file_name
from jaxviz._core.identity import digest
from jaxviz._core.probability import Probability
from jaxviz.dataset import Scan, allgather_bytes
from jaxviz.microscope import _measure, _pictures, _unit
from jaxviz.microscope._cache import Arrays, Cache
from jaxviz.microscope._classes import write_classes
from jaxviz.microscope._compare import compare
from jaxviz.microscope._crops import THUMBNAIL, Fields, thumbnails
from jaxviz.microscope._pictures import Pictures
from jaxviz.microscope._plan import Directions, Plan, plan
from jaxviz.microscope._site import Files, short
from jaxviz.transforms import RuleName

_WORK = ".work"
_FORMAT = 1  # of the files: another one is written anew
_AT_A_TIME = 32  # units between two looks at the clock
_NEIGHBORS, _NAMED = 6, 5
_NOTHING = 1e-6  # what rounding leaves of a zero
_SHEET = 64  # thumbnails in a file, in rows of eight
_OVERVIEW = 160  # thumbnails of all layers on the first page, about
_MEASURES = ("ablation", "gradients", "connections", "survival")


class Step(NamedTuple):
    """How far a build has come.

    Attributes:
        what: is being done.
        done: of it.
        total: of it.
        units: whose pages are written.
        all_units: of the site.
    """

    what: str
    done: int
    total: int
    units: int
    all_units: int


def build(
    f: Callable,
    dataset: Any,
    layers: Sequence[str],
    out: str | Path,
    *,
    channels: Sequence[int] | Mapping[str, Sequence[int]] | None = None,
    directions: Directions | None = None,
    others: Mapping[str, Callable] | None = None,
    num: int = 9,
    rule: RuleName = "deconvnet",
    pictures: Pictures | None = None,
    skip: Sequence[str] = (),
    labels: Sequence[str] | None = None,
    name: str | None = None,
    data: str | None = None,
    calls: Mapping[str, str] | None = None,
    picture: Callable[[np.ndarray, np.ndarray], np.ndarray] | None = None,
    probability: Probability | None = None,
    channel_axis: int | None = None,
    grid: tuple[int, int] | None = None,
    scan: Scan | None = None,
    key: PRNGKeyArray | None = None,
    progress: Callable[[Step], None] | None = None,
) -> Path:
    """A page for every unit of a network: what excites it, what it tells, what it is joined to.

    The site is a folder of static files. It opens by double click and from any static host, and asks nothing of any
    other place. It can be read while it fills: what is not there yet says so. The same call again, after whatever has
    happened to the process, goes on with the unit that it left off at; with other weights it repeats what depends on
    those that have changed.

    Example:
        >>> import tempfile, jax.numpy as jnp
        >>> from jax.ad_checkpoint import checkpoint_name
        >>> f = lambda images: checkpoint_name(jax.nn.relu(images - 0.2), "maps").mean((1, 2))
        >>> images = jnp.linspace(0, 1, 4 * 5 * 5).reshape(4, 5, 5, 1)
        >>> page = build(f, (images, None), ["maps"], tempfile.mkdtemp(), rule="gradient")
        >>> sorted(path.name for path in page.parent.iterdir() if not path.name.startswith("."))
        ['data', 'images', 'index.html', 'layers', 'units']

    Args:
        f: from images to outputs `(n, k)`: any JAX function or callable pytree. One that has `labels`, `name`,
            `denormalize` brings them.
        dataset: see `dataset.Scan`; images of one or three channels. With labels that the outputs stand for, the site
            has a page for each class too, and says what is lost with each unit.
        layers: names from `layers(f, images)`, of maps or vectors: `list(layers(f, images))` for all of them. The
            outputs are a layer of their own, `output`.
        out: the folder, new or of an earlier build.
        channels: which ones, of each layer alike or by layer. All by default.
        directions: by layer and name, vectors as wide as the layer: concepts, probes, or the weights of a class. Each
            gets a page as channels do, in a layer of their own.
        others: other networks of the same layers by name, such as earlier checkpoints, or one with random weights.
            Their units are shown beside those of `f`, one by one.
        num: patches of each unit.
        rule: how a projection passes a ReLU.
        pictures: of what the units ask for, by gradient ascent. None by default: they take most of the time.
        skip: measures to leave out: `"ablation"` (which takes most of the time otherwise), `"gradients"`,
            `"connections"`, `"survival"`.
        labels: names of the outputs.
        name: of the network, for the titles.
        data: what the data are called.
        calls: lines of Python that make `f` and `dataset`, by these two names, for the pages to say how to make each of
            them again.
        picture: from an example and its image to bytes `(h, w, 3)`, for images that are no pixels in [0, 1] and no
            bytes.
        probability: how it is read from the outputs, as for `dataset.ablate`.
        channel_axis: as for `grad_cam`.
        grid: as for `grad_cam`.
        scan: batch size, devices, and preprocessing; of its `resume` and `progress` the site has its own.
        key: of the pictures.
        progress: is told of each step.

    Returns:
        The path of `index.html`. Cost: a forward pass over the data for each kind of number, one of what lies above it
        for each unit that is removed, a forward and a backward pass for each patch, and the ascents.

    Raises:
        ValueError: before anything is computed: as for `dataset.strongest`, images that are no pictures, directions or
            labels that do not fit, other networks without the layers, a folder of other files.
        NotImplementedError: a function that calls Python, where results cannot be kept.
    """
    scan = Scan() if scan is None else scan
    wrong = [one for one in skip if one not in _MEASURES]
    if wrong:
        raise ValueError(f"`skip` must name measures, {', '.join(_MEASURES)}, got {wrong[0]!r}.")
    options: dict[str, Any] = {
        "channels": channels,
        "directions": directions,
        "num": num,
        "rule": rule,
        "labels": labels,
        "data": data or "the data",
        "picture": picture,
        "channel_axis": channel_axis,
        "grid": grid,
        "scan": scan,
    }
    site = plan(f, dataset, layers, name=name, **options)
    rest = {
        title: plan(other, dataset, layers, name=title, **{**options, "directions": None})
        for title, other in (others or {}).items()
    }
    for title, other in rest.items():
        if any(other.shapes[layer] != site.shapes[layer] for layer in other.layers if layer in site.shapes):
            raise ValueError(f"`others` must have layers of the same shapes, got others in {title!r}.")
    if pictures is not None:
        pictures.check(site)
    out = Path(out)
    if out.exists() and (not out.is_dir() or (any(out.iterdir()) and not (out / _WORK).is_dir())):
        raise ValueError(f"`out` must be a new folder or that of an earlier site, got {out}. Give another.")
    return Builder(f, site, rest, out, skip, pictures, probability, key, dict(calls or {}), progress).run()


class Builder:
    """The steps of a build, in the order in which they are worth most to a reader."""

    def __init__(
        self,
        given: Callable,
        site: Plan,
        others: dict[str, Plan],
        out: Path,
        skip: Sequence[str],
        pictures: Pictures | None,
        probability: Probability | None,
        key: PRNGKeyArray | None,
        calls: dict[str, str],
        progress: Callable[[Step], None] | None,
    ):
        self.given, self.plan, self.others, self.out = given, site, others, out
        self.leads = jax.process_index() == 0
        self.work = out / _WORK
        self.cache, self.files = Cache(self.work, self.leads), Files(out)
        self.skip, self.pictures = set(skip), pictures
        self.probability: Probability | None = probability
        if not site.num_classes:
            self.skip.add("ablation")
        self.random = jax.random.key(0) if key is None else key
        self.calls, self.progress = calls, progress
        self.versions = {one: importlib.metadata.version(one) for one in ("jax", "jaxviz-convnets", "numpy")}
        self.total = sum(map(len, site.channels.values()))
        self.written: dict[str, int] = dict.fromkeys(site.layers, 0)
        self.fields: dict[str, Fields] = {}

    def run(self) -> Path:
        site = self.plan
        self._together()
        if self.leads:
            self.files.page(f"{site.name} on {site.data}")
            self.files.data("data/site.js", self._about({}, None))
        self.keys = _measure.identity(site, self.versions)
        found = _measure.responses(site, self.scan, self.cache, self.keys)
        self.found = found
        self.fields = {layer: Fields(site, layer) for layer in site.layers}
        small = {layer: self._thumbnails(layer) for layer in site.layers}
        self.small = np.concatenate(list(small.values()))
        effects = _measure.class_effects(site, self.scan, self.cache, self.keys) if site.num_classes else {}
        self.effects = {layer: arrays["effect"] for layer, arrays in effects.items()}
        self.counts = next((arrays["counts"] for arrays in effects.values()), None)
        self.confusion = (
            _measure.predictions(site, self.scan, self.cache, self.keys)["matrix"] if site.num_classes else None
        )
        self.similar = _measure.similar(found, _NEIGHBORS)
        self.removed: dict[str, Arrays] = {}
        if self.leads:
            self._write_overview(small)
            self._write_all(small)
        self.gradients, self.survival, self.joined = {}, {}, {}
        if "survival" not in self.skip:
            self.survival = _measure.survival(site, found, self.cache, self.keys, self.tick("shifts, zooms, turns"))
        if "connections" not in self.skip:
            for lower, upper in zip(site.layers, site.layers[1:], strict=False):
                tick = self.tick(f"from {lower} to {upper}")
                self.joined[lower, upper] = _measure.connections(site, lower, upper, self.cache, self.keys, tick)
        if "gradients" not in self.skip:
            self.gradients = _measure.gradients(site, self.cache, self.keys, self.tick("gradients of the outputs"))
        if self.leads:
            write_classes(self)
        self.compared = compare(self)
        for layer in site.layers:
            if "ablation" not in self.skip:
                self.removed[layer] = _measure.ablation(site, layer, self.scan, self.cache, self.keys, self.probability)
            self._write_units(layer)
            self._together()
            if self.leads:
                self._write_all(small)
        if self.leads:
            self.files.data("data/site.js", self._about(small, True))
        return self.out / "index.html"

    def scan(self, what: str) -> Scan:
        """How a pass over the data is made: kept, and heard of."""
        given = self.plan.scan
        tick = self.tick(what)
        # Other weights are another scan, whose folder is another.
        folder = self.work / f"scan {file_name(what)} {digest(self.keys.whole)[:8]}"
        return dataclasses.replace(given, resume=folder, progress=tick)

    def tick(self, what: str) -> Callable[[int, int], None]:
        def tick(done: int, total: int) -> None:
            if self.progress is not None:
                self.progress(Step(what, done, total, sum(self.written.values()), self.total))

        return tick

    def _together(self) -> None:
        """Every process waits here for the others."""
        allgather_bytes(b"")

    # The units of all layers have numbers, one after the other.

    def first(self, layer: str) -> int:
        """The number of the first unit of a layer."""
        before = self.plan.layers[: self.plan.layers.index(layer)]
        return sum(len(self.plan.channels[one]) for one in before)

    def whose(self, number: int) -> tuple[str, int]:
        """Layer, and place in it, of a unit."""
        for layer in self.plan.layers:
            if number < len(self.plan.channels[layer]):
                return layer, number
            number -= len(self.plan.channels[layer])
        raise IndexError(number)

    def path(self, layer: str) -> str:
        """The folder of a layer."""
        return str(self.plan.layers.index(layer))

    def _thumbnails(self, layer: str) -> np.ndarray:
        arrays = self.found[layer]

        def draw() -> Arrays:
            indices, positions = arrays["top.indices"][:, 0], arrays["top.positions"][:, 0]
            indices = np.where(arrays["top.activations"][:, 0] > 0, indices, -1)
            return {"thumbnails": thumbnails(self.plan, layer, self.fields[layer], indices, positions)}

        return self.cache(f"thumbnails {layer}", self.keys.layers[layer], draw)["thumbnails"]

    def _write_overview(self, small: dict[str, np.ndarray]) -> None:
        each = max(3, min(8, _OVERVIEW // len(small)))
        rows = []
        for thumbs in small.values():
            chosen = np.unique(np.linspace(0, len(thumbs) - 1, min(each, len(thumbs))).astype(int))
            row = np.full((THUMBNAIL, each * THUMBNAIL, 3), 128, np.uint8)
            for place, unit in enumerate(chosen):
                row[:, place * THUMBNAIL : (place + 1) * THUMBNAIL] = thumbs[unit]
            rows.append(row)
        self.files.sheet("layers/overview.webp", np.concatenate(rows))
        for layer, thumbs in small.items():
            for number in range(-(-len(thumbs) // _SHEET)):
                some = thumbs[number * _SHEET : (number + 1) * _SHEET]
                sheet = np.full((-(-len(some) // 8) * THUMBNAIL, 8 * THUMBNAIL, 3), 128, np.uint8)
                for place, thumb in enumerate(some):
                    row, col = divmod(place, 8)
                    sheet[row * THUMBNAIL :, col * THUMBNAIL :][:THUMBNAIL, :THUMBNAIL] = thumb
                self.files.sheet(f"layers/{self.path(layer)}-{number}.webp", sheet)

    def _write_all(self, small: dict[str, np.ndarray]) -> None:
        """What of the site is about more than one unit."""
        self.files.data("data/site.js", self._about(small, False))
        for layer in self.plan.layers:
            arrays = self.found[layer]
            effect = self.effects.get(layer)
            removed = self.removed.get(layer)
            told = None if effect is None else np.nan_to_num(effect, nan=0.0)
            self.files.data(
                f"layers/{self.path(layer)}.js",
                {
                    "strength": short(arrays["top.activations"][:, 0], 3),
                    "zeros": short(arrays["zeros"], 3),
                    "flags": self._flags(layer),
                    "selectivity": None if told is None else short(np.abs(told).max(0), 3),
                    "class": None if told is None else np.abs(told).argmax(0).tolist(),
                    "loss": None if removed is None else short(removed["loss"][1:] - removed["loss"][0], 3),
                    "accuracy": None if removed is None else short(removed["accuracy"][1:] - removed["accuracy"][0], 3),
                },
            )

    def _flags(self, layer: str) -> list[str]:
        arrays = self.found[layer]
        silent = (arrays["sample.values"] <= 0).mean(0)
        rows = zip(arrays["zeros"], arrays["highest"], arrays["lowest"], silent, strict=True)
        return [_unit.flag(*map(float, row)) for row in rows]

    def _about(self, small: dict[str, np.ndarray], complete: bool | None) -> dict[str, Any]:
        site, layers = self.plan, []
        for layer in site.layers:
            about: dict[str, Any] = {
                "name": layer,
                "shape": list(site.shapes[layer][1:]),
                "channels": _count_or_list(site.channels[layer]),
                "written": self.written[layer],
            }
            if layer in site.units:
                about["units"] = list(site.units[layer]) if layer != site.output else "labels"
            if small:
                flags = self._flags(layer)
                about |= {
                    "field": self.fields[layer].side,
                    "tile": self.fields[layer].tile,
                    "dead": flags.count("dead"),
                    "always": flags.count("always"),
                }
            layers.append(about)
        return {
            "format": _FORMAT,
            "name": site.name,
            "data": site.data,
            "images": len(site.examples),
            "input": list(site.image.shape[1:]),
            "layers": layers,
            "labels": list(site.labels),
            "classes": None if not small or self.counts is None else np.flatnonzero(self.counts).tolist(),
            "accuracy": self._accuracy(small),
            "thumbnail": THUMBNAIL,
            "overview": max(3, min(8, _OVERVIEW // len(site.layers))),
            "others": list(self.others),
            "rule": site.rule,
            "output": site.output,
            "calls": self.calls,
            "versions": self.versions,
            "complete": complete,
            "pictures": self.pictures is not None,
        }

    def _accuracy(self, small: dict[str, np.ndarray]) -> float | None:
        if not small or self.confusion is None:
            return None
        return short(np.trace(self.confusion) / max(1, self.confusion.sum()))

    def _write_units(self, layer: str) -> None:
        site = self.plan
        total = len(site.channels[layer])
        key = digest(
            _FORMAT,
            self.keys.whole,
            self.keys.layers[layer],
            sorted(self.skip),
            None if self.pictures is None else self.pictures.identity(site),
            list(self.others),
        )
        mine = np.arange(total)[jax.process_index() :: jax.process_count()]
        name = f"written {layer} {jax.process_index()} of {jax.process_count()}"
        state = self.cache.find(name, key)
        done = 0 if state is None else int(state["done"])
        keeper = Cache(self.work, True)
        self.written[layer] = done
        drawn = None
        if self.pictures is not None and done < len(mine):
            tick = self.tick(f"{layer}: pictures")
            drawn = _pictures.draw(self, layer, mine[done:], tick)
        tick = self.tick(f"{layer}: pages")
        tick(done, len(mine))
        for first in range(done, len(mine), _AT_A_TIME):
            units = mine[first : first + _AT_A_TIME]
            made = _unit.patches(site, layer, self.fields[layer], self.found[layer], units)
            for row, unit in enumerate(units):
                self._write_unit(layer, int(unit), made, row, None if drawn is None else drawn[first - done + row])
            self.written[layer] = first + len(units)
            keeper.keep(name, key, {"done": np.array(first + len(units))})
            tick(first + len(units), len(mine))
        self.written[layer] = total

    def _write_unit(self, layer: str, unit: int, made: "_unit.Patches", row: int, drawn: Any) -> None:
        site, arrays, fields = self.plan, self.found[layer], self.fields[layer]
        sheet = _unit.Sheet(fields.tile)
        values = arrays["sample.values"][:, unit]
        top = []
        channel = np.array([site.channels[layer][unit]])
        for rank, index in enumerate(arrays["top.indices"][unit]):
            activation = float(arrays["top.activations"][unit, rank])
            if index < 0 or activation <= 0:
                continue
            box = made.boxes[row][rank]
            field = fields.boxes(arrays["top.positions"][unit, rank][None], channel)[0]
            sheet.add(made.patches[row, rank])
            sheet.add(made.projections[row, rank])
            top.append([self.image(int(index)), short(activation), list(box), list(field)])
        sides = [box.bottom - box.top for box in made.boxes[row]]
        side = fields.side if fields.small else int(np.median(sides))
        quantiles = []
        for quantile, pair in zip(_unit.QUANTILES, _unit.examples_at(values), strict=True):
            shown = []
            for place in pair:
                index = int(arrays["sample.indices"][place])
                field = fields.boxes(arrays["sample.positions"][place, unit][None], channel)[0]
                box = fields.middle(field, side)
                seen = site.look(index)
                tile = sheet.add(_unit.resized(box(seen), fields.tile))
                shown.append([self.image(index), short(float(values[place])), list(box), list(field), tile])
            quantiles.append([quantile, shown])
        bins = _unit.histogram(values)
        page: dict[str, Any] = {
            "top": top,
            "quantiles": quantiles,
            "histogram": bins.counts,
            "range": short([bins.low, bins.high]),
            "zeros": short(float(arrays["zeros"][unit])),
            "lowest": short(float(arrays["lowest"][unit])),
            "highest": short(float(arrays["highest"][unit])),
            "sample": len(values),
            "silent": short(float((values <= 0).mean())),
            "flag": self._flags(layer)[unit],
            "similar": self._neighbors(
                [
                    (int(other), float(r))
                    for other, r in zip(*(part[unit] for part in self.similar[layer]), strict=True)
                ],
                sheet,
            ),
        }
        if layer in self.effects:
            page["tells"] = _extremes(self.effects[layer][:, unit])
        if layer in self.gradients:
            page["gradient"] = _extremes(self.gradients[layer]["gradient"][:, unit])
            page["gradient_images"] = int(self.gradients[layer]["images"])
        if layer in self.removed:
            removed = self.removed[layer]
            page["removed"] = {
                "accuracy": short(float(removed["accuracy"][unit + 1] - removed["accuracy"][0])),
                "loss": short(float(removed["loss"][unit + 1] - removed["loss"][0])),
                "classes": _extremes(removed["classes"][unit] - self._class_accuracy()),
            }
        if layer in self.survival:
            page["survival"] = {
                kind: [list(_measure.AMOUNTS[kind]), short(self.survival[layer][kind][unit], 3)]
                for kind in _measure.AMOUNTS
            }
        for side_name, joined in (("below", self._below(layer, unit)), ("above", self._above(layer, unit))):
            if joined is not None:
                page[side_name] = self._neighbors(joined, sheet)
        if layer in self.compared:
            page["compared"] = self.compared[layer][unit]
        if drawn is not None:
            page["pictures"] = drawn.add(sheet)
        page["layout"] = [*sheet.layout(), list(sheet.size())]
        where = f"units/{self.path(layer)}/{site.channels[layer][unit]}"
        self.files.sheet(f"{where}.webp", sheet.draw())
        # Last: where it is, all of the page is.
        self.files.data(f"{where}.js", page)

    def _class_accuracy(self) -> np.ndarray:
        assert self.confusion is not None
        counts = self.confusion.sum(1)
        return np.where(counts > 0, np.diag(self.confusion) / np.maximum(counts, 1), np.nan)

    def _below(self, layer: str, unit: int) -> list[tuple[int, float]] | None:
        place = self.plan.layers.index(layer)
        if place == 0 or (self.plan.layers[place - 1], layer) not in self.joined:
            return None
        lower = self.plan.layers[place - 1]
        return _strongest(self.joined[lower, layer]["weights"][unit], self.first(lower))

    def _above(self, layer: str, unit: int) -> list[tuple[int, float]] | None:
        place = self.plan.layers.index(layer)
        if place + 1 == len(self.plan.layers) or (layer, self.plan.layers[place + 1]) not in self.joined:
            return None
        upper = self.plan.layers[place + 1]
        return _strongest(self.joined[layer, upper]["weights"][:, unit], self.first(upper))

    def _neighbors(self, units: list[tuple[int, float]], sheet: "_unit.Sheet") -> list[list[Any]]:
        rows = []
        for number, strength in units:
            if not np.isfinite(strength) or strength == 0:
                continue
            layer, unit = self.whose(number)
            place = sheet.add_thumbnail(self.small[number])
            rows.append([self.plan.layers.index(layer), self.plan.channels[layer][unit], short(strength, 3), place])
        return rows

    def image(self, index: int) -> int:
        """The number of an image, which is written where it is not yet."""
        path = f"images/{index}.webp"
        if not self.files.exists(path):
            self.files.photo(path, self.plan.look(index))
        return index


def _extremes(values: np.ndarray) -> list[list[Any]]:
    """Class and number of the largest and the smallest, but for what is nothing or none."""
    finite = np.flatnonzero(np.isfinite(values) & (np.abs(values) > _NOTHING))
    order = finite[np.argsort(-values[finite], kind="stable")]
    up = [k for k in order[:_NAMED] if values[k] > 0]
    down = [k for k in order[-_NAMED:] if values[k] < 0]
    return [[int(k), short(float(values[k]), 3)] for k in (*up, *down)]


def _count_or_list(channels: tuple[int, ...]) -> int | list[int]:
    """How many, where they are all from the first on."""
    return len(channels) if channels == tuple(range(len(channels))) else list(channels)


def _strongest(weights: np.ndarray, first: int) -> list[tuple[int, float]]:
    """The largest by size with their share of all, and their numbers."""
    total = np.abs(weights).sum()
    order = np.argsort(-np.abs(weights), kind="stable")[:_NEIGHBORS]
    return [(first + int(unit), float(weights[unit] / total) if total else 0.0) for unit in order]
