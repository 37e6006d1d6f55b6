"""See what a convolutional network has learned: functional transforms on any JAX function."""

from jaxviz.transforms import Match as Match
from jaxviz.transforms import after as after
from jaxviz.transforms import edit as edit
from jaxviz.transforms import layers as layers
from jaxviz.transforms import matches as matches
from jaxviz.transforms import max_pool_with_switches as max_pool_with_switches
from jaxviz.transforms import tap as tap
from jaxviz.transforms import unpool as unpool
from jaxviz.transforms import upto as upto
from jaxviz.transforms import with_rule as with_rule
