"""Commands in processes of their own: alone, in several, under a launcher."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.models.test_datasets import write

MPIRUN = ("mpirun", "-n", "2", "--allow-run-as-root", "--oversubscribe")
LAUNCHER = shutil.which("mpirun") is not None
needs_mpirun = pytest.mark.skipif(not LAUNCHER, reason="needs mpirun, of Debian's package openmpi-bin")


def surroundings(tmp_path_factory: Any, test: int) -> dict[str, str]:
    """An environment with made-up digits, `test` of them to look at, and with a cache of its own."""
    data = tmp_path_factory.mktemp("data")
    write(data, "mnist", train=21, test=test)
    # Most of the time is compiling, here as in the tests' own process.
    flags = {"JAX_PLATFORMS": "cpu", "XLA_FLAGS": "--xla_backend_optimization_level=0", "TFDS_DATA_DIR": str(data)}
    return os.environ | flags | {"XDG_CACHE_HOME": str(tmp_path_factory.mktemp("cache"))}


def launched(
    environment: dict[str, str], script: str, *arguments: str | Path, launcher: tuple[str, ...] = ()
) -> "subprocess.Popen[str]":
    """The command `scripts.SCRIPT`, begun."""
    command = [*launcher, sys.executable, "-m", f"scripts.{script}", *map(str, arguments)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def ended(process: "subprocess.Popen[str]") -> str:
    """What it printed, once it has ended well."""
    out, error = process.communicate(timeout=300)
    assert process.returncode == 0, error
    return out
