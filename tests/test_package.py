import re
import subprocess
import sys
import tomllib
import venv
from importlib import resources
from pathlib import Path

import pytest

import jaxviz as jv

ROOT = Path(__file__).parents[1]


def test_the_version_is_that_of_the_project():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert jv.__version__ == project["version"]
    assert f"version: {project['version']}\n" in (ROOT / "CITATION.cff").read_text()
    (released,) = re.findall(rf"## \[{re.escape(project['version'])}\] - (\S+)", (ROOT / "CHANGELOG.md").read_text())
    assert f"date-released: {released}\n" in (ROOT / "CITATION.cff").read_text()
    assert "__version__" in dir(jv)


def test_type_checkers_may_read_it():
    assert resources.files("jaxviz").joinpath("py.typed").is_file()


@pytest.mark.slow
def test_the_wheel_alone_explains_a_model(tmp_path):
    """In an environment without Flax, data sets and the clone."""
    subprocess.run([sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", tmp_path, ROOT], check=True)
    (wheel,) = tmp_path.glob("*.whl")
    venv.create(tmp_path / "empty", with_pip=True)
    python = tmp_path / "empty" / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", wheel], check=True)
    done = subprocess.run(
        [python, "-P", ROOT / "tests" / "installed.py"], cwd=tmp_path, check=True, capture_output=True, text=True
    )
    assert "works alone" in done.stdout
