"""A microscope of your own network: a static site with a page for every unit of every layer."""

from jaxviz.microscope._build import Step as Step
from jaxviz.microscope._build import build as build
from jaxviz.microscope._build import is_free as is_free
from jaxviz.microscope._pictures import Pictures as Pictures
