import os

# Before JAX starts: tests of sharding need more than one device, and most of the tests' time is compiling.
os.environ["XLA_FLAGS"] = " ".join(
    ("--xla_force_host_platform_device_count=8", "--xla_backend_optimization_level=0", os.environ.get("XLA_FLAGS", ""))
)
os.environ.setdefault("JAX_PLATFORMS", "cpu")

import pathlib
import pkgutil
import re

import jax
import jaxtyping
import numpy as np
import pytest

# The hook looks it up under this name, and imports nothing but `tests`.
import tests.typechecker  # noqa: F401

# Programs are kept for the next run, which takes half of the time.
if not jax.config.jax_compilation_cache_dir:
    jax.config.update("jax_compilation_cache_dir", str(pathlib.Path(__file__).parents[1] / "build" / "compiled"))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)

# The generators need what the tests do not, captum among it.
collect_ignore_glob = ["golden/make_*.py", "installed.py"]

PACKAGES = "adapters attribution dataset explanation maximize metrics microscope render robustness transforms".split()
CORE = (str(pathlib.Path(__file__).parents[1] / "jaxviz" / "_core"),)

# Shapes in signatures are checked in every test. As in JAX, a NumPy array may stand where an array is asked for.
jaxtyping.Array = jax.Array | np.ndarray
# Left out are the walker and the incremental engine: they handle equations, not arrays, thousands of them in a test.
_hook = jaxtyping.install_import_hook(
    [
        *(f"jaxviz.{package}" for package in PACKAGES),
        *(f"jaxviz._core.{module.name}" for module in pkgutil.iter_modules([*CORE]) if not module.ispkg),
    ],
    "tests.typechecker.checked",
)

_flags = os.environ["XLA_FLAGS"]


def pytest_runtest_setup():
    """The commands add flags for the process that they run in, which processes of later tests would inherit."""
    os.environ["XLA_FLAGS"] = _flags


@pytest.fixture
def unchecked_shapes():
    """Turns the shape checks off, for tests of our own errors about shapes: `@pytest.mark.usefixtures`."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


@pytest.fixture(autouse=True)
def _unchecked_where_input_is_wrong(request):
    """A test of our own errors gives what the signatures forbid; it says so in its name."""
    if re.search("refused|bad_input|is_named|names_itself|does_not_fit|wrong_value", request.node.name.split("[")[0]):
        request.getfixturevalue("unchecked_shapes")
