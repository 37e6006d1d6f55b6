"""What tests of commands share: compiled programs of their own, and the process as it was after each file."""

import jax
import pytest

_OPTIONS = ("jax_compilation_cache_dir", "jax_persistent_cache_min_compile_time_secs", "jax_disable_most_optimizations")


@pytest.fixture(scope="session")
def compiled(tmp_path_factory):
    """A folder of compiled programs, for all files."""
    return tmp_path_factory.mktemp("compiled")


@pytest.fixture(autouse=True, scope="module")
def _own_cache(compiled):
    """Commands keep what they compile: not among the user's, and not for tests of other folders."""
    before = {name: jax.config.values[name] for name in _OPTIONS}
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("JAX_COMPILATION_CACHE_DIR", raising=False)
        patch.setenv("XDG_CACHE_HOME", str(compiled))
        yield
    for name, value in before.items():
        jax.config.update(name, value)
