"""The arguments of `scripts.trust`."""

import dataclasses
from pathlib import Path

from scripts._harness.ranges import Count, Folder, Seed


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
