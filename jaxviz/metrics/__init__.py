"""Whether a map can be trusted: does it point at what the network uses, and does it depend on the network at all."""

from jaxviz.metrics._completeness import completeness_gap as completeness_gap
from jaxviz.metrics._infidelity import infidelity as infidelity
from jaxviz.metrics._infidelity import max_sensitivity as max_sensitivity
from jaxviz.metrics._insertion_deletion import Curve as Curve
from jaxviz.metrics._insertion_deletion import deletion as deletion
from jaxviz.metrics._insertion_deletion import insertion as insertion
from jaxviz.metrics._interval import Interval as Interval
from jaxviz.metrics._interval import confidence_interval as confidence_interval
from jaxviz.metrics._localization import energy_in as energy_in
from jaxviz.metrics._localization import pointing_game as pointing_game
from jaxviz.metrics._localization import sparseness as sparseness
from jaxviz.metrics._randomization import cascade as cascade
from jaxviz.metrics._randomization import permuted as permuted
from jaxviz.metrics._randomization import randomized as randomized
from jaxviz.metrics._randomization import redrawn as redrawn
from jaxviz.metrics._road import Road as Road
from jaxviz.metrics._road import road as road
from jaxviz.metrics._similarity import rank_correlation as rank_correlation
from jaxviz.metrics._similarity import ssim as ssim
