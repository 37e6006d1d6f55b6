"""What a benchmark measured, as a figure."""

from pathlib import Path
from typing import Any

from jaxviz.render import plot


def draw(result: dict[str, Any], path: Path) -> None:
    """Bars of run time, with what a first call takes on top of it; of `methods`, how much longer the peers take."""
    times = result["times"]
    if result["kind"] == "methods" and any("peer" in name for name in times):
        _draw_ratios(result, path)
        return
    figure = plot.figure(7, 0.5 * len(times) + 1.3, dpi=120)
    axes = figure.subplots()
    names = list(times)[::-1]
    runs = [times[name]["run"] for name in names]
    extra = [max(0.0, times[name].get("compile", 0.0)) for name in names]
    places = range(len(names))
    axes.barh(places, runs, color="#3366aa", label="run")
    if result["kind"] == "occlusion":
        axes.barh(places, extra, left=runs, color="#bbccdd", label="compile, first call only")
        plot.legend(axes, loc="best")
    for place, run in zip(places, runs, strict=True):
        plot.note(axes, f" {run:.3g} s", (run, place), va="center")
    plot.style(axes, _title(result), "seconds")
    plot.ticks(axes.yaxis, names)
    path.write_bytes(plot.png(figure))


def _draw_ratios(result: dict[str, Any], path: Path) -> None:
    times, batches = result["times"], result["config"]["batches"]
    methods = [name for name in result["methods"] if times.get(f"{name}, peer, batch of {batches[0]}")][::-1]
    figure = plot.figure(7, 0.45 * len(methods) + 1.3, dpi=120)
    axes = figure.subplots()
    height = 0.8 / len(batches)
    for index, (batch, color) in enumerate(zip(batches, ("#3366aa", "#99b3d5", "#bbccdd"), strict=False)):
        for row, method in enumerate(methods):
            typed, peer = (times.get(f"{method}, {who}, batch of {batch}") for who in ("as typed", "peer"))
            if typed and peer:
                place, ratio = row + 0.4 - height * (index + 0.5), peer["run"] / typed["run"]
                label = f"{batch} image{'s' * (batch > 1)}" if row == len(methods) - 1 else None
                axes.barh(place, ratio, height, color=color, label=label)
                plot.note(axes, f" {ratio:.1f}x", (ratio, place), va="center")
    axes.axvline(1, color="#888888", linewidth=0.8)
    plot.style(axes, _title(result), "time of the peer / time as typed")
    plot.ticks(axes.yaxis, methods)
    # Of one size the title says it.
    if len(batches) > 1:
        plot.legend(axes, loc="lower right")
    path.write_bytes(plot.png(figure))


def _title(result: dict[str, Any]) -> str:
    config = result["config"]
    if result["kind"] == "sweep":
        return f"{config['network']}, windows on every pixel of {config['images']} images"
    if result["kind"] == "maximize":
        return f"{config['network']} {config['layer']}, {config['batch']} channels, {config['num_steps']} steps"
    if "window" in config:
        return f"{config['network']}, {result['windows']} windows of {config['window']}, stride {config['stride']}"
    several = "image" if config["batches"] == [1] else "images"
    return f"{config['network']}, {' and '.join(map(str, config['batches']))} {several}"
