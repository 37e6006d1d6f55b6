"""Each way of training one after the other, and all that they found as numbers."""

from typing import Any

import numpy as np

from scripts._harness.run_folder import Step
from scripts.transfer import frozen as _frozen
from scripts.transfer import scratch as _scratch
from scripts.transfer.splits import wilson
from scripts.transfer.study import Study

GOAL = 0.8  # of the validation photos right: how soon each way gets there


def measure(study: Study) -> dict[str, Any]:
    """All that the ways found, for JSON; each split of each way is a step."""
    frozen = {size: _frozen.measure(study, size) for size in study.sizes}
    return summarize(study, frozen, None if study.scratch is None else _scratch.measure(study))


def summarize(study: Study, frozen: dict[int, list[Step]], scratch: Step | None) -> dict[str, Any]:
    """Each way with its curve on the first split, and its test accuracy there and over all splits."""
    ways = []
    for size, steps in frozen.items():
        first = steps[0].numbers
        ways.append(_way(f"frozen trunk, dense head, {size} px", [step.numbers for step in steps]))
        ways[-1] |= _curve(first["epochs"], first["feature_seconds"])
        linear = [{**step.numbers, "right": step.numbers["linear"]["right"]} for step in steps]
        ways.append(_way(f"frozen trunk, linear softmax, {size} px", linear))
        ways[-1]["strengths"] = [step.numbers["linear"]["strength"] for step in steps]
    if scratch is not None:
        ways.append(_way(f"all from scratch, {scratch.numbers['size']} px", [scratch.numbers]))
        ways[-1] |= _curve(scratch.numbers["epochs"], 0.0)
    return {
        "data": study.config.data,
        "network": study.config.network,
        "layers": list(study.layers),
        "photos": dict(zip(("train", "validation", "test"), frozen[study.sizes[0]][0].numbers["photos"], strict=True)),
        "ways": ways,
    }


def _way(name: str, splits: list[dict[str, Any]]) -> dict[str, Any]:
    """Accuracies with Wilson's intervals of 95%: on the first split's test photos, and on all test photos together."""
    right, photos = [step["right"] for step in splits], [step["photos"][2] for step in splits]
    shares = np.array(right) / np.array(photos)
    return {
        "name": name,
        "test": round(float(shares[0]), 5),
        "interval": _interval(right[0], photos[0]),
        "splits": [round(float(share), 5) for share in shares],
        "mean": round(sum(right) / sum(photos), 5),
        "deviation": round(float(shares.std(ddof=1)), 5) if len(shares) > 1 else None,
        "mean_interval": _interval(sum(right), sum(photos)),
    }


def _curve(epochs: list[dict[str, Any]], before: float) -> dict[str, Any]:
    """Validation accuracy and loss by epoch; seconds since the start, the features of the frozen trunk included."""
    reached = [number for number, entry in enumerate(epochs, 1) if entry["validation"] >= GOAL]
    return {
        "validation": [entry["validation"] for entry in epochs],
        "loss": [entry["loss"] for entry in epochs],
        "seconds": [round(before + entry["seconds"], 2) for entry in epochs],
        "feature_seconds": round(before, 2),
        "goal": {
            "validation": GOAL,
            "epochs": reached[0] if reached else None,
            "seconds": round(before + epochs[reached[0] - 1]["seconds"], 2) if reached else None,
        },
    }


def headline(numbers: dict[str, Any]) -> str:
    """Accuracy of each way, over all of its splits."""
    lines = [
        f"{way['name']} {way['mean']:.1%}" + (f" over {len(way['splits'])} splits" if len(way["splits"]) > 1 else "")
        for way in numbers["ways"]
    ]
    return f"Of test photos right: {'; '.join(lines)}."


def _interval(right: int, total: int) -> list[float]:
    return [round(bound, 5) for bound in wilson(right, total)]
