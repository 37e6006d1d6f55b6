"""The frozen trunk: features of every photo and its mirror image once, then a head and a linear softmax a split."""

import functools
import sys
import time
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from tqdm import tqdm

from models import transfer
from scripts._harness.run_folder import Step
from scripts.transfer.splits import split
from scripts.transfer.study import Study

_STRENGTHS = (1.0, 0.3, 0.1, 0.03, 0.01)


def measure(study: Study, size: int) -> list[Step]:
    """A step for each split, saved as soon as it is done."""
    features, seconds = _features(study, size)
    return [
        study.folder.step(f"frozen-{size}-{number}", functools.partial(_split, study, size, number, features, seconds))
        for number in range(study.config.splits)
    ]


def _features(study: Study, size: int) -> tuple[np.ndarray, float]:
    """Rows of features, (n, 2, d), the second one of the mirror image; and the seconds that they took."""
    views, seconds = [], 0.0
    for view, step in (("upright", 1), ("mirrored", -1)):
        kept = study.folder.step(f"features-{size}-{view}", functools.partial(_view, study, size, step))
        views.append(kept.arrays["features"])
        seconds += kept.numbers["seconds"]
    return np.stack(views, axis=1), seconds


def _view(study: Study, size: int, step: int) -> Step:
    """The features of all photos, with a step of -1 of their mirror images."""
    start = time.perf_counter()
    photos = np.ascontiguousarray(study.examples[size].images[:, :, ::step])
    pooled = transfer.features(study.trunks[size], photos, study.layers)
    numbers = {"photos": len(photos), "seconds": round(time.perf_counter() - start, 2)}
    return Step(numbers, {"features": transfer.flat(pooled)})


def _split(study: Study, size: int, number: int, features: np.ndarray, feature_seconds: float) -> Step:
    labels, config = study.examples[size].labels, study.config
    parts = split(len(labels), number, config.seed)
    num_classes = len(study.classes)
    center, scale = transfer.standardization(features[parts.train].reshape(-1, features.shape[-1]))
    rngs = nnx.Rngs(config.seed + number)
    untrained = transfer.Head(center, scale, config.hidden, num_classes, rngs=rngs)
    key = jax.random.fold_in(jax.random.key(config.seed), number)
    heads = transfer.fit_head(untrained, study.head, features[parts.train], labels[parts.train], key=key)
    epochs: list[dict[str, Any]] = []
    logits, seconds = np.empty(0), 0.0
    with tqdm(total=study.head.epochs, unit="epoch", desc=f"head, {size} px, split {number}", file=sys.stderr) as bar:
        start = time.perf_counter()
        for head, loss in heads:
            seconds += time.perf_counter() - start
            validation = _right(_logits(head, features[parts.validation]), labels[parts.validation])
            epochs.append({"loss": round(loss, 4), "validation": validation, "seconds": round(seconds, 3)})
            bar.set_postfix_str(f"validation {validation:.1%}")
            bar.update()
            logits = _logits(head, features[parts.test])
            start = time.perf_counter()
    softmax, strength = _linear(features[:, 0], labels, parts.train, parts.validation, num_classes)
    numbers = {
        "size": size,
        "split": number,
        "photos": [len(part) for part in parts],
        "feature_seconds": feature_seconds,
        "epochs": epochs,
        "right": int((logits.argmax(1) == labels[parts.test]).sum()),
        "linear": {
            "strength": strength,
            "right": int((np.asarray(softmax(features[parts.test, 0])).argmax(1) == labels[parts.test]).sum()),
        },
    }
    return Step(numbers, {"test": parts.test, "logits": logits})


def _logits(head: transfer.Head, features: np.ndarray) -> np.ndarray:
    """The mean over the views of the logarithms of the probabilities."""
    return np.mean([jax.nn.log_softmax(head(jnp.asarray(features[:, view]))) for view in range(2)], axis=0)


def _linear(
    rows: np.ndarray, labels: np.ndarray, train: np.ndarray, validation: np.ndarray, num_classes: int
) -> tuple[transfer.Softmax, float]:
    """The linear softmax whose regularization is the best for the validation photos, the strongest of equals."""
    fits = transfer.softmax_path(rows[train], labels[train], num_classes, strengths=_STRENGTHS)
    best = max(fits, key=lambda strength: _right(fits[strength](rows[validation]), labels[validation]))
    return fits[best], best


def _right(logits: Any, labels: np.ndarray) -> float:
    return round(float((np.asarray(logits).argmax(1) == labels).mean()), 5)
