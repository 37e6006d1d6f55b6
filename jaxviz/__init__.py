"""See what a convolutional network has learned: functional transforms on any JAX function."""

import importlib
import importlib.metadata
from typing import TYPE_CHECKING, Any

from jaxviz import attribution as attribution
from jaxviz import transforms as transforms
from jaxviz.attribution import grad_cam as grad_cam
from jaxviz.attribution import gradient_x_input as gradient_x_input
from jaxviz.attribution import guided_grad_cam as guided_grad_cam
from jaxviz.attribution import integrated_gradients as integrated_gradients
from jaxviz.attribution import occlude_regions as occlude_regions
from jaxviz.attribution import occlusion as occlusion
from jaxviz.attribution import project as project
from jaxviz.attribution import saliency as saliency
from jaxviz.attribution import smoothgrad as smoothgrad
from jaxviz.attribution import strongest_units as strongest_units
from jaxviz.transforms import Match as Match
from jaxviz.transforms import after as after
from jaxviz.transforms import bind as bind
from jaxviz.transforms import edit as edit
from jaxviz.transforms import fast_on_cpu as fast_on_cpu
from jaxviz.transforms import incremental as incremental
from jaxviz.transforms import layers as layers
from jaxviz.transforms import matches as matches
from jaxviz.transforms import max_pool_with_switches as max_pool_with_switches
from jaxviz.transforms import per_example as per_example
from jaxviz.transforms import receptive_field as receptive_field
from jaxviz.transforms import rewrite as rewrite
from jaxviz.transforms import tap as tap
from jaxviz.transforms import tap_gradients as tap_gradients
from jaxviz.transforms import unit_outputs as unit_outputs
from jaxviz.transforms import unpool as unpool
from jaxviz.transforms import upto as upto
from jaxviz.transforms import with_rule as with_rule

if TYPE_CHECKING:
    __version__: str
    from jaxviz import dataset as dataset
    from jaxviz import explanation as explanation
    from jaxviz import maximize as maximize
    from jaxviz import metrics as metrics
    from jaxviz import microscope as microscope
    from jaxviz import render as render
    from jaxviz import robustness as robustness
    from jaxviz.explanation import Explanation as Explanation
    from jaxviz.explanation import explain as explain

# Loaded when somebody asks for them: what draws loads matplotlib, which takes longer than all the rest.
_PACKAGES = ("dataset", "explanation", "maximize", "metrics", "microscope", "render", "robustness")
_EXPLANATION = ("Explanation", "explain")


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return importlib.metadata.version("jaxviz-convnets")
    if name in _PACKAGES:
        return importlib.import_module(f"jaxviz.{name}")
    if name in _EXPLANATION:
        return getattr(importlib.import_module("jaxviz.explanation"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_PACKAGES, *_EXPLANATION, "__version__"})
