"""A run from its arguments to its figures."""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from tqdm import tqdm

from jaxviz import render
from scripts._harness.clock import Clock
from scripts._harness.depends import of_data, of_network
from scripts._harness.run_folder import RunFolder, Step, dumps, free
from scripts._harness.versions import versions
from scripts.adversarial import draw as _figures
from scripts.adversarial import measure as _measure
from scripts.adversarial.study import Study, prepare

if TYPE_CHECKING:
    from scripts.adversarial.config import Config

_STEPS = ("patch", "success", "perturb", "look")


def open_study(config: "Config") -> tuple[Study, RunFolder]:
    """The arguments as values, and the folder that the run belongs in."""
    study = prepare(config)
    run = {"script": "adversarial", **dataclasses.asdict(study.config)}
    out = run.pop("out")
    del run["photos"]
    run = {key: list(value) if isinstance(value, tuple) else value for key, value in run.items()}
    run |= {
        "target": study.label,
        "weights_sha256": of_network(study.network),
        "sha256": of_data(study.made, study.unseen, study.example),
        "layer": study.layer,
    }
    return study, RunFolder(out or free(Path("runs") / f"adversarial-{config.network}", run), run, versions())


def measure(study: Study, folder: RunFolder, clock: Clock) -> dict[str, Step]:
    """All steps by name, each saved as soon as it is done; those that an interrupted run has left are read."""
    steps: dict[str, Step] = {}
    with tqdm(_STEPS, unit="step") as bar:
        for name in bar:
            bar.set_description(name)
            if folder.finished(name):
                steps[name] = folder.load(name)
                continue
            with clock(name):
                steps[name] = _measure_one(study, name, steps)
                folder.save(name, steps[name])
    return steps


def _measure_one(study: Study, name: str, steps: dict[str, Step]) -> Step:
    if name == "patch":
        return _measure.make(study)
    if name == "success":
        return _measure.success(study, steps["patch"])
    if name == "perturb":
        return _measure.perturb(study)
    return _measure.look(study, steps["patch"])


def headline(steps: dict[str, Step]) -> str:
    """Success of the patch, a photo and noise at the middle size, and where Grad-CAM looks."""
    success, look = steps["success"].numbers, steps["look"].numbers
    middle = len(success["factors"]) // 2
    rates = ", ".join(f"{name} {success[name]['success'][middle]:.0%}" for name in ("patch", "photo", "noise"))
    return (
        f"On {success['area'][middle]:.0%} of the picture, {success['photos']} unseen photos: {rates}. Grad-CAM of the "
        f"target peaks on the patch in {look['grad_cam_peak_in_patch']:.0%}."
    )


def show(study: Study, folder: RunFolder, steps: dict[str, Step]) -> str:
    """Write the pictures. Returns the figures in text."""
    for name, picture in _figures.pictures(study, steps).items():
        folder.write(name, render.png(picture))
    text = _figures.report(study, steps)
    folder.write("adversarial.json", dumps({name: step.numbers for name, step in steps.items()}).encode())
    folder.write("report.txt", f"{text}\n".encode())
    return text
