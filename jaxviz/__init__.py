"""See what a convolutional network has learned: functional transforms on any JAX function."""

from jaxviz.attribution import completeness_gap as completeness_gap
from jaxviz.attribution import grad_cam as grad_cam
from jaxviz.attribution import grad_cam_pp as grad_cam_pp
from jaxviz.attribution import gradient_x_input as gradient_x_input
from jaxviz.attribution import guided_grad_cam as guided_grad_cam
from jaxviz.attribution import integrated_gradients as integrated_gradients
from jaxviz.attribution import layer_cam as layer_cam
from jaxviz.attribution import occlude_regions as occlude_regions
from jaxviz.attribution import occlusion as occlusion
from jaxviz.attribution import occlusion_grid as occlusion_grid
from jaxviz.attribution import project as project
from jaxviz.attribution import saliency as saliency
from jaxviz.attribution import score_cam as score_cam
from jaxviz.attribution import smoothgrad as smoothgrad
from jaxviz.attribution import strongest_units as strongest_units
from jaxviz.transforms import Match as Match
from jaxviz.transforms import after as after
from jaxviz.transforms import edit as edit
from jaxviz.transforms import incremental as incremental
from jaxviz.transforms import layers as layers
from jaxviz.transforms import matches as matches
from jaxviz.transforms import max_pool_with_switches as max_pool_with_switches
from jaxviz.transforms import tap as tap
from jaxviz.transforms import unpool as unpool
from jaxviz.transforms import upto as upto
from jaxviz.transforms import with_rule as with_rule
