"""Which maps to trust: do they point at what the network uses, and do they depend on what it has learned.

    JAXVIZ_PHOTOS=folder python -m scripts.trust

One table over methods: the areas of insertion and deletion curves, and how alike the maps stay when another class is
explained, or when the network's layers are randomized from the top down. The edges of the photo and a random map are
the floor: what is no better than these says nothing of the network. What the folder has to
hold: python -m scripts.photos --help. Takes some ten minutes on two CPU
cores for 30 photos; `--num-photos 6` a quarter of that. An interrupted run goes on with the method where it stopped.

With the last layer of SqueezeNet redrawn, maps of deconvnet keep a rank correlation of 1.00 with those of the network,
of guided backprop 0.93, of saliency 0.57, of Grad-CAM 0.19: the first two fail, as in Adebayo et al. 2018.
"""

import dataclasses
from pathlib import Path

from scripts._clock import Clock
from scripts._command import checking, keep_compiled, start
from scripts._ranges import Count, Folder, Seed


@dataclasses.dataclass(frozen=True)
class Config:
    """What to compare, and on how much."""

    network: str = "squeezenet"
    """One of models.names()."""
    weights: str | None = None
    """A file of weights, or `hub`, for a network without committed ones."""
    photos: Path | None = None
    """a folder of labeled photos; $JAXVIZ_PHOTOS by default."""
    num_photos: Count | None = None
    """How many of them, drawn by the seed. 30 by default, or all where there are fewer."""
    methods: tuple[str, ...] = (
        "saliency",
        "gradient_x_input",
        "smoothgrad",
        "integrated_gradients",
        "guided",
        "deconvnet",
        "grad_cam",
        "grad_cam_pp",
        "layer_cam",
        "guided_grad_cam",
        "occlusion",
        "edges",
        "random",
    )
    """In the order to show. There are hires_cam, xgrad_cam, eigen_cam, ablation_cam, recipro_cam, expected_gradients;
    and two that take longer than all others together, score_cam and rise."""
    steps: Count = 16
    """Of the insertion and deletion curves."""
    samples: Count = 12
    """Of smoothgrad, integrated_gradients and expected_gradients, whose baselines are the other photos."""
    masks: Count = 500
    """Of rise."""
    depths: Count = 5
    """In how many steps all layers are randomized."""
    seed: Seed = 0
    """For the photos, the randomized weights, and all else that is drawn."""
    out: Folder | None = None
    """The folder of the results. By default one of its own under runs/."""


def main(config: Config) -> None:
    """Measure method by method, then draw."""
    clock = Clock()
    with clock("imports"):
        # Here, so that --help and a mistyped option need not wait for JAX.
        from scripts._trust import _run
    with clock("arguments"), checking():
        study, folder = _run.open_study(config)
    for name, value in folder.run.items():
        print(f"  {name:<10} {value}")
    keep_compiled()
    steps = _run.measure(study, folder, clock)
    with clock("draw"):
        report = _run.show(study, folder, steps)
    folder.finish(report, clock)


if __name__ == "__main__":
    start(main, Config, __doc__)
