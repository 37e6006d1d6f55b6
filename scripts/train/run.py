"""A run from its data to its figures."""

import hashlib
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np
from tqdm import tqdm

from jaxviz import render
from models import training
from scripts._harness import confusion as matrices
from scripts._harness.clock import Clock
from scripts._harness.run_folder import Step, dumps
from scripts.train import draw as _figures
from scripts.train.study import Study

_WEIGHTS = "weights.safetensors"


def measure(study: Study, clock: Clock) -> list[Step]:
    """What each epoch found: those that an interrupted run has left are read, the others trained."""
    names = [f"epoch-{number:02}" for number in range(1, study.recipe.epochs + 1)]
    if not study.folder.finished(names[0]):
        shutil.rmtree(_snapshots(study), ignore_errors=True)
    steps = [study.folder.load(name) for name in names if study.folder.finished(name)]
    per_epoch = len(study.train.labels) // study.recipe.batch_size
    with tqdm(total=len(names) * per_epoch, unit="step", file=sys.stderr) as bar:

        def report(done: int) -> None:
            bar.update(len(steps) * per_epoch + done - bar.n)

        report(0)
        epochs = training.train(
            study.network,
            study.recipe,
            study.train,
            key=jax.random.key(study.config.seed),
            folder=_snapshots(study),
            report=report,
        )
        while (timed := _timed(epochs, clock)) is not None:
            epoch, seconds = timed
            # One that was saved here and not yet there is trained again.
            del steps[epoch.number - 1 :]
            with clock("evaluate"):
                found = training.evaluate(epoch.network, study.test)
            _keep(study, epoch)
            numbers = {
                "epoch": epoch.number,
                "loss": round(epoch.loss, 5),
                "accuracy": round(epoch.accuracy, 5),
                "test_loss": round(found.loss, 5),
                "test_accuracy": round(found.accuracy, 5),
                "seconds": round(seconds, 2),
            }
            steps.append(Step(numbers, {"confusion": found.confusion}))
            study.folder.save(names[epoch.number - 1], steps[-1])
            bar.set_postfix(test=f"{found.accuracy:.2%}")
    return steps


def _timed(epochs: Iterator[training.Epoch], clock: Clock) -> tuple[training.Epoch, float] | None:
    start = time.perf_counter()
    with clock("train"):
        epoch = next(epochs, None)
    return None if epoch is None else (epoch, time.perf_counter() - start)


def _snapshots(study: Study) -> Path:
    return study.folder.path / "snapshots"


def _keep(study: Study, epoch: training.Epoch) -> None:
    content = training.to_safetensors(epoch.network)
    if epoch.number in study.recipe.keep:
        study.folder.write(f"weights-epoch-{epoch.number:02}.safetensors", content)
    if epoch.number == study.recipe.epochs:
        study.folder.write(_WEIGHTS, content)


def show(study: Study, steps: list[Step]) -> str:
    """Write numbers and figures; what to say of them."""
    epochs = [step.numbers for step in steps]
    counts = steps[-1].arrays["confusion"]
    last = epochs[-1]
    right, total = int(np.trace(counts)), int(counts.sum())
    sha256 = hashlib.sha256((study.folder.path / _WEIGHTS).read_bytes()).hexdigest()
    numbers = {
        **study.folder.run,
        "parameters": sum(leaf.size for leaf in jax.tree.leaves(study.network)),
        "device": jax.devices()[0].device_kind,
        "test_accuracy": right / total,
        "test_images": total,
        "sha256": sha256,
        "curves": epochs,
    }
    study.folder.write("training.json", dumps(numbers).encode())
    study.folder.write("confusion.json", dumps(_confusion(study, counts)).encode())
    accuracy = f"accuracy {right / total:.2%} on {total:,} test images"
    title = f"{study.config.network}: {accuracy} after {last['epoch']} epochs"
    study.folder.write("training.png", render.png(_figures.curves(epochs, title)))
    study.folder.write("confusion.png", render.png(matrices.matrix(counts, study.network.labels, title)))
    shutil.rmtree(_snapshots(study))
    return f"  {title}\n  {_WEIGHTS} {sha256}"


def headline(steps: list[Step]) -> str:
    """Accuracy on the test set."""
    counts = steps[-1].arrays["confusion"]
    share, total = np.trace(counts) / counts.sum(), int(counts.sum())
    return f"Accuracy {share:.2%} on {total:,} test images after {steps[-1].numbers['epoch']} epochs."


def _confusion(study: Study, counts: np.ndarray) -> dict[str, Any]:
    labels = study.network.labels
    wrong = counts - np.diag(np.diag(counts))
    pairs = [divmod(int(place), len(labels)) for place in np.argsort(-wrong, axis=None, kind="stable")[:5]]
    return {
        "labels": list(labels),
        "counts": counts.tolist(),
        "accuracy": {
            label: round(float(row[k] / row.sum()), 5)
            for k, (label, row) in enumerate(zip(labels, counts, strict=True))
            if row.any()
        },
        "most_confused": [{"is": labels[i], "taken_for": labels[j], "images": int(wrong[i, j])} for i, j in pairs],
    }
