"""Which image a unit asks for: feature visualization by gradient ascent, as one compiled program.

Four nouns, four files: what is to grow (`objectives`), what is varied (`param`), what the picture has to survive
(`augment`), what it must not become (`priors`). `render` drives them with an optax optimizer; `presets` holds settings
of other tools.
"""

from jaxviz.maximize import augment as augment
from jaxviz.maximize import objectives as objectives
from jaxviz.maximize import param as param
from jaxviz.maximize import presets as presets
from jaxviz.maximize import priors as priors
from jaxviz.maximize._ascent import ADAM as ADAM
from jaxviz.maximize._ascent import Result as Result
from jaxviz.maximize._ascent import render as render
from jaxviz.maximize.objectives import Objective as Objective
from jaxviz.maximize.objectives import activation_match as activation_match
from jaxviz.maximize.objectives import batch as batch
from jaxviz.maximize.objectives import channel as channel
from jaxviz.maximize.objectives import custom as custom
from jaxviz.maximize.objectives import deepdream as deepdream
from jaxviz.maximize.objectives import direction as direction
from jaxviz.maximize.objectives import diversity as diversity
from jaxviz.maximize.objectives import log_probability as log_probability
from jaxviz.maximize.objectives import logit as logit
from jaxviz.maximize.objectives import unit as unit
