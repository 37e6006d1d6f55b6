import os

# Before JAX starts: tests of sharding need more than one device, and most of the tests' time is compiling.
os.environ["XLA_FLAGS"] = " ".join(
    ("--xla_force_host_platform_device_count=8", "--xla_backend_optimization_level=0", os.environ.get("XLA_FLAGS", ""))
)
os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jaxtyping
import pytest

# The hook looks it up under this name, and imports nothing but `tests`.
import tests.typechecker  # noqa: F401

# The generators need what the tests do not, captum among it.
collect_ignore_glob = ["golden/make_*.py"]

# Shapes in signatures are checked in every test.
_hook = jaxtyping.install_import_hook(
    ["jaxviz.adapters", "jaxviz.attribution", "jaxviz.transforms"], "tests.typechecker.checked"
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
