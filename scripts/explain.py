"""Explain a photo: which class a network sees, which pixels and units speak for it, what covering a place changes.

    python -m scripts.explain chelsea --out runs/demo

Writes `index.html` (one file, opens anywhere) and, beside it, a PNG, a JSON and an NPZ of every step. Takes about a
minute on two CPU cores, of which most is compiling; a second run finds the compiled programs in the user's cache. For
the cat photo `chelsea`, SqueezeNet says Egyptian cat.
"""

import dataclasses
from pathlib import Path
from typing import Annotated

import tyro

from scripts._clock import Clock
from scripts._command import checking, keep_compiled, start


@dataclasses.dataclass(frozen=True)
class Config:
    """What to explain, and how."""

    photo: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="PHOTO")]
    """A path, or a sample of scikit-image: astronaut, chelsea, coffee, rocket."""
    network: str = "squeezenet"
    """The network, one of models.names()."""
    target: str | None = None
    """The class to explain, its number or its label. The most probable one by default."""
    methods: tuple[str, ...] = (
        "saliency",
        "smoothgrad",
        "integrated_gradients",
        "deconvnet",
        "guided",
        "grad_cam",
        "grad_cam_pp",
        "layer_cam",
        "score_cam",
        "guided_grad_cam",
    )
    """The attributions, in the order to show; gradient_x_input is there too."""
    layers: tuple[str, ...] = ()
    """The layers to project; the deepest is that of the class activation maps. Four from shallow to deep by default."""
    units: int = 6
    """How many units of a layer."""
    window: int = 32
    """Height and width of the covered place, in pixels."""
    stride: int = 12
    """Pixels from one covered place to the next."""
    seed: int = 0
    """For the noise of smoothgrad."""
    out: Path | None = None
    """The folder of the results. By default one of its own under runs/."""


def main(config: Config) -> None:
    """Measure step by step, then draw the page."""
    clock = Clock()
    with clock("imports"):
        # Here, so that --help and a mistyped option need not wait for JAX.
        from scripts._explain import _run, _study
    with clock("arguments"), checking():
        study = _study.prepare(config)
        folder = _run.open_folder(study)
    for name, value in folder.run.items():
        print(f"  {name:<8} {value}")
    keep_compiled()
    steps = _run.measure(study, folder, clock)
    with clock("draw"):
        index = _run.show(study, folder, steps, clock)
    print(f"\n{_run.top_classes(steps)}\n\nWhere the time went:\n{clock.table()}\n\n{index}")


if __name__ == "__main__":
    start(main, Config, __doc__)
