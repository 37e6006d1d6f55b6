"""Features of every photo once for each trunk, and a linear softmax on them for each layer and size of training set."""

import dataclasses
import functools
import sys
import time
from typing import Any

import numpy as np
from tqdm import tqdm

import models
from models import transfer
from scripts._harness.run_folder import Step
from scripts.generalize.folds import Fold, draw
from scripts.generalize.study import Study

TRUNKS = ("trained", "random")

# Zeiler and Fergus 2014, table 4: Caltech-101, accuracy and its deviation over folds, by photos a class.
PAPER = {
    "ImageNet-pretrained convnet": {15: (0.838, 0.005), 30: (0.865, 0.005)},
    "the same trained from scratch": {15: (0.228, 0.015), 30: (0.465, 0.017)},
}


def measure(study: Study) -> dict[str, Any]:
    """All that the folds of each trunk found, for JSON; each fold is a step."""
    folds = {
        trunk: [
            study.folder.step(f"{trunk}-{number}", functools.partial(_fold, study, trunk, number))
            for number in range(study.config.folds)
        ]
        for trunk in TRUNKS
    }
    return summarize(study, folds)


def summarize(study: Study, steps: dict[str, list[Step]]) -> dict[str, Any]:
    """Mean and standard deviation over the folds, for each trunk, layer and size of training set."""
    results = []
    for trunk in TRUNKS:
        folds = [step.numbers["results"] for step in steps[trunk]]
        for same in zip(*folds, strict=True):
            shares = [result["accuracy"] for result in same]
            results.append(
                {
                    "trunk": trunk,
                    "layer": same[0]["layer"],
                    "count": same[0]["count"],
                    "accuracy": round(float(np.mean(shares)), 5),
                    "deviation": round(float(np.std(shares, ddof=1)), 5) if len(shares) > 1 else None,
                    "folds": shares,
                    "strengths": [result["strength"] for result in same],
                }
            )
    return {
        "data": study.config.data,
        "network": study.config.network,
        "photos": len(study.photos),
        "classes": int(study.labels.max()) + 1,
        "test_photos": [step.numbers["test_photos"] for step in steps["trained"]],
        "measure": "mean over the classes of the accuracy on test photos",
        "results": results,
        "paper": {name: {str(count): list(pair) for count, pair in points.items()} for name, points in PAPER.items()},
        "seconds": {trunk: sum(step.numbers["seconds"] for step in steps[trunk]) for trunk in TRUNKS},
    }


def headline(numbers: dict[str, Any]) -> str:
    """The best layer of each trunk, by the size of the training set."""
    best: dict[tuple[str, int], dict[str, Any]] = {}
    for result in numbers["results"]:
        place = (result["trunk"], result["count"])
        if place not in best or result["accuracy"] > best[place]["accuracy"]:
            best[place] = result
    lines = [
        f"{trunk} trunk, {count} a class: {result['accuracy']:.1%} ({result['layer']})"
        for (trunk, count), result in best.items()
    ]
    return f"{'; '.join(lines)}."


def _fold(study: Study, trunk: str, number: int) -> Step:
    start = time.perf_counter()
    features = _features(study, trunk, number)
    config = study.config
    fold = draw(study.labels, study.own_train, max(config.counts), number, config.seed)
    tasks = [(layer, count) for layer in study.layers for count in sorted(set(config.counts))]
    results = []
    with tqdm(tasks, unit="fit", desc=f"{trunk} {number}", file=sys.stderr) as bar:
        for layer, count in bar:
            strength, shares = probe(features[layer], study.labels, fold, count, config.strengths)
            result = {"layer": layer, "count": count, "strength": strength, "accuracy": round(float(shares.mean()), 5)}
            results.append(result)
            bar.set_postfix_str(f"{layer}, {count} a class: {shares.mean():.1%}")
    numbers = {
        "trunk": trunk,
        "fold": number,
        "test_photos": len(fold.test),
        "results": results,
        "seconds": round(time.perf_counter() - start, 1),
    }
    return Step(numbers, {"test": fold.test, "train": fold.train})


def probe(
    features: np.ndarray, labels: np.ndarray, fold: Fold, count: int, strengths: tuple[float, ...]
) -> tuple[float, np.ndarray]:
    """The regularization that held-out training photos choose, and the accuracy on test photos of each class.

    Test photos have no say in the choice. With one photo a class nothing can be held out: the middle strength is taken.
    """
    num_classes = int(labels.max()) + 1
    strength = sorted(strengths)[len(strengths) // 2]
    if count > 1:
        fit, held = fold.held_out(count)
        fits = transfer.softmax_path(features[fit], labels[fit], num_classes, strengths=strengths)
        # The strongest of equals: `fits` goes from strong to weak.
        strength = max(fits, key=lambda value: _right(fits[value], features, labels, held).mean())
    photos = fold.photos(count)
    softmax = transfer.fit_softmax(features[photos], labels[photos], num_classes, strength=strength)
    right = _right(softmax, features, labels, fold.test)
    return strength, np.array([right[labels[fold.test] == k].mean() for k in range(num_classes)])


def _right(softmax: transfer.Softmax, features: np.ndarray, labels: np.ndarray, photos: np.ndarray) -> np.ndarray:
    return np.asarray(softmax(features[photos])).argmax(1) == labels[photos]


def _features(study: Study, trunk: str, number: int) -> dict[str, np.ndarray]:
    """Means of the maps: of the trained trunk the same for all folds, of a random one another for each."""
    name = f"features-{trunk}" if trunk == "trained" else f"features-{trunk}-{number}"

    def measured() -> Step:
        network = study.network
        if trunk == "random":
            network = models.initialize(network.name, study.config.seed + number)
            network = dataclasses.replace(network, spec=study.network.spec)
        start = time.perf_counter()
        pooled = transfer.features(network, study.photos, study.layers)
        seconds = round(time.perf_counter() - start, 1)
        means = {layer: values[:, 0] for layer, values in pooled.items()}
        return Step({"photos": len(study.photos), "seconds": seconds}, means)

    return study.folder.step(name, measured).arrays
