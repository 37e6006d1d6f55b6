"""From the arguments of a scan to its report: what its four studies have in common."""

import importlib
from typing import Any

from scripts._harness.clock import Clock
from scripts._harness.command import checking, keep_compiled
from scripts._harness.scan.options import join


def follow(name: str, config: Any) -> None:
    """Prepare, measure, draw and finish the study `scripts.NAME`.

    Its `study.py` has `prepare(config)`, which looks at every argument and opens the run, `measure(study)`, all steps
    by name, and `headline(steps)`, what was found in a sentence; its `draw.py` has `files(study, steps)`, the pictures
    by the names of their files, and `table(study, steps)`, what to print.
    """
    clock = Clock()
    with clock("imports"):
        with checking():
            join(config.scan.distributed)
        # Here, so that --help and a mistyped option need not wait for JAX.
        study_of = importlib.import_module(f"scripts.{name}.study")
        draw = importlib.import_module(f"scripts.{name}.draw")
    with clock("arguments"), checking():
        study = study_of.prepare(config)
    keep_compiled()
    with clock("measure"):
        steps = study_of.measure(study)
    study.run.finish(
        lambda: draw.files(study, steps), lambda: study_of.headline(steps), lambda: draw.table(study, steps), clock
    )
