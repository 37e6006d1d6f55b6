"""What the folds found: as a table and as a figure."""

from typing import Any

from jaxviz.render import plot
from scripts._harness import text_table
from scripts._harness.run_folder import dumps
from scripts.generalize.run import PAPER
from scripts.generalize.study import Study


def files(study: Study, numbers: dict[str, Any]) -> dict[str, bytes]:
    """The figure, the table and the numbers."""
    return {
        "generalize.png": draw(numbers),
        "generalize.md": f"{table(study, numbers)}\n".encode(),
        "generalize.json": dumps(numbers).encode(),
    }


def table(study: Study, numbers: dict[str, Any]) -> str:
    """Lines of Markdown: a row a trunk and layer, a column a size of the training set."""
    del study
    counts = sorted({result["count"] for result in numbers["results"]})
    cells: dict[tuple[str, str], dict[int, str]] = {}
    for result in numbers["results"]:
        row = cells.setdefault((f"{numbers['network']}, {result['trunk']}", result["layer"]), {})
        row[result["count"]] = _percent(result["accuracy"], result["deviation"])
    if numbers["data"] == "caltech101":
        for name, points in PAPER.items():
            cells[f"Zeiler and Fergus, {name}", "all"] = {count: _percent(*pair) for count, pair in points.items()}
    rows = [[*names, *(row.get(count, "") for count in counts)] for names, row in cells.items()]
    return text_table.markdown(rows, ["trunk", "layer", *(f"{count} a class" for count in counts)])


def draw(numbers: dict[str, Any]) -> bytes:
    """A PNG: accuracy over the size of the training set, and over depth at the largest."""
    layers = list(dict.fromkeys(result["layer"] for result in numbers["results"]))
    counts = sorted({result["count"] for result in numbers["results"]})
    figure = plot.figure(10, 4.6, dpi=110)
    by_count, by_depth = figure.subplots(1, 2, sharey=True, width_ratios=(3, 2))
    for layer, color in zip(layers, plot.shades(len(layers)), strict=True):
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
    heading = f"A linear softmax on {numbers['network']}'s layers, {numbers['data']}"
    up = "accuracy on test photos, mean of classes, %"
    plot.style(by_count, heading, "training photos a class", up, grid="y")
    by_count.set_ylim(0, 100)
    for trunk, style, color in (("trained", "o-", "#225588"), ("random", "s:", "#888888")):
        rows = _rows(numbers, trunk, "count", counts[-1])
        _errorbar(by_depth, range(len(rows)), rows, style, color, f"{trunk} weights")
        for place, row in enumerate(rows):
            share = 100 * row["accuracy"]
            plot.note(by_depth, f"{share:.1f}", (place, share + 2.5), ha="center")
    plot.style(by_depth, f"By depth, {counts[-1]} photos a class", grid="y")
    plot.ticks(by_depth.xaxis, layers)
    by_depth.margins(x=0.1)
    plot.legend(by_depth, loc="center right")
    plot.legend(figure, *by_count.get_legend_handles_labels(), ncols=4)
    return plot.png(figure)


def _rows(numbers: dict[str, Any], trunk: str, key: str, value: Any) -> list[dict[str, Any]]:
    return [row for row in numbers["results"] if row["trunk"] == trunk and row[key] == value]


def _errorbar(axes: Any, places: Any, rows: list[dict[str, Any]], style: str, color: Any, label: str | None) -> None:
    shares = [100 * row["accuracy"] for row in rows]
    errors = [100 * (row["deviation"] or 0) for row in rows]
    axes.errorbar(list(places), shares, errors, fmt=style, color=color, markersize=4, capsize=2, label=label)


def _percent(share: float, deviation: float | None) -> str:
    return f"{100 * share:.1f}" + ("" if deviation is None else f" ± {100 * deviation:.1f}")
