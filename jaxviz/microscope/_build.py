"""A static site of every unit of a network, from the first pass over the data to the last file."""

import dataclasses
import importlib.metadata
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import PRNGKeyArray

from jaxviz._core.identity import digest
from jaxviz._core.probability import Probability
from jaxviz.dataset import Scan, allgather_bytes
from jaxviz.microscope import _measure
from jaxviz.microscope._cache import Arrays, Cache
from jaxviz.microscope._classes import write_classes
from jaxviz.microscope._compare import compare
from jaxviz.microscope._crops import Fields, thumbnails
from jaxviz.microscope._pages import flags_of, write_about, write_layers, write_sheets
from jaxviz.microscope._pictures import Pictures
from jaxviz.microscope._plan import Directions, Plan, plan
from jaxviz.microscope._site import Files
from jaxviz.microscope._unit_page import NEIGHBORS, write_units
from jaxviz.transforms import RuleName

_WORK, _SCANS = ".work", "scans"
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
    if not is_free(out):
        raise ValueError(f"`out` must be a new folder or that of an earlier site, got {out}. Give another.")
    return Builder(f, site, rest, out, skip, pictures, probability, key, dict(calls or {}), progress).run()


def is_free(out: str | Path) -> bool:
    """Whether a site may be built at a path: a new folder, an empty one, or that of an earlier build."""
    out = Path(out)
    return not out.exists() or (out.is_dir() and ((out / _WORK).is_dir() or not any(out.iterdir())))


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
        self.flags: dict[str, list[str]] = {}
        self.thumbnails: dict[str, np.ndarray] = {}
        self.confusion: np.ndarray | None = None
        self.counts: np.ndarray | None = None

    def run(self) -> Path:
        site = self.plan
        self._together()
        if self.leads:
            self.files.page(f"{site.name} on {site.data}")
            write_about(self, False)
        self.keys = _measure.identity(site, self.versions)
        self.other_keys = {name: _measure.identity(other, self.versions) for name, other in self.others.items()}
        self._clear()
        self._together()
        found = _measure.responses(site, self.scan, self.cache, self.keys)
        self.found = found
        readable = found[site.layers[0]]["sample.indices"]
        self.fields = {layer: Fields(site, layer) for layer in site.layers}
        self.flags = {layer: flags_of(self, layer) for layer in site.layers}
        self.thumbnails = {layer: self._thumbnails(layer) for layer in site.layers}
        self.small = np.concatenate(list(self.thumbnails.values()))
        effects = _measure.class_effects(site, self.scan, self.cache, self.keys) if site.num_classes else {}
        self.effects = {layer: arrays["effect"] for layer, arrays in effects.items()}
        self.counts = next((arrays["counts"] for arrays in effects.values()), None)
        if site.num_classes:
            self.confusion = _measure.predictions(site, self.scan, self.cache, self.keys)["matrix"]
        self.similar = _measure.similar(found, NEIGHBORS)
        self.removed: dict[str, Arrays] = {}
        if self.leads:
            write_sheets(self)
            write_layers(self)
        self.gradients, self.survival, self.joined = {}, {}, {}
        if "survival" not in self.skip:
            self.survival = _measure.survival(
                site, found, readable, self.cache, self.keys, self.tick("shifts, zooms, turns")
            )
        if "connections" not in self.skip:
            for lower, upper in zip(site.layers, site.layers[1:], strict=False):
                tick = self.tick(f"from {lower} to {upper}")
                self.joined[lower, upper] = _measure.connections(
                    site, lower, upper, readable, self.cache, self.keys, tick
                )
        if "gradients" not in self.skip:
            tick = self.tick("gradients of the outputs")
            self.gradients = _measure.gradients(site, readable, self.cache, self.keys, tick)
        if self.leads:
            write_classes(self)
        self.compared = compare(self)
        for layer in site.layers:
            if "ablation" not in self.skip:
                self.removed[layer] = _measure.ablation(site, layer, self.scan, self.cache, self.keys, self.probability)
            write_units(self, layer)
            self._together()
            if self.leads:
                write_layers(self)
        if self.leads:
            write_about(self, True)
            shutil.rmtree(self.work / _SCANS, ignore_errors=True)
        return self.out / "index.html"

    def _clear(self) -> None:
        """Take away what is of other data, layers or channels: it has the same names."""
        key = digest(self.keys.data, self.plan.layers, sorted(self.plan.channels.items()), list(self.others))
        if self.leads and self.cache.find("names", key) is None:
            for folder in ("images", "units", "layers", "classes", "compare"):
                shutil.rmtree(self.out / folder, ignore_errors=True)
            self.cache.keep("names", key, {})

    def scan(self, what: str, key: str) -> Scan:
        """How a pass over the data is made: kept in a folder of its own, as another one is refused, and heard of."""
        folder = self.work / _SCANS / digest(what, key)[:16]
        return dataclasses.replace(self.plan.scan, resume=folder, progress=self.tick(what))

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

    def image(self, index: int) -> int:
        """The number of an image, which is written where it is not yet."""
        path = f"images/{index}.webp"
        if not self.files.exists(path):
            self.files.photo(path, self.plan.look(index))
        return index
