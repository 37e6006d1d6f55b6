"""Every public function that acts on a network or on data, by name."""

import inspect
from collections.abc import Callable

import jaxviz as jv

PACKAGES = (jv.transforms, jv.attribution, jv.dataset, jv.robustness, jv.metrics, jv.microscope)
FUNCTIONS: dict[str, Callable] = {
    name: function
    for package in PACKAGES
    for name, function in vars(package).items()
    if inspect.isfunction(function) and not name.startswith("_")
} | {"explain": jv.explain}
