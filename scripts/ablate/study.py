"""An ablation of some filters, rankings of all, and how accuracy falls as they are removed."""

from typing import TYPE_CHECKING, NamedTuple

import jax
import numpy as np

import jaxviz as jv
import models
from scripts._harness.networks import network_of
from scripts._harness.run_folder import Step
from scripts._harness.scan.data import PHOTOS, Data, find, labeled
from scripts._harness.scan.filters import parsed
from scripts._harness.scan.run import Run, settings
from scripts._harness.words import unknown

if TYPE_CHECKING:
    from scripts.ablate.config import Config

_FILTERS = 10
_LISTED = 1000
_STEPS = 8
"""Of removal: shares of the channels at which accuracy is measured."""


class Study(NamedTuple):
    """Everything that the steps share; `off` are the filters that are off at once, `ranks` the data that rank."""

    config: "Config"
    network: models.Network
    data: Data
    ranks: Data
    layers: tuple[str, ...]
    off: dict[str, list[int]]
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
    channels = {name: found.shape[-1] for name, found in shapes.items()}
    for layer in config.layers:
        if layer not in channels:
            raise ValueError(unknown("--layers", layer, list(channels)))
    layers = config.layers or tuple(name for name in channels if name.startswith(("conv", "fire")))
    off = parsed(config.filters, channels) or _drawn(layers, channels, config.seed)
    data = labeled(network, config.scan, keep=True)
    ranks = data if data.name == PHOTOS else find(network, config.scan, config.rank_on, keep=True)
    named = [f"{layer}:{channel}" for layer, some in off.items() for channel in some]
    run = Run(
        f"ablate-{network.name}",
        settings("ablate", config, network, data, layers=layers, off=named, ranked=ranks.sha256),
        config.scan,
        images=data.size + len(layers) * (ranks.size + data.size),
    )
    return Study(
        config, network, data, ranks, layers, off, tuple(label.replace("_", " ") for label in network.labels), run
    )


def _drawn(layers: tuple[str, ...], channels: dict[str, int], seed: int) -> dict[str, list[int]]:
    every = [(layer, channel) for layer in layers for channel in range(channels[layer])]
    places = np.sort(np.random.default_rng(seed).permutation(len(every))[:_FILTERS])
    off: dict[str, list[int]] = {}
    for place in places:
        layer, channel = every[place]
        off.setdefault(layer, []).append(channel)
    return off


def measure(study: Study) -> dict[str, Step]:
    """All steps by name."""
    run = study.folder
    steps = {"ablation": run.step("ablation", study.data.size, lambda: _ablation(study))}
    steps["first"] = run.step("first", 0, lambda: _first(study))
    for layer in study.layers:
        ranking = run.step(f"ranking-{layer}", study.ranks.size, lambda layer=layer: _ranking(study, layer))
        order = ranking.arrays["ranking"]
        steps[f"ranking-{layer}"] = ranking
        steps[f"curve-{layer}"] = run.step(
            f"curve-{layer}", study.data.size, lambda layer=layer, order=order: _curve(study, layer, order)
        )
    return steps


def headline(steps: dict[str, Step]) -> str:
    """Accuracy before and after, and what most images turn into."""
    found = steps["ablation"].numbers
    turned = ", ".join(f"{pair['was']} to {pair['is']} ({pair['count']})" for pair in found["taken_for"][:3])
    before, after = found["accuracy"]["before"], found["accuracy"]["after"]
    most = f" Most: {turned}." if turned else ""
    return f"{before:.1%} before, {after:.1%} after; {found['lost']} images lost, {found['won']} won.{most}"


def _ablation(study: Study) -> Step:
    scan = study.folder.scan("all", study.network.spec)
    found = jv.dataset.ablate(study.network, study.data.dataset, study.off, num_changed=_LISTED, scan=scan)
    arrays = {name: getattr(found, name) for name in ("before", "after", "taken", "changed")}
    wrong = found.taken - np.diag(np.diag(found.taken))
    most = np.argsort(-wrong, axis=None, kind="stable")[:10]
    numbers = {
        "accuracy": dict(zip(("before", "after"), (round(share, 5) for share in found.accuracy), strict=True)),
        "class_accuracy": {
            label: [None if np.isnan(share) else round(float(share), 5) for share in shares]
            for label, *shares in zip(study.labels, *found.class_accuracy, strict=True)
        },
        "lost": found.num_lost,
        "won": found.num_won,
        "taken_for": [
            {"was": study.labels[a], "is": study.labels[b], "count": int(wrong[a, b])}
            for a, b in zip(*np.unravel_index(most, wrong.shape), strict=True)
            if wrong[a, b]
        ],
        "skipped": list(found.skipped),
    }
    return Step(numbers, arrays)


def _first(study: Study) -> Step:
    """Answers before and after for the first images, changed or not."""
    images, labels = (part[:_LISTED] for part in study.data.dataset)
    kept = {
        layer: ~np.isin(np.arange(jv.layers(study.network, _one(study))[layer].shape[-1]), some)
        for layer, some in study.off.items()
    }

    @jax.jit
    @jv.fast_on_cpu
    def both(network: models.Network, images: jax.Array) -> jax.Array:
        images = network.normalize(images / np.float32(255))
        ablated = jv.edit(
            network, {name: lambda act, own=own: jax.numpy.where(own, act, 0) for name, own in kept.items()}
        )
        return jax.numpy.stack([network(images).argmax(1), ablated(images).argmax(1)], 1)

    size = min(jv.dataset.Scan(batch_size=study.config.scan.batch_size).size(len(images)), len(images))
    answers = []
    for first in range(0, len(images), size):
        some = np.minimum(np.arange(first, first + size), len(images) - 1)
        answers.append(np.asarray(both(study.network, images[some]))[: len(images) - first])
    answers = np.concatenate(answers)
    rows = [[int(number), *map(int, row)] for number, row in enumerate(np.column_stack([labels, answers]))]
    return Step({"columns": ["image", "class", "before", "after"], "labels": list(study.labels), "rows": rows}, {})


def _one(study: Study) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct((1, *study.network.input_shape), np.float32)


def _ranking(study: Study, layer: str) -> Step:
    scan = study.folder.scan("all", study.network.spec)
    found = jv.dataset.rank_channels(study.network, study.ranks.dataset, layer, scan=scan)
    numbers = {
        "accuracy": round(found.accuracy, 5),
        "ranking": found.ranking.tolist(),
        "accuracy_without": np.round(found.accuracies, 5).tolist(),
        "loss_without": np.round(found.losses, 5).tolist(),
    }
    return Step(numbers, {"ranking": found.ranking, "accuracies": found.accuracies, "losses": found.losses})


def _curve(study: Study, layer: str, ranking: np.ndarray) -> Step:
    """Accuracy with more and more channels removed, in several orders of removal."""
    random = np.random.default_rng(study.config.seed)
    orders = [ranking, ranking[::-1], *(random.permutation(ranking) for _ in range(study.config.orders))]
    counts = np.unique(np.rint(np.linspace(0, len(ranking), _STEPS + 1)[1:]).astype(int))
    sets = [[int(channel) for channel in order[:count]] for order in orders for count in counts]
    scan = study.folder.scan("all", study.network.spec)
    found = jv.dataset.ablate_each(study.network, study.data.dataset, layer, sets, scan=scan)
    # Without any removed, every order has the same.
    removed = found.accuracies.reshape(len(orders), -1)
    accuracies = np.concatenate([np.full((len(orders), 1), found.accuracy), removed], 1)
    numbers = {
        "removed": [0, *counts.tolist()],
        "of": len(ranking),
        "most_missed_first": np.round(accuracies[0], 5).tolist(),
        "least_missed_first": np.round(accuracies[1], 5).tolist(),
        "random": np.round(accuracies[2:], 5).tolist(),
    }
    return Step(numbers, {"removed": np.array([0, *counts]), "accuracies": accuracies})
