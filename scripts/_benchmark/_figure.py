"""What a benchmark measured, as a figure."""

from pathlib import Path
from typing import Any

from matplotlib.figure import Figure


def draw(result: dict[str, Any], path: Path) -> None:
    """Bars of run time, with what a first call takes on top of it."""
    times = result["times"]
    figure = Figure(figsize=(7, 0.5 * len(times) + 1.3), layout="constrained")
    axes = figure.subplots()
    names = list(times)[::-1]
    runs = [times[name]["run"] for name in names]
    extra = [max(0.0, times[name].get("compile", 0.0)) for name in names]
    axes.barh(names, runs, color="#3366aa", label="run")
    if result["kind"] == "occlusion":
        axes.barh(names, extra, left=runs, color="#bbccdd", label="compile, first call only")
        axes.legend(loc="best", frameon=False)
    for name, run in zip(names, runs, strict=True):
        axes.annotate(f" {run:.3g} s", (run, name), va="center", fontsize=9)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_xlabel("seconds")
    axes.set_title(_title(result), fontsize=10, loc="left")
    figure.savefig(path, dpi=120)


def _title(result: dict[str, Any]) -> str:
    config = result["config"]
    if result["kind"] == "sweep":
        return f"{config['network']}, windows on every pixel of {config['images']} images"
    if result["kind"] == "maximize":
        return f"{config['network']} {config['layer']}, {config['batch']} channels, {config['num_steps']} steps"
    if "window" in config:
        return f"{config['network']}, {result['windows']} windows of {config['window']}, stride {config['stride']}"
    return f"{config['network']}, {' and '.join(map(str, config['batches']))} images"
