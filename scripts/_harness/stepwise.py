"""From the arguments to the report of a study that goes step by step."""

import importlib
from typing import Any

from scripts._harness.clock import Clock
from scripts._harness.command import checking, keep_compiled


def follow(name: str, config: Any) -> None:
    """Prepare, measure, draw and finish the study `scripts.NAME`.

    Its `run.py` has `open_study(config)`, which looks at every argument and opens the folder,
    `measure(study, folder, clock)`, all steps by name, each saved as soon as it is done, and
    `show(study, folder, steps)`, which writes the pictures and returns what to print.
    """
    clock = Clock()
    with clock("imports"):
        # Here, so that --help and a mistyped option need not wait for JAX.
        run = importlib.import_module(f"scripts.{name}.run")
    with clock("arguments"), checking():
        study, folder = run.open_study(config)
    for key, value in folder.run.items():
        print(f"  {key:<10} {value}")
    keep_compiled()
    steps = run.measure(study, folder, clock)
    with clock("draw"):
        report = run.show(study, folder, steps)
    folder.finish(report, clock)
