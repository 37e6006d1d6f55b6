"""Everything about one answer of a network, measured step by step and put on a page."""

from jaxviz.explanation._explain import Explanation as Explanation
from jaxviz.explanation._explain import explain as explain
from jaxviz.explanation._explain import name_of as name_of
from jaxviz.explanation._exports import exports as exports
from jaxviz.explanation._figures import draw as draw
from jaxviz.explanation._layers import spread_over as spread_over
from jaxviz.explanation._page import page as page
from jaxviz.explanation._results import Programs as Programs
from jaxviz.explanation._results import Result as Result
from jaxviz.explanation._steps import Step as Step
from jaxviz.explanation._steps import measure as measure
from jaxviz.explanation._steps import steps as steps
from jaxviz.explanation._subject import Options as Options
from jaxviz.explanation._subject import Source as Source
from jaxviz.explanation._subject import Subject as Subject
from jaxviz.explanation._subject import subjects as subjects
from jaxviz.explanation._view import signed_color as signed_color
