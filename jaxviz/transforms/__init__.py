"""Transforms from one JAX function to another: rules, taps, cuts, edits, rewriting."""

from jaxviz._core.cpu_kernels import fast_on_cpu as fast_on_cpu
from jaxviz._core.jaxpr.layout import channels_last as channels_last
from jaxviz._core.jaxpr.match import Match as Match
from jaxviz._core.jaxpr.per_example import per_example as per_example
from jaxviz._core.jaxpr.rewrite import Operation as Operation
from jaxviz._core.jaxpr.rewrite import rewrite as rewrite
from jaxviz._core.network import Network as Network
from jaxviz.transforms._bind import bind as bind
from jaxviz.transforms._cut import after as after
from jaxviz.transforms._cut import upto as upto
from jaxviz.transforms._incremental import incremental as incremental
from jaxviz.transforms._pooling import max_pool_with_switches as max_pool_with_switches
from jaxviz.transforms._pooling import unpool as unpool
from jaxviz.transforms._receptive_field import receptive_field as receptive_field
from jaxviz.transforms._rules import Rule as Rule
from jaxviz.transforms._rules import RuleName as RuleName
from jaxviz.transforms._rules import matches as matches
from jaxviz.transforms._rules import with_rule as with_rule
from jaxviz.transforms._tap_gradients import tap_gradients as tap_gradients
from jaxviz.transforms._taps import edit as edit
from jaxviz.transforms._taps import layers as layers
from jaxviz.transforms._taps import tap as tap
from jaxviz.transforms._units import unit_outputs as unit_outputs
