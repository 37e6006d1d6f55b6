"""What may import what, and what importing must not do."""

import os
import re
import subprocess
import sys
from pathlib import Path


def loaded_by(statement):
    code = f"import sys; {statement}; print(*sorted(name.partition('.')[0] for name in sys.modules))"
    return set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())


def test_the_library_loads_neither_flax_nor_models_nor_scripts():
    assert not {"flax", "equinox", "models", "scripts", "tests", "matplotlib"} & loaded_by("import jaxviz")


def test_what_draws_is_there_without_a_second_import():
    code = "import jaxviz as jv; print(hasattr(jv, 'render'), {'render', 'explain'} <= {*dir(jv)}, jv.render.__name__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "True", "jaxviz.render"]


def test_importing_touches_no_device():
    code = "import jaxviz, jaxviz.render"
    without_devices = {**os.environ, "JAX_PLATFORMS": "no_such_platform"}
    subprocess.run([sys.executable, "-c", code], env=without_devices, check=True)


def test_words_are_spelled_the_american_way():
    root = Path(__file__).parents[1]
    british = r"(?i)(?<!aria-)(grey|colour|labell|modell|travell|cancell|behaviour|favour|neighbour|licence|artefact"
    british += r"|centr(?:e|es|ed|ing)\b|(?:normal|optim|visual|organ|recogn|initial|random|general)is(?:e|ing|ation))"
    files = [root / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")]
    files += [path for name in ("jaxviz", "models", "scripts", "checkpoints") for path in (root / name).rglob("*")]
    files += [path for folder in ("*", "how_to/*", "reference/*") for path in (root / "docs").glob(folder)]
    files = [path for path in files if path.suffix in {".py", ".md", ".j2", ".css", ".js"}]
    assert len(files) > 100
    found = [(path.name, word[0]) for path in files for word in re.finditer(british, path.read_text("utf-8"))]
    assert not found
