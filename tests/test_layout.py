"""What may import what, and what importing must not do."""

import os
import subprocess
import sys


def loaded_by(statement):
    code = f"import sys; {statement}; print(*sorted(name.partition('.')[0] for name in sys.modules))"
    return set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())


def test_the_library_loads_neither_flax_nor_models_nor_scripts():
    assert not {"flax", "models", "scripts", "tests", "matplotlib"} & loaded_by("import jaxviz")


def test_importing_touches_no_device():
    code = "import jaxviz, jaxviz.render"
    without_devices = {**os.environ, "JAX_PLATFORMS": "no_such_platform"}
    subprocess.run([sys.executable, "-c", code], env=without_devices, check=True)
