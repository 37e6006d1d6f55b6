import tomllib
from importlib import resources
from pathlib import Path

import jaxviz as jv


def test_the_version_is_that_of_the_project():
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]
    assert jv.__version__ == project["version"]
    assert "__version__" in dir(jv)


def test_type_checkers_may_read_it():
    assert resources.files("jaxviz").joinpath("py.typed").is_file()
