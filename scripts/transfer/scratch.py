"""The same trunk and head from random weights, all of it trained on the photos."""

import dataclasses
import json
import shutil
import sys
import time
from typing import Any

import jax
import numpy as np
from flax import nnx
from tqdm import tqdm

import models
from models import training, transfer
from models.datasets import Examples
from models.network import Network
from scripts._harness.run_folder import Step, dumps
from scripts.transfer.splits import split
from scripts.transfer.study import Study

_HISTORY = "scratch-epochs.json"


def measure(study: Study) -> Step:
    """The first split; an interrupted training goes on after its last whole epoch."""
    step = study.folder.step("scratch", lambda: _train(study))
    # The next run of the same starts afresh.
    shutil.rmtree(study.folder.path / "snapshots", ignore_errors=True)
    (study.folder.path / _HISTORY).unlink(missing_ok=True)
    return step


def _train(study: Study) -> Step:
    assert study.scratch is not None
    size, config = study.sizes[-1], study.config
    examples = study.examples[size]
    parts = split(len(examples.labels), 0, config.seed)
    train, validation, test = (Examples(examples.images[part], examples.labels[part]) for part in parts)
    network = _network(study, train.images)
    folder, history = study.folder.path / "snapshots", study.folder.path / _HISTORY
    if not study.folder.resumed:
        shutil.rmtree(folder, ignore_errors=True)
        history.unlink(missing_ok=True)
    epochs: dict[str, dict[str, Any]] = json.loads(history.read_text("utf-8")) if history.exists() else {}
    key = jax.random.key(config.seed)
    with tqdm(total=study.scratch.epochs, unit="epoch", desc=f"from scratch, {size} px", file=sys.stderr) as bar:
        bar.update(len(epochs))
        start = time.perf_counter()
        for epoch in training.train(network, study.scratch, train, key=key, folder=folder):
            seconds = time.perf_counter() - start
            known = {number: entry for number, entry in epochs.items() if int(number) < epoch.number}
            right = training.evaluate(epoch.network, validation, batch_size=50).accuracy
            entry = {"loss": round(epoch.loss, 4), "validation": round(right, 5), "own_seconds": round(seconds, 3)}
            epochs = {**known, str(epoch.number): entry}
            if epoch.number == study.scratch.epochs:
                entry["right"] = int(np.trace(training.evaluate(epoch.network, test, batch_size=50).confusion))
            study.folder.write(_HISTORY, dumps(epochs).encode())
            bar.set_postfix_str(f"validation {right:.1%}")
            bar.update(epoch.number - bar.n)
            start = time.perf_counter()
    right = epochs[str(study.scratch.epochs)].pop("right")
    total = np.cumsum([entry.pop("own_seconds") for entry in epochs.values()])
    entries = [{**entry, "seconds": round(float(sum), 3)} for entry, sum in zip(epochs.values(), total, strict=True)]
    numbers = {"size": size, "split": 0, "photos": [len(part) for part in parts], "epochs": entries, "right": right}
    return Step(numbers, {"test": parts.test})


def _network(study: Study, photos: np.ndarray) -> Network:
    """Trunk and head with random weights; the head is standardized by the features that this trunk has at first."""
    config, pretrained = study.config, study.trunks[study.sizes[-1]]
    trunk = dataclasses.replace(models.initialize(config.network, config.seed), spec=pretrained.spec)
    features = transfer.flat(transfer.features(trunk, photos[:256], study.layers, progress=False))
    rngs = nnx.Rngs(config.seed)
    head = transfer.Head(*transfer.standardization(features), config.hidden, len(study.classes), rngs=rngs)
    spec = dataclasses.replace(pretrained.spec, labels=study.classes)
    return Network.of(transfer.Headed(trunk, study.layers, head), spec)
