"""Features of every photo once for each trunk, and a linear softmax on them for each layer and size of training set."""

import dataclasses
import sys
import time

import numpy as np
from tqdm import tqdm

import models
from models import transfer
from scripts._harness.run_folder import Step
from scripts.generalize.folds import Fold, draw
from scripts.generalize.study import Study

TRUNKS = ("trained", "random")


def measure(study: Study) -> dict[str, list[Step]]:
    """The folds of each trunk, each saved as soon as it is done; those that an interrupted run has left are read."""
    steps: dict[str, list[Step]] = {trunk: [] for trunk in TRUNKS}
    for trunk in TRUNKS:
        for number in range(study.config.folds):
            name = f"{trunk}-{number}"
            if not study.folder.finished(name):
                study.folder.save(name, _fold(study, trunk, number))
            steps[trunk].append(study.folder.load(name))
    return steps


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
    if not study.folder.finished(name):
        network = study.network
        if trunk == "random":
            network = models.initialize(network.name, study.config.seed + number)
            network = dataclasses.replace(network, spec=study.network.spec)
        start = time.perf_counter()
        pooled = transfer.features(network, study.photos, study.layers)
        seconds = round(time.perf_counter() - start, 1)
        means = {layer: values[:, 0] for layer, values in pooled.items()}
        study.folder.save(name, Step({"photos": len(study.photos), "seconds": seconds}, means))
    return study.folder.load(name).arrays
