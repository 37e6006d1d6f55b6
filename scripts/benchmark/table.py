"""The tables of what the benchmarks measured, in the README and in the documentation."""

import json
from pathlib import Path
from typing import Any

import jaxviz as jv
from jaxviz.attribution import METHODS
from scripts._harness.marks import replaced


def write(folder: Path, page: Path | None) -> str:
    """Replaces what stands between the marks of a page, if one is named, by tables of all results in a folder.

    The mark `<!-- benchmark: occlusion methods -->` wants those of two kinds, `<!-- benchmark -->` all. Returns the
    tables, or which file has them.

    Raises:
        ValueError: there are no results, or no marks.
    """
    results = [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]
    if not results:
        raise ValueError(f"`--results` must be a folder with results of this script, got {str(folder)!r} without any.")
    if page is None:
        return "\n".join(_tables(results))

    def tables(words: str) -> str:
        kinds = words.split()
        return "\n".join(_tables([result for result in results if not kinds or result["kind"] in kinds]))

    text, count = replaced(page.read_text() if page.is_file() else "", "benchmark", tables)
    if not count:
        raise ValueError(f"`--out` must be a file with the marks of the tables, got {str(page)!r} without.")
    page.write_text(replaced(text, "methods", lambda _: methods_table())[0])
    return str(page)


def _tables(results: list[dict[str, Any]]) -> list[str]:
    lines = []
    sweeps = [result for result in results if result["kind"] == "occlusion"]
    if sweeps:
        lines += [
            "Occlusion of one image, logits of all classes, exact (`python -m scripts.benchmark occlusion`):",
            "",
            "| network, window, stride | device | windows/s | against our dense | against captum | GFLOP a window "
            "| first call; with compiled programs on disk | largest difference |",
            "| --- | --- | --- | --- | --- | --- | --- | --- |",
            *[_sweep_row(result) for result in sweeps],
            "",
        ]
    lines += _precision_lines([result for result in results if result["kind"] == "precisions"])
    others = {"approximations": _approximation_lines, "sweep": _pixel_lines, "methods": _methods_lines}
    others["maximize"] = _maximize_lines
    for kind, write_lines in others.items():
        for result in results:
            if result["kind"] == kind:
                lines += write_lines(result)
    return lines


def methods_table() -> str:
    """All attributions, from their own table."""
    lines = ["| method | function | paper | cost for one image |", "| --- | --- | --- | --- |"]
    for name, method in METHODS.items():
        paper, address = method.source
        lines.append(f"| {method.title} | `{_typed(method.code or name)}` | [{paper}]({address}) | {method.cost} |")
    return "\n".join(lines)


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
        f"| {flop['incremental']:.2f} of {flop['dense']:.2f} | {_first(result)} "
        f"| {result['errors']['incremental against dense']:.0e} of {result['largest_logit']:.2g} |"
    )


def _precision_lines(results: list[dict[str, Any]]) -> list[str]:
    if not results:
        return []
    lines = [
        "Occlusion on an accelerator, all logits, each way and precision in the best of its batch sizes; errors "
        "are the largest differences of a logit from the dense sweep in float32 "
        "(`python -m scripts.benchmark precisions`):",
        "",
        "| network, window, stride | device | precision | windows/s | against our dense in the same precision "
        "| largest error, of our dense | largest logit |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for result in results:
        config, times = result["config"], result["times"]
        for precision in config["precisions"]:
            ours, dense = (times[f"{exact}, {precision}"] for exact in ("incremental", "dense"))
            lines.append(
                f"| {config['network']}, {config['window']}, {config['stride']} | {_device(result)} | {precision} "
                f"| {ours['windows_per_second']:,.0f} | {dense['run'] / ours['run']:.1f}x "
                f"| {ours['largest_error']:.0e}, {dense['largest_error']:.0e} | {result['largest_logit']:.2g} |"
            )
    return [*lines, ""]


def _methods_lines(result: dict[str, Any]) -> list[str]:
    times, config = result["times"], result["config"]
    lines = [
        f"Attributions, {config['network']}, {_device(result)}, milliseconds of the median call, each method in a "
        "fresh process without any flag; the peer is captum, and pytorch-grad-cam for Grad-CAM++, LayerCAM and "
        "Score-CAM, at its best batch size. Of methods that are forward passes alone: the share of the rate of these "
        "(`python -m scripts.benchmark methods`):",
        "",
        "| method, images | as typed | under `jax.jit` | peer | peer / typed | of bare passes | first call, s |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for method in result["methods"]:
        for batch in config["batches"]:
            typed, compiled, peer = (
                times.get(f"{method}, {who}, batch of {batch}") for who in ("as typed", "compiled", "peer")
            )
            if typed is None or compiled is None:
                continue  # a run of some of the methods
            ratio = f"{1e3 * peer['run']:.0f} | {peer['run'] / typed['run']:.1f}x" if peer else " | "
            lines.append(
                f"| {method}, {batch} | {1e3 * typed['run']:.1f} | {1e3 * compiled['run']:.1f} | {ratio} "
                f"| {_of_bare(times.get(f'{method}, bare, batch of {batch}'), typed)} | {typed['first']:.1f} |"
            )
    return [*lines, ""]


def _of_bare(bare: dict[str, Any] | None, typed: dict[str, Any]) -> str:
    """How much of the rate of the passes alone is reached, where they are what a method is made of."""
    return f"{bare['run'] / typed['run']:.2f}" if bare else ""


def _maximize_lines(result: dict[str, Any]) -> list[str]:
    times, config = result["times"], result["config"]
    lines = [
        f"Gradient ascent, {config['network']} {config['layer']}, {config['batch']} channels side by side at "
        f"{config['size']}x{config['size']}, {config['num_steps']} steps, {_device(result)} "
        "(`python -m scripts.benchmark maximize`):",
        "",
        "| loop | seconds | steps/s | images/s | against ours |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name, timed in times.items():
        lines.append(
            f"| {name} | {timed['run']:.1f} | {timed['steps_per_second']:.1f} | {timed['images_per_second']:.2f} "
            f"| {timed['run'] / times['ours']['run']:.2f}x |"
        )
    return [*lines, ""]


def _first(result: dict[str, Any]) -> str:
    first = result["first_call"]
    return f"{first['empty cache']:.1f} s; {first['filled cache']:.1f} s"


def _approximation_lines(result: dict[str, Any]) -> list[str]:
    config = result["config"]
    lines = [
        f"The approximations of occlusion, {config['network']} on the photo `{config['photo']}`, window "
        f"{config['window']}, stride {config['stride']}, {result['windows']} windows, {_device(result)}. Errors of the "
        f"probability of {result['target']}, whose map spreads over {result['spread']:.2f} "
        "(`python -m scripts.benchmark approximations`):",
        "",
        "| method | speed | largest error | mean error | rank correlation of the places |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name, timed in result["times"].items():
        if name != "exact":
            lines.append(
                f"| `{name}` | {timed['speedup']:.1f}x | {timed['largest_error']:.3f} | {timed['mean_error']:.4f} "
                f"| {timed['rank_correlation']:.3f} |"
            )
    return [*lines, ""]


def _pixel_lines(result: dict[str, Any]) -> list[str]:
    config, times = result["config"], result["times"]
    lines = [
        f"Windows centered on every pixel of {config['images']} images in one call, {config['network']}, "
        f"{result['windows']} windows, {_device(result)} (`python -m scripts.benchmark sweep`):",
        "",
        "| window | windows/s | against our dense |",
        "| --- | --- | --- |",
    ]
    for window in config["windows"]:
        ours, dense = (times[f"{exact}, window {window}"]["run"] for exact in ("incremental", "dense"))
        lines.append(f"| {window} | {result['windows'] / ours:.0f} | {dense / ours:.1f}x |")
    return [*lines, ""]


def _typed(code: str) -> str:
    """How a method is typed behind `jv.`."""
    return code if hasattr(jv, code.split("(")[0]) else f"attribution.{code}"
