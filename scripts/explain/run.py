"""A run from its arguments to its page."""

import functools
import shlex
from collections.abc import Mapping
from typing import Any

import jax
from tqdm import tqdm

from jaxviz import explanation, render
from scripts._harness.clock import Clock
from scripts._harness.run_folder import RunFolder, Step, opened
from scripts._harness.versions import versions
from scripts.explain.study import Study

Results = dict[str, explanation.Result]


def open_folder(study: Study) -> RunFolder:
    """The folder that the run belongs in, from here on its own."""
    config, first = study.config, study.subjects[0]
    run = {
        "script": "explain",
        "photos": study.photos,
        "network": config.network,
        "weights": config.weights,
        "target": config.target,
        "methods": first.methods,
        "layers": [subject.layers for subject in study.subjects],
        "units": first.units,
        "window": first.window,
        "stride": first.stride,
        "size": config.size,
        "input_range": config.input_range,
        "seed": config.seed,
        "sha256": study.sha256,
        "weights_sha256": study.weights,
    }
    name = "-".join(("explain", *study.photos[:1], *config.network[:1])).replace(":", "-")
    return opened(name, run, config.out)


def measure(study: Study, folder: RunFolder) -> Results:
    """All steps by name, each saved as soon as it is done; those that an interrupted run has left are read."""
    results: Results = {}
    programs = explanation.Programs()
    with tqdm(explanation.steps(study.subjects), unit="step") as bar:
        for step in bar:
            bar.set_description(step.name)
            found = folder.step(step.name, lambda step=step: Step(*explanation.measure(step, results, programs)))
            results[step.name] = explanation.Result(*found)
            seconds = found.numbers["seconds"]
            folder.clock.note(step.name, f"compile {seconds['compile']:.1f}, run {seconds['run']:.1f}")
    return results


def finish(study: Study, folder: RunFolder, results: Results, clock: Clock) -> None:
    """Write the pictures and the page, and print the most probable classes."""
    facts = {"Measured in": f"{clock.total():.1f} s", "Device": jax.devices()[0].device_kind, **versions()}
    # Once, for the files and the page.
    figures = functools.cache(lambda: explanation.draw(study.subjects, results))
    folder.finish(
        lambda: dict(explanation.exports(study.subjects, results, figures())),
        lambda: headline(study, results),
        lambda: top_classes(study, results),
        clock,
        lambda: render.html(
            explanation.page(study.subjects, results, figures(), facts, lambda options: command(study, options))
        ),
    )


def command(study: Study, options: Mapping[str, Any]) -> str:
    """What to type for a part of the page."""
    config = study.config
    words = ["python", "-m", "scripts.explain", *config.photos]
    given = {"network": config.network, "weights": config.weights, **options}
    if config.size is not None:
        given["size"] = config.size
    for name, value in given.items():
        values = [value] if isinstance(value, int | str) else list(value)
        if values:
            words += [f"--{name}", *map(str, values)]
    return shlex.join(words)


def headline(study: Study, results: Results) -> str:
    """The class of each photo, and what covering its worst place does to it."""
    found: dict[tuple[str, str], list[str]] = {}
    for step in explanation.steps(study.subjects):
        numbers = results[step.name].numbers
        said = found.setdefault((step.subject.network, step.subject.name), [])
        if step.kind == "prediction":
            said.append(f"{numbers['label']}, {numbers['probability']:.0%}")
        elif step.kind == "occlusion":
            lowest = min(min(row) for row in numbers["probability"])
            said.append(f"covering the place that matters most leaves {lowest:.0%}")
    several = len(found) > 1
    lines = [
        f"{f'{network}, {name}: ' if several else ''}{'; '.join(said)}." for (network, name), said in found.items()
    ]
    return " ".join(lines)


def top_classes(study: Study, results: Results) -> str:
    """The most probable classes as lines of text."""
    lines = []
    for step in explanation.steps(study.subjects):
        if step.kind == "prediction":
            if len(study.subjects) > 1:
                lines.append(f"{step.subject.network}, {step.subject.name}:")
            top = results[step.name].numbers["top"]
            lines += [f"  {entry['probability']:6.1%}  {entry['label']}" for entry in top]
    return "\n".join(lines)
