"""A study from its arguments to its report: what all of them have in common."""

import importlib
import importlib.util
from typing import Any

from scripts._harness.clock import Clock
from scripts._harness.command import checking, keep_compiled
from scripts._harness.scan.options import Scanning, join


def follow(name: str, config: Any) -> None:
    """Prepare, measure, draw and finish the study `scripts.NAME`.

    Its `study.py` has `prepare(config)`, which looks at every argument and opens the run: what it returns has it as
    `folder`. There, or in its `run.py`, are `measure(study)`, all that is found, each step kept as soon as it is done,
    and `headline(found)`, that in a sentence. Its `draw.py` has `files(study, found)`, the pictures and tables by the
    names of their files, and `table(study, found)`, what to print.
    """
    clock = Clock()
    with clock("imports"):
        scan = getattr(config, "scan", None)
        if isinstance(scan, Scanning):
            # Before any device is asked for.
            with checking():
                join(scan.distributed)
        # Here, so that --help and a mistyped option need not wait for JAX.
        study_of, draw = (importlib.import_module(f"scripts.{name}.{part}") for part in ("study", "draw"))
        apart = importlib.util.find_spec(f"scripts.{name}.run") is not None
        run = importlib.import_module(f"scripts.{name}.run") if apart else study_of
    with clock("arguments"), checking():
        study = study_of.prepare(config)
    keep_compiled()
    found = run.measure(study)
    study.folder.finish(
        lambda: draw.files(study, found), lambda: run.headline(found), lambda: draw.table(study, found), clock
    )
