"""A run from its data to its figures."""

import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import jax
import numpy as np
from tqdm import tqdm

from models import training
from scripts._harness.clock import Clock
from scripts._harness.run_folder import Step
from scripts.train.study import Study

WEIGHTS = "weights.safetensors"


def measure(study: Study) -> list[Step]:
    """What each epoch found: those that an interrupted run has left are read, the others trained."""
    names = [f"epoch-{number:02}" for number in range(1, study.recipe.epochs + 1)]
    if not study.folder.finished(names[0]):
        shutil.rmtree(_snapshots(study), ignore_errors=True)
    steps = [study.folder.load(name) for name in names if study.folder.finished(name)]
    if len(steps) == len(names):
        shutil.rmtree(_snapshots(study), ignore_errors=True)
        return steps
    clock = study.folder.clock
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
    shutil.rmtree(_snapshots(study))
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
        study.folder.write(WEIGHTS, content)


def headline(steps: list[Step]) -> str:
    """Accuracy on the test set."""
    counts = steps[-1].arrays["confusion"]
    share, total = np.trace(counts) / counts.sum(), int(counts.sum())
    return f"Accuracy {share:.2%} on {total:,} test images after {steps[-1].numbers['epoch']} epochs."
