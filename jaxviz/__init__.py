"""See what a convolutional network has learned: functional transforms on any JAX function."""

import importlib
import importlib.metadata
from typing import TYPE_CHECKING, Any

from jaxviz import analysis as analysis
from jaxviz import maximize as maximize
from jaxviz import metrics as metrics
from jaxviz._core._cpu_kernels import fast_on_cpu as fast_on_cpu
from jaxviz.analysis import Scan as Scan
from jaxviz.analysis import ablate as ablate
from jaxviz.analysis import ablate_each as ablate_each
from jaxviz.analysis import adversarial_patch as adversarial_patch
from jaxviz.analysis import class_statistics as class_statistics
from jaxviz.analysis import confusion as confusion
from jaxviz.analysis import correspondence as correspondence
from jaxviz.analysis import evolution as evolution
from jaxviz.analysis import fgsm as fgsm
from jaxviz.analysis import invariance as invariance
from jaxviz.analysis import paste_patch as paste_patch
from jaxviz.analysis import pgd as pgd
from jaxviz.analysis import rank_channels as rank_channels
from jaxviz.analysis import receptive_field as receptive_field
from jaxviz.analysis import settling as settling
from jaxviz.analysis import strongest as strongest
from jaxviz.attribution import CoarseToFine as CoarseToFine
from jaxviz.attribution import GrowthCap as GrowthCap
from jaxviz.attribution import ablation_cam as ablation_cam
from jaxviz.attribution import completeness_gap as completeness_gap
from jaxviz.attribution import deep_lift as deep_lift
from jaxviz.attribution import eigen_cam as eigen_cam
from jaxviz.attribution import expected_gradients as expected_gradients
from jaxviz.attribution import grad_cam as grad_cam
from jaxviz.attribution import grad_cam_pp as grad_cam_pp
from jaxviz.attribution import gradient_x_input as gradient_x_input
from jaxviz.attribution import guided_grad_cam as guided_grad_cam
from jaxviz.attribution import hires_cam as hires_cam
from jaxviz.attribution import integrated_gradients as integrated_gradients
from jaxviz.attribution import layer_cam as layer_cam
from jaxviz.attribution import layer_conductance as layer_conductance
from jaxviz.attribution import layer_integrated_gradients as layer_integrated_gradients
from jaxviz.attribution import log_probabilities as log_probabilities
from jaxviz.attribution import occlude_regions as occlude_regions
from jaxviz.attribution import occlusion as occlusion
from jaxviz.attribution import occlusion_grid as occlusion_grid
from jaxviz.attribution import probabilities as probabilities
from jaxviz.attribution import project as project
from jaxviz.attribution import recipro_cam as recipro_cam
from jaxviz.attribution import rise as rise
from jaxviz.attribution import saliency as saliency
from jaxviz.attribution import score_cam as score_cam
from jaxviz.attribution import smoothgrad as smoothgrad
from jaxviz.attribution import strongest_units as strongest_units
from jaxviz.attribution import xgrad_cam as xgrad_cam
from jaxviz.transforms import Match as Match
from jaxviz.transforms import after as after
from jaxviz.transforms import bind as bind
from jaxviz.transforms import edit as edit
from jaxviz.transforms import incremental as incremental
from jaxviz.transforms import layers as layers
from jaxviz.transforms import matches as matches
from jaxviz.transforms import max_pool_with_switches as max_pool_with_switches
from jaxviz.transforms import per_example as per_example
from jaxviz.transforms import rewrite as rewrite
from jaxviz.transforms import tap as tap
from jaxviz.transforms import tap_gradients as tap_gradients
from jaxviz.transforms import unit_outputs as unit_outputs
from jaxviz.transforms import unpool as unpool
from jaxviz.transforms import upto as upto
from jaxviz.transforms import with_rule as with_rule

if TYPE_CHECKING:
    __version__: str
    from jaxviz import render as render
    from jaxviz.explanation import Explanation as Explanation
    from jaxviz.explanation import explain as explain

# What draws loads matplotlib, which takes longer than all the rest: not before somebody asks for it.
_DRAWING = {"render": "jaxviz.render", "Explanation": "jaxviz.explanation", "explain": "jaxviz.explanation"}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return importlib.metadata.version("jaxviz-convnets")
    if name not in _DRAWING:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = importlib.import_module(_DRAWING[name])
    return module if name == "render" else getattr(module, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_DRAWING, "__version__"})
