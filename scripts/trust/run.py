"""A run from its arguments to its figures: a step per method."""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from tqdm import tqdm

from jaxviz import render
from scripts._harness.clock import Clock
from scripts._harness.depends import of_data, of_network
from scripts._harness.run_folder import RunFolder, Step, dumps, free
from scripts._harness.versions import versions
from scripts.trust import draw as _figures
from scripts.trust import measure as _measure
from scripts.trust.study import Study, prepare

if TYPE_CHECKING:
    from scripts.trust.config import Config


def open_study(config: "Config") -> tuple[Study, RunFolder]:
    """The arguments as values, and the folder that the run belongs in."""
    study = prepare(config)
    run = {"script": "trust", **dataclasses.asdict(study.config)}
    out = run.pop("out")
    del run["photos"]
    run |= {
        "methods": list(study.config.methods),
        "weights_sha256": of_network(study.network),
        "sha256": of_data(study.photos),
        "layer": study.layer,
        "randomized": [" ".join(group) for group in study.stages],
    }
    return study, RunFolder(out or free(Path("runs") / f"trust-{config.network}", run), run, versions())


def measure(study: Study, folder: RunFolder, clock: Clock) -> dict[str, Step]:
    """All methods by name, each saved as soon as it is done; those that an interrupted run has left are read."""
    steps: dict[str, Step] = {}
    with clock("randomize"):
        networks = _measure.randomized(study)
    with tqdm(total=len(study.config.methods) * _measure.ticks(study), unit="part", smoothing=0) as bar:
        for name in study.config.methods:
            bar.set_description(name)
            if folder.finished(name):
                steps[name] = folder.load(name)
                bar.update(_measure.ticks(study))
                continue
            with clock(name):
                steps[name] = _measure.measure(study, name, networks, bar.update)
                folder.save(name, steps[name])
    return steps


def show(study: Study, folder: RunFolder, steps: dict[str, Step]) -> str:
    """Write the pictures and the table. Returns the table in text."""
    for name, picture in _figures.pictures(study, steps).items():
        folder.write(name, render.png(picture))
    report = _figures.table(study, steps)
    explained = {
        name: {"target": study.network.labels[target], "other": study.network.labels[other]}
        for name, target, other in zip(study.photos.names, study.targets, study.others, strict=True)
    }
    rows = [step.numbers for step in steps.values()]
    folder.write("table.json", dumps({"photos": explained, "methods": rows}).encode())
    folder.write("table.txt", f"{report}\n".encode())
    return report
