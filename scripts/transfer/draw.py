"""What the trainings found: as a table and as a figure."""

from typing import Any

import numpy as np

from jaxviz.render import plot
from scripts._harness import text_table
from scripts._harness.run_folder import dumps
from scripts.transfer.run import GOAL
from scripts.transfer.study import Study

_COLORS = ("#225588", "#66aadd", "#cc5522")


def files(study: Study, numbers: dict[str, Any]) -> dict[str, bytes]:
    """The figure, the table and the numbers."""
    return {
        "transfer.png": draw(numbers),
        "transfer.md": f"{table(study, numbers)}\n".encode(),
        "transfer.json": dumps(numbers).encode(),
    }


def table(study: Study, numbers: dict[str, Any]) -> str:
    """Lines of Markdown: a row a way."""
    del study
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


def _range(interval: list[float]) -> str:
    return f"{100 * interval[0]:.1f} to {100 * interval[1]:.1f}"
