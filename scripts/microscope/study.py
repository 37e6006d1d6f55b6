"""A site with a page for every unit of a network."""

import contextlib
import functools
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import numpy as np
import optax
from tqdm import tqdm

import jaxviz as jv
import models
from jaxviz import microscope
from jaxviz.maximize import param
from scripts._harness.clock import Clock
from scripts._harness.errors import UsageError, checking
from scripts._harness.networks import check_size, network_of
from scripts._harness.run_folder import dumps
from scripts._harness.scan.data import Data, Normalized, find
from scripts._harness.versions import versions
from scripts._harness.words import unknown

if TYPE_CHECKING:
    from scripts.microscope.config import Config

_WORK = ".work"  # what is no part of the site
_CONTRAST = 1.5
_RATE = 0.1
_SPECTRUM = 1000  # images that the spectrum is the mean of, at most


class Study(NamedTuple):
    """Everything that the build needs."""

    config: "Config"
    network: models.Network
    others: dict[str, models.Network]
    data: Data
    layers: tuple[str, ...]
    channels: dict[str, list[int]] | None
    out: Path


def prepare(config: "Config") -> Study:
    """Look at every argument before anything is computed.

    Raises:
        ValueError: the first one that does not fit.
        UsageError: weights or data that are not there.
    """
    network = network_of(config.network, config.scan.weights, "NETWORK")
    shapes = jv.layers(network, jax.ShapeDtypeStruct((1, *network.input_shape), np.float32))
    for option, layers in (("--layers", config.layers), ("--pictures-of", config.pictures_of)):
        for layer in layers:
            if layer not in shapes:
                raise ValueError(unknown(option, layer, list(shapes)))
    layers = config.layers or _usual(network, {name: found.shape for name, found in shapes.items()})
    channels = None
    if config.channels:
        channels = {layer: _channels(config.channels, shapes[layer].shape[-1], layer) for layer in layers}
    if "pictures" not in config.without:
        check_size(_resized(network, config.size), "--size")
    data = find(network, config.scan)
    others = {}
    for weights in config.compare:
        name = Path(weights).stem
        others[name] = models.initialize(network.name) if weights == "random" else _other(network.name, weights)
    out = config.scan.out or Path("runs") / f"microscope-{network.name}-{data.name}"
    if not microscope.is_free(out):
        raise UsageError(f"`--out` must be a new folder or one of the same run, got {out}. Use another.")
    return Study(config, network, others, data, tuple(layers), channels, out)


def measure(study: Study, clock: Clock) -> Path:
    """The site, with a bar for each of its steps. What this call took, and how large it is, lies in its `.work`."""
    config, network, data = study.config, study.network, study.data
    scan = jv.dataset.Scan(
        batch_size=config.scan.batch_size,
        devices=config.scan.devices,
        preprocess=Normalized(network.spec),
        save_every=config.scan.save_every,
        skip_corrupt=config.scan.skip_corrupt,
    )
    with _Bars(clock) as bars:
        page = microscope.build(
            network,
            data.dataset,
            study.layers,
            study.out,
            channels=study.channels,
            others=study.others,
            num=min(config.num, data.size),
            rule=config.rule,
            pictures=None if "pictures" in config.without else _pictures(study),
            skip=[one for one in config.without if one != "pictures"],
            data=f"{data.name} {data.split}".strip(),
            calls=_calls(network.name, data),
            scan=scan,
            key=jax.random.key(config.seed),
            progress=bars,
        )
    if jax.process_index() == 0:
        record = _record(study, clock, bars.units)
        (study.out / _WORK / "build.json").write_text(dumps(record), "utf-8")
    return page


def _record(study: Study, clock: Clock, units: int) -> dict[str, Any]:
    files = [path for path in study.out.rglob("*") if path.is_file() and _WORK not in path.parts]
    return {
        "network": study.network.name,
        "data": f"{study.data.name} {study.data.split}".strip(),
        "images": study.data.size,
        "units": units,
        "without": list(study.config.without),
        "seconds": {name: round(seconds, 1) for name, seconds in clock.seconds().items()},
        "whole": round(clock.total(), 1),
        "files": len(files),
        "bytes": sum(path.stat().st_size for path in files),
        "versions": versions(),
    }


def _calls(name: str, data: Data) -> dict[str, str]:
    """The lines that make `f`, `dataset` and `scan` again."""
    lines = {
        "imports": "import models, numpy as np",
        "f": f'f = models.load("{name}")',
        "scan": "scan = jv.dataset.Scan(preprocess=lambda images: f.normalize(images / np.float32(255)))",
    }
    if data.split:
        own = f'models.datasets.load("{data.name}", "{data.split}")'
        return lines | {"data": f"data = {own}", "dataset": "dataset = (data.images, data.labels)"}
    return lines | {"dataset": "dataset = ...  # photos of the network's size, uint8, and labels"}


def _usual(network: models.Network, shapes: dict[str, tuple[int, ...]]) -> tuple[str, ...]:
    """All layers but for pools, and for maps of the classes themselves, which the outputs are the means of."""
    outputs = len(network.labels)
    maps = [name for name, shape in shapes.items() if len(shape) == 4 and shape[-1] == outputs]
    return tuple(name for name in shapes if not name.startswith("pool") and name not in maps)


def _channels(text: str, total: int, layer: str) -> list[int]:
    """The channels that are named, of those that the layer has."""
    if match := re.fullmatch(r"(\d*):(\d*)", text):
        first, last = int(match[1] or 0), int(match[2] or total)
        chosen = list(range(first, min(last, total)))
    elif re.fullmatch(r"\d+(,\d+)*", text):
        chosen = sorted({int(one) for one in text.split(",") if int(one) < total})
    else:
        raise ValueError(f"`--channels` must be FIRST:END or numbers with commas, got {text!r}.")
    if not chosen:
        raise ValueError(f"`--channels` must have some of the {total} channels of {layer}, got {text!r}.")
    return chosen


def _other(name: str, weights: str) -> models.Network:
    with checking(weights="--compare"):
        return models.load(name, weights)


def _resized(network: models.Network, size: int) -> models.Network:
    return network.resized(size) if network.spec.any_size else network


def _pictures(study: Study) -> microscope.Pictures:
    """Phases alone vary; how much there is of each frequency is as in the data."""
    config, data = study.config, study.data
    network = _resized(study.network, config.size)
    every = -(-data.size // _SPECTRUM)
    channels = network.input_shape[2]
    photos = (data.picture(index)[..., :channels] / np.float32(255) for index in range(0, data.size, every))
    spectrum = param.natural_spectrum(photos, network.input_shape)
    return microscope.Pictures(
        layers=config.pictures_of or None,
        f=network,
        num_steps=config.steps,
        diverse=config.diverse,
        param=param.maco(network.input_shape, spectrum, _CONTRAST),
        optimizer=_optimizer(),
    )


@functools.cache
def _optimizer() -> optax.GradientTransformation:
    # Made once: another one is another program.
    return optax.adam(_RATE)


class _Bars:
    """A bar with an estimate for each step, one after the other; their seconds go to a clock."""

    def __init__(self, clock: Clock) -> None:
        self.units = 0
        self._clock, self._timed = clock, contextlib.ExitStack()
        self._bar: Any = None
        self._what = ""

    def __enter__(self) -> "_Bars":
        return self

    def __exit__(self, *_: object) -> None:
        self._timed.close()
        if self._bar is not None:
            self._bar.close()

    def __call__(self, step: microscope.Step) -> None:
        """Hear of a step."""
        if step.what != self._what:
            self.__exit__()
            self._what, self.units = step.what, step.all_units
            self._timed.enter_context(self._clock(_kind(step.what)))
            if jax.process_index() == 0:
                self._bar = tqdm(total=step.total, desc=step.what, smoothing=0.1)
        if self._bar is not None:
            self._bar.set_postfix_str(f"{step.units} of {step.all_units} units written", refresh=False)
            self._bar.update(step.done - self._bar.n)
        if step.done >= step.total:
            self._timed.close()


def _kind(what: str) -> str:
    """The same step of all layers under one name."""
    return "connections" if what.startswith("from ") else what.rpartition(": ")[2]
