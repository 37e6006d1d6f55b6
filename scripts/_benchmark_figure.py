"""What a benchmark's JSON looks like: as a figure, and as a table in the README."""

import json
import re
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

_MARKS = re.compile(r"(<!-- benchmark -->\n).*?(<!-- /benchmark -->)", re.DOTALL)


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
    if result["kind"] == "occlusion":
        return f"{config['network']}, {result['windows']} windows of {config['window']}, stride {config['stride']}"
    return f"{config['network']}, batch of {config['batch']}"


def table(folder: Path, readme: Path) -> None:
    """Replaces what stands between the marks of the README by tables of all results in a folder."""
    results = [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]
    lines = ["## Speed", ""]
    sweeps = [result for result in results if result["kind"] == "occlusion"]
    if sweeps:
        lines += [
            "Occlusion of one image, logits of all classes, exact (`python -m scripts.benchmark occlusion`):",
            "",
            "| network, window, stride | device | windows/s | against our dense | against captum | GFLOP a window "
            "| first call | largest difference |",
            "| --- | --- | --- | --- | --- | --- | --- | --- |",
            *[_sweep_row(result) for result in sweeps],
            "",
        ]
    for result in results:
        if result["kind"] == "methods":
            lines += _methods_lines(result)
    text = readme.read_text()
    readme.write_text(_MARKS.sub(lambda match: match[1] + "\n".join(lines) + "\n" + match[2], text))


def _device(result: dict[str, Any]) -> str:
    """Platform and kind, which on a CPU are the same word."""
    return " ".join(dict.fromkeys(result["device"].split(",")[0].split()))


def _sweep_row(result: dict[str, Any]) -> str:
    times, config, flop = result["times"], result["config"], result["gigaflop_per_window"]
    ours = times["incremental"]
    captum = f"{times['captum']['run'] / ours['run']:.1f}x" if "captum" in times else ""
    return (
        f"| {config['network']}, {config['window']}, {config['stride']} | {_device(result)} "
        f"| {ours['windows_per_second']:.0f} | {times['dense']['run'] / ours['run']:.1f}x | {captum} "
        f"| {flop['incremental']:.2f} of {flop['dense']:.2f} | {ours['first']:.1f} s "
        f"| {result['errors']['incremental against dense']:.0e} of {result['largest_logit']:.0f} |"
    )


def _methods_lines(result: dict[str, Any]) -> list[str]:
    times, config = result["times"], result["config"]
    lines = [
        f"Attributions, {config['network']}, batch of {config['batch']}, {_device(result)} "
        "(`python -m scripts.benchmark methods`):",
        "",
        "| method | milliseconds | captum's | captum / ours |",
        "| --- | --- | --- | --- |",
    ]
    for name in ("forward", "saliency", "guided", "deconvnet"):
        ours, peer = times[name]["run"], times.get(f"captum {name}", {}).get("run")
        ratio = f"{1e3 * peer:.0f} | {peer / ours:.2f}x" if peer else " | "
        lines.append(f"| {name} | {1e3 * ours:.0f} | {ratio} |")
    return [*lines, ""]
