"""Which pixels matter to one output of a network, or to one unit in it."""

from jaxviz.attribution._approximations import CoarseToFine as CoarseToFine
from jaxviz.attribution._approximations import GrowthCap as GrowthCap
from jaxviz.attribution._cam import grad_cam as grad_cam
from jaxviz.attribution._cam import grad_cam_pp as grad_cam_pp
from jaxviz.attribution._cam import layer_cam as layer_cam
from jaxviz.attribution._gradients import gradient_x_input as gradient_x_input
from jaxviz.attribution._gradients import saliency as saliency
from jaxviz.attribution._guided_grad_cam import guided_grad_cam as guided_grad_cam
from jaxviz.attribution._integrated_gradients import completeness_gap as completeness_gap
from jaxviz.attribution._integrated_gradients import integrated_gradients as integrated_gradients
from jaxviz.attribution._occlusion import occlusion as occlusion
from jaxviz.attribution._occlusion_grid import occlusion_grid as occlusion_grid
from jaxviz.attribution._probability import log_probabilities as log_probabilities
from jaxviz.attribution._probability import probabilities as probabilities
from jaxviz.attribution._projection import project as project
from jaxviz.attribution._projection import strongest_units as strongest_units
from jaxviz.attribution._regions import occlude_regions as occlude_regions
from jaxviz.attribution._score_cam import score_cam as score_cam
from jaxviz.attribution._smoothgrad import smoothgrad as smoothgrad
