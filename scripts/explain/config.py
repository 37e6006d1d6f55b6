"""The arguments of `scripts.explain`."""

import dataclasses
from pathlib import Path
from typing import Annotated

import tyro


@dataclasses.dataclass(frozen=True)
class Config:
    """What to explain, and how."""

    photos: Annotated[tyro.conf.Positional[tuple[str, ...]], tyro.conf.arg(metavar="PHOTO [PHOTO ...]")]
    """Paths, or samples of scikit-image: astronaut, chelsea, coffee, rocket."""
    network: tuple[str, ...] = ("squeezenet",)
    """Networks, side by side: names of models.names(), or module:factory for one of yours. The factory takes nothing
    and returns a function from images (n, h, w, c) to outputs (n, k), with labels, input_shape, preprocess,
    denormalize where it has them."""
    weights: tuple[str, ...] = ()
    """For each network: a file, hub (the Hugging Face hub), random, or committed (the default)."""
    target: tuple[str, ...] = ()
    """The classes to explain, side by side, numbers or labels. The most probable one by default."""
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
    """The attributions, in the order to show; gradient_x_input is there too. By default those that the network
    allows: without named layers no class activation maps, without ReLUs no deconvnet."""
    layers: tuple[str, ...] = ()
    """The layers to project; the deepest is that of the class activation maps. Four from shallow to deep by default."""
    units: int | None = None
    """How many units of a layer. 6 by default."""
    window: int | None = None
    """Height and width of the covered place, in pixels. A seventh of the image by default."""
    stride: int | None = None
    """Pixels from one covered place to the next. Three eighths of the window by default."""
    size: int | None = None
    """For a network without preprocess and input_shape: height and width of its images. The photo's own by default."""
    input_range: tuple[float, float] = (0.0, 1.0)
    """For a network without preprocess: its values of black and of white."""
    seed: int = 0
    """For the noise of smoothgrad."""
    out: Path | None = None
    """The folder of the results. By default one of its own under runs/."""
