"""What the folds found: as numbers, as a table and as a figure."""

import io
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from scripts._harness.run_folder import Step
from scripts.generalize.measure import TRUNKS
from scripts.generalize.study import Study

# Zeiler and Fergus 2014, table 4: Caltech-101, accuracy and its deviation over folds, by photos a class.
PAPER = {
    "ImageNet-pretrained convnet": {15: (0.838, 0.005), 30: (0.865, 0.005)},
    "the same trained from scratch": {15: (0.228, 0.015), 30: (0.465, 0.017)},
}
_COLORS = matplotlib.colormaps["viridis"]


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


def table(numbers: dict[str, Any]) -> str:
    """Lines of Markdown: a row a trunk and layer, a column a size of the training set."""
    counts = sorted({result["count"] for result in numbers["results"]})
    cells: dict[tuple[str, str], dict[int, str]] = {}
    for result in numbers["results"]:
        row = cells.setdefault((f"{numbers['network']}, {result['trunk']}", result["layer"]), {})
        row[result["count"]] = _percent(result["accuracy"], result["deviation"])
    if numbers["data"] == "caltech101":
        for name, points in PAPER.items():
            cells[f"Zeiler and Fergus, {name}", "all"] = {count: _percent(*pair) for count, pair in points.items()}
    lines = [["trunk", "layer", *(f"{count} a class" for count in counts)]]
    lines += [[*names, *(row.get(count, "") for count in counts)] for names, row in cells.items()]
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    lines.insert(1, ["-" * width for width in widths])
    return "\n".join(
        "| " + " | ".join(f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True)) + " |" for line in lines
    )


def draw(numbers: dict[str, Any]) -> bytes:
    """A PNG: accuracy over the size of the training set, and over depth at the largest."""
    layers = list(dict.fromkeys(result["layer"] for result in numbers["results"]))
    counts = sorted({result["count"] for result in numbers["results"]})
    figure = Figure(figsize=(10, 4.6), layout="constrained")
    by_count, by_depth = figure.subplots(1, 2, sharey=True, width_ratios=(3, 2))
    for place, layer in enumerate(layers):
        color = _COLORS(0.9 * (1 - place / max(len(layers) - 1, 1)))
        for trunk, style in (("trained", "o-"), ("random", "s:")):
            rows = _rows(numbers, trunk, "layer", layer)
            _errorbar(by_count, [row["count"] for row in rows], rows, style, color, layer if style == "o-" else None)
    if numbers["data"] == "caltech101":
        for (name, points), marker in zip(PAPER.items(), ("*", "X"), strict=True):
            shares = [100 * pair[0] for pair in points.values()]
            label = f"Zeiler and Fergus: {name}"
            by_count.plot(list(points), shares, marker, color="#cc3311", markersize=11, label=label, zorder=5)
    by_count.plot([], [], "k:", marker="s", markersize=4, label="the same layers, random weights")
    by_count.set_xscale("log")
    by_count.set_xticks(counts, [str(count) for count in counts])
    by_count.minorticks_off()
    by_count.set(xlabel="training photos a class", ylabel="accuracy on test photos, mean of classes, %", ylim=(0, 100))
    by_count.set_title(f"A linear softmax on {numbers['network']}'s layers, {numbers['data']}", loc="left", fontsize=11)
    for trunk, style, color in (("trained", "o-", "#225588"), ("random", "s:", "#888888")):
        rows = _rows(numbers, trunk, "count", counts[-1])
        _errorbar(by_depth, range(len(rows)), rows, style, color, f"{trunk} weights")
        for place, row in enumerate(rows):
            by_depth.annotate(
                f"{100 * row['accuracy']:.1f}", (place, 100 * row["accuracy"] + 2.5), ha="center", fontsize=9
            )
    by_depth.set_xticks(range(len(layers)), layers)
    by_depth.margins(x=0.1)
    by_depth.set_title(f"By depth, {counts[-1]} photos a class", loc="left", fontsize=11)
    by_depth.legend(frameon=False, loc="center right", fontsize=9)
    figure.legend(*by_count.get_legend_handles_labels(), loc="outside lower center", ncols=4, frameon=False, fontsize=9)
    for axes in (by_count, by_depth):
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="y", alpha=0.25)
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=110)
    return file.getvalue()


def _rows(numbers: dict[str, Any], trunk: str, key: str, value: Any) -> list[dict[str, Any]]:
    return [row for row in numbers["results"] if row["trunk"] == trunk and row[key] == value]


def _errorbar(axes: Any, places: Any, rows: list[dict[str, Any]], style: str, color: Any, label: str | None) -> None:
    shares = [100 * row["accuracy"] for row in rows]
    errors = [100 * (row["deviation"] or 0) for row in rows]
    axes.errorbar(list(places), shares, errors, fmt=style, color=color, markersize=4, capsize=2, label=label)


def _percent(share: float, deviation: float | None) -> str:
    return f"{100 * share:.1f}" + ("" if deviation is None else f" ± {100 * deviation:.1f}")
