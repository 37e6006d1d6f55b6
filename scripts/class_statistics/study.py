"""Statistics and confusions, each in one pass, and one image through every layer."""

import math
import re
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import numpy as np

import jaxviz as jv
import models
from scripts._harness.networks import network_of
from scripts._harness.run_folder import Step
from scripts._harness.scan.data import Data, labeled
from scripts._harness.scan.run import Run, settings
from scripts._harness.words import class_index, unknown

if TYPE_CHECKING:
    from scripts.class_statistics.config import Config

_FIELDS = ("counts", "mean", "std", "maps", "effect", "ranking")
_EXAMPLES = 6
_TELLING = 5
_CONVOLUTIONS = re.compile(r"conv\w*|fire\w*|block\d+_\d+")
_MOST_NUMBERS = 2**27  # 1 GiB in double precision, of which a scan holds a handful


class Study(NamedTuple):
    """Everything that the steps share; `label` is the class that is followed."""

    config: "Config"
    network: models.Network
    data: Data
    layers: tuple[str, ...]
    every: tuple[str, ...]
    label: int
    labels: tuple[str, ...]
    folder: Run


def prepare(config: "Config") -> Study:
    """Look at every argument before anything is computed.

    Raises:
        ValueError: the first one that does not fit.
        FileNotFoundError: the data are not there.
    """
    network = network_of(config.network, config.scan.weights, "NETWORK")
    shapes = jv.layers(network, jax.ShapeDtypeStruct((1, *network.input_shape), np.float32))
    every = tuple(shapes)
    for layer in config.layers:
        if layer not in every:
            raise ValueError(unknown("--layers", layer, every))
    layers = config.layers or _fitting(shapes, len(network.labels))
    labels = tuple(label.replace("_", " ") for label in network.labels)
    wanted = None if config.label is None else class_index(config.label, labels, "--label")
    data = labeled(network, config.scan)
    label = _with_images(data, labels, wanted)
    run = Run(
        f"class-statistics-{network.name}",
        settings("class_statistics", config, network, data, layers=layers, label=labels[label]),
        config.scan,
        images=2 * data.size,
    )
    return Study(config, network, data, layers, every, label, labels, run)


def _with_images(data: Data, labels: tuple[str, ...], wanted: int | None) -> int:
    """The class that is wanted, or else the last one, of those that have an image.

    Raises:
        ValueError: it has none.
    """
    if isinstance(data.dataset, tuple):
        there = sorted(set(np.asarray(data.dataset[1]).tolist()))
        if wanted is not None and wanted not in there:
            few = ", ".join(labels[label] for label in there[:5])
            raise ValueError(f"`--label` must be a class with images, such as {few}, got {labels[wanted]!r}.")
        return there[-1] if wanted is None else wanted
    # What is read one by one is not read twice.
    return len(labels) - 1 if wanted is None else wanted


def _fitting(shapes: dict[str, jax.ShapeDtypeStruct], num_classes: int) -> tuple[str, ...]:
    """The convolutions and blocks, as many of the last ones as the maps of all classes fit into memory for."""
    left, chosen = _MOST_NUMBERS, []
    for layer, entry in reversed(shapes.items()):
        numbers = num_classes * math.prod(entry.shape[1:])
        if _CONVOLUTIONS.fullmatch(layer) and numbers <= left:
            chosen.append(layer)
            left -= numbers
    return tuple(reversed(chosen))


def measure(study: Study) -> dict[str, Step]:
    """All steps by name."""
    size = study.data.size
    return {
        "statistics": study.folder.step("statistics", size, lambda: _statistics(study)),
        "confusion": (confused := study.folder.step("confusion", size, lambda: confusion(study))),
        "example": study.folder.step("example", 0, lambda: _example(study, confused)),
    }


def headline(steps: dict[str, Step]) -> str:
    """Accuracy, what is confused most often, and the most telling channel of each layer."""
    confused = steps["confusion"].numbers
    effects = {
        layer: [rows[0]["effect"] for rows in classes.values() if rows and rows[0]["effect"] is not None]
        for layer, classes in steps["statistics"].numbers["most_telling"].items()
    }
    strengths = [f"{layer} {max(found, key=abs):+.1f}" for layer, found in effects.items() if found]
    lines = [f"Accuracy {confused['accuracy']:.2%}."]
    for pair in confused["most_confused"][:1]:
        lines.append(f"Most often confused: {pair['is']} taken for {pair['taken_for']} ({pair['count']} times).")
    if strengths:
        lines.append(
            "Largest effect of a channel, in standard deviations, below 0 where it is weaker on the class: "
            f"{', '.join(strengths)}."
        )
    return " ".join(lines)


def _statistics(study: Study) -> Step:
    scan = study.folder.scan("all", study.network.spec)
    found = jv.dataset.class_statistics(study.network, study.data.dataset, study.layers, scan=scan)
    arrays = {f"{layer}.{field}": getattr(one, field) for layer, one in found.items() for field in _FIELDS}
    numbers = {
        layer: {
            study.labels[label]: [
                {"channel": int(channel), "effect": _number(one.effect[label, channel])}
                for channel in one.ranking[label, :_TELLING]
            ]
            for label in range(len(study.labels))
            if one.counts[label]
        }
        for layer, one in found.items()
    }
    means = {
        layer: {name: np.round(np.nan_to_num(getattr(one, name)), 5).tolist() for name in ("mean", "std")}
        for layer, one in found.items()
    }
    skipped = list(next(iter(found.values())).skipped)
    return Step({"skipped": skipped, "most_telling": numbers, "activations": means}, arrays)


def confusion(study: Any) -> Step:
    """The confusions of a study's network, with the images of which it was most certain."""
    scan = study.folder.scan("all", study.network.spec)
    found = jv.dataset.confusion(study.network, study.data.dataset, num=_EXAMPLES, scan=scan)
    counted = found.matrix.sum(1) > 0
    numbers = {
        "accuracy": round(found.accuracy, 5),
        "class_accuracy": {
            study.labels[k]: round(float(found.class_accuracy[k]), 5) for k in np.flatnonzero(counted).tolist()
        },
        "most_confused": [
            {
                "is": study.labels[pair.label],
                "taken_for": study.labels[pair.predicted],
                "count": pair.count,
                "images": list(pair.indices),
                "confidences": np.round(pair.confidences, 4).tolist(),
            }
            for pair in found.most_confused(10)
        ],
        "skipped": list(found.skipped),
    }
    return Step(numbers, {"matrix": found.matrix})


def _example(study: Study, confused: Step) -> Step:
    """The first image of the class that is recognized, or else the first of it, and its activations everywhere."""
    tapped = jax.jit(jv.fast_on_cpu(lambda network, images: jv.tap(network, *study.every)(images)))
    spare = None
    for index in range(study.data.size):
        if index in confused.numbers["skipped"] or study.data.label(index) != study.label:
            continue
        picture = study.data.picture(index)
        logits, activations = tapped(study.network, study.network.normalize(picture[None] / np.float32(255)))
        arrays = {"picture": picture} | {name: np.asarray(act[0]) for name, act in activations.items()}
        step = Step({"image": index, "prediction": int(np.argmax(logits[0]))}, arrays)
        if step.numbers["prediction"] == study.label:
            return step
        spare = spare or step
    if spare is None:
        raise ValueError(f"`--label` must be a class with images, got {study.labels[study.label]!r} without any.")
    return spare


def _number(value: Any) -> float | None:
    return None if np.isnan(value) else round(float(value), 3)
