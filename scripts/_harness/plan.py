"""A command as a list of tasks: each is done once, kept, and drawn at the end."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from tqdm import tqdm

from jaxviz import render
from scripts._harness.ascent import Study
from scripts._harness.clock import Clock
from scripts._harness.depends import of_network
from scripts._harness.run_folder import Step, opened, plain

_LEAST = 128

Tick = Callable[[int], object]


class Task(NamedTuple):
    """A step of a run: `measure` is given a function to say how much of `size` it has done since it last said so."""

    measure: Callable[[Tick], Step]
    size: int = 1


class Plan(NamedTuple):
    """What a command is going to do.

    `run` are the settings that say whose folder it is; `draw` gives the pictures by the names of their files; `report`
    is what to print, `headline` what was found in a sentence.
    """

    name: str
    run: dict[str, Any]
    tasks: dict[str, Task]
    draw: Callable[[dict[str, Step]], dict[str, bytes]]
    report: Callable[[dict[str, Step]], str]
    headline: Callable[[dict[str, Step]], str]


def settings(config: Any, study: Study, **resolved: Any) -> dict[str, Any]:
    """All that the result depends on, for JSON: the arguments, those of the ascent among them, and what they led to."""
    run = {"script": f"maximize {type(config).__name__.lower()}", **dataclasses.asdict(config)}
    run |= run.pop("ascent")
    del run["out"]
    run.pop("photos", None)  # the folder; what lies in it is told by a digest
    run |= {"image": list(study.network.input_shape), "weights_sha256": of_network(study.network), **resolved}
    return plain(run)


def follow(plan: Plan, out: Path | None, clock: Clock) -> None:
    """Do what is not done yet, then draw all of it and print the report."""
    folder = opened(plan.name, plan.run, out)
    steps: dict[str, Step] = {}
    with tqdm(total=sum(task.size for task in plan.tasks.values()), unit="image", smoothing=0) as bar:
        for name, task in plan.tasks.items():
            bar.set_description(name)
            before = bar.n
            steps[name] = folder.step(name, lambda task=task: task.measure(bar.update))
            bar.update(before + task.size - bar.n)
    folder.finish(lambda: plan.draw(steps), lambda: plan.headline(steps), lambda: plan.report(steps), clock)


def animations(name: str, frames: list[np.ndarray], labels: list[str]) -> dict[str, bytes]:
    """The frames in every form that this machine can write, by the names of the files; small ones enlarged."""
    times = max(1, _LEAST // min(frames[0].shape[:2]))
    frames = [frame.repeat(times, axis=0).repeat(times, axis=1) for frame in frames]
    files = {f"{name}.gif": render.gif(frames, labels=labels), f"{name}.webp": render.webp(frames, labels=labels)}
    try:
        files[f"{name}.mp4"] = render.mp4(frames, labels=labels)
    except FileNotFoundError:
        # Nobody asked for MP4 in particular.
        pass
    return files
