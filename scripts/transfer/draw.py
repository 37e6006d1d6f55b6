"""What the trainings found: as numbers, as a table and as a figure."""

from typing import Any

import numpy as np

from jaxviz.render import plot
from scripts._harness import text_table
from scripts._harness.run_folder import Step
from scripts.transfer.splits import wilson
from scripts.transfer.study import Study

GOAL = 0.8  # of the validation photos right: how soon each way gets there
_COLORS = ("#225588", "#66aadd", "#cc5522")


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


def table(numbers: dict[str, Any]) -> str:
    """Lines of Markdown: a row a way."""
    head = ["way", f"test, {numbers['photos']['test']} photos", "all splits", f"epochs to {GOAL:.0%}", "seconds"]
    lines = []
    for way in numbers["ways"]:
        several = len(way["splits"]) > 1
        goal = way.get("goal")
        lines.append(
            [
                way["name"],
                f"{way['test']:.1%} ({_range(way['interval'])})",
                f"{way['mean']:.1%} ± {way['deviation']:.1%} ({_range(way['mean_interval'])})" if several else "",
                "" if goal is None else str(goal["epochs"] or f"not in {len(way['validation'])}"),
                "" if goal is None or goal["seconds"] is None else f"{goal['seconds']:.0f}",
            ]
        )
    return text_table.markdown(lines, head)


def draw(numbers: dict[str, Any]) -> bytes:
    """A PNG: validation accuracy over epochs, and over seconds."""
    curves = [way for way in numbers["ways"] if "validation" in way]
    figure = plot.figure(10, 4.4, dpi=110)
    by_epoch, by_second = figure.subplots(1, 2, sharey=True)
    for way, color in zip(curves, [*_COLORS[: len(curves) - 1], _COLORS[-1]], strict=True):
        shares = 100 * np.array(way["validation"])
        label = f"{way['name']}: test {way['test']:.1%} ({_range(way['interval'])})"
        by_epoch.plot(np.arange(1, len(shares) + 1), shares, "o-", color=color, markersize=3.5, label=label)
        by_second.plot(way["seconds"], shares, "o-", color=color, markersize=3.5)
        if way["feature_seconds"]:
            by_second.plot([0, way["seconds"][0]], [shares[0]] * 2, ":", color=color)
    for axes in (by_epoch, by_second):
        axes.axhline(100 * GOAL, color="#999999", linewidth=0.8, linestyle="--")
        axes.set_ylim(0, 100)
    heading, up = f"{numbers['network']} on {numbers['data']}", "accuracy on validation photos, %"
    plot.style(by_epoch, heading, "epoch", up, grid="y")
    heading, across = "dotted: the features, computed once", "seconds of computing since the start"
    plot.style(by_second, heading, across, grid="y")
    by_second.set_xlim(left=0)
    plot.legend(figure, ncols=1)
    return plot.png(figure)


def _interval(right: int, total: int) -> list[float]:
    return [round(bound, 5) for bound in wilson(right, total)]


def _range(interval: list[float]) -> str:
    return f"{100 * interval[0]:.1f} to {100 * interval[1]:.1f}"
