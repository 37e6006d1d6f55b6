"""The arguments of `scripts.trust`."""

import dataclasses

from scripts._harness.ranges import Count, Seed
from scripts._harness.scan.options import Options, Scanning


@dataclasses.dataclass(frozen=True)
class Config:
    """What to compare, and on how much."""

    network: str = "squeezenet"
    """One of models.names()."""
    num_images: Count | None = None
    """How many of the data, drawn by the seed. 30 by default, or all where there are fewer."""
    methods: tuple[str, ...] = (
        "saliency",
        "gradient_x_input",
        "smoothgrad",
        "integrated_gradients",
        "expected_gradients",
        "deep_lift",
        "deconvnet",
        "guided",
        "guided_grad_cam",
        "grad_cam",
        "grad_cam_pp",
        "layer_cam",
        "hires_cam",
        "xgrad_cam",
        "eigen_cam",
        "recipro_cam",
        "occlusion",
        "edges",
        "random",
    )
    """In the order to show. Three more take longer than all of these: ablation_cam, score_cam, rise."""
    steps: Count = 16
    """Of the insertion and deletion curves."""
    samples: Count = 12
    """Of smoothgrad, integrated_gradients and expected_gradients, whose baselines are other images of the data."""
    masks: Count = 500
    """Of rise."""
    depths: Count = 5
    """In how many steps all layers are randomized."""
    changes: Count = 4
    """Slightly changed copies of each image, for the sensitivity."""
    seed: Seed = 0
    """For the images, the randomized weights, and all else that is drawn."""
    scan: Options = dataclasses.field(default_factory=lambda: Scanning(batch_size=5))
