"""From the arguments to the report of a study that follows layers of a network over some photos."""

import importlib
from typing import Any

from scripts._harness.clock import Clock
from scripts._harness.command import checking, keep_compiled


def follow(name: str, config: Any) -> None:
    """Prepare, measure, draw and finish the study `scripts.NAME`.

    Its `study.py` has `measure(study, layers)`, which returns a `Step`, `headline(step)`, what was found in a sentence,
    and perhaps `default_layers(network)`. Its `draw.py` has `draw(study, step)`, the bytes of `NAME.png`, and
    `table(step)`, what to print.
    """
    clock = Clock()
    with clock("imports"):
        # Here, so that --help and a mistyped option need not wait for JAX.
        from scripts._harness.networks import network_of
        from scripts._harness.photo_study import photos, study

        study_of = importlib.import_module(f"scripts.{name}.study")
        drawing = importlib.import_module(f"scripts.{name}.draw")
    with clock("arguments"), checking():
        network = network_of(config.network, config.weights)
        default = getattr(study_of, "default_layers", study.three_layers)
        layers = study.check_layers(network, config.layers or default(network))
        loaded = photos.load(config.photos, network)
        prepared = study.prepare(name, config, loaded, network, layers=layers)
    keep_compiled()
    folder = prepared.folder
    with clock("measure"):
        if not folder.finished(name):
            folder.save(name, study_of.measure(prepared, layers))
        step = folder.load(name)
    with clock("draw"):
        folder.write(f"{name}.png", drawing.draw(prepared, step))
    folder.finish(study_of.headline(step), drawing.table(step), clock)
