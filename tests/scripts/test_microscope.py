"""The command, on a few digits: alone, in two processes, under a launcher."""

import os
import shutil
import socket
import subprocess
import sys

import pytest

from tests.microscope.sample import read
from tests.models.test_datasets import write

# Each builds a whole site.
pytestmark = pytest.mark.slow

SMALL = "mnist_cnn1 --channels 0:3 --steps 8 --diverse 2 --batch-size 8 --num 4".split()


@pytest.fixture(scope="module")
def surroundings(tmp_path_factory):
    data = tmp_path_factory.mktemp("data")
    write(data, "mnist", train=21, test=23)
    flags = {"JAX_PLATFORMS": "cpu", "XLA_FLAGS": "", "TFDS_DATA_DIR": str(data)}
    return os.environ | flags | {"XDG_CACHE_HOME": str(tmp_path_factory.mktemp("cache"))}


def launched(surroundings, out, *arguments, launcher=()):
    command = [*launcher, sys.executable, "-m", "scripts.microscope", *SMALL, "--out", str(out), *arguments]
    return subprocess.Popen(command, env=surroundings, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def ended(process):
    out, error = process.communicate(timeout=300)
    assert process.returncode == 0, error
    return out


def contents(out):
    return {
        path.relative_to(out): path.read_bytes()
        for path in out.rglob("*")
        if path.is_file() and ".work" not in path.parts
    }


@pytest.fixture(scope="module")
def alone(surroundings, tmp_path_factory):
    out = tmp_path_factory.mktemp("alone") / "site"
    assert str(out / "index.html") in ended(launched(surroundings, out))
    return out


def test_the_site_has_the_units_that_were_asked_for(alone):
    site = read(alone, "data/site")
    assert site["complete"]
    assert site["data"] == "mnist test"
    assert [layer["channels"] for layer in site["layers"][:-1]] == [3] * (len(site["layers"]) - 1)
    assert site["layers"][-1]["name"] == site["output"]
    page = read(alone, "units/0/2")
    assert [kind for kind, *_ in page["pictures"]] == ["up", "down", "unit", "diverse", "diverse"]
    assert page["top"] or page["flag"] == "dead"
    assert not (alone / "units/0/3.js").exists()


def test_two_processes_make_the_same_site(surroundings, alone, tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    out = tmp_path / "site"
    processes = [launched(surroundings, out, "--distributed", f"{address},{place},2") for place in range(2)]
    for process in processes:
        ended(process)
    assert contents(out) == contents(alone)


@pytest.mark.skipif(shutil.which("mpirun") is None, reason="needs mpirun, of Debian's package openmpi-bin")
def test_a_launcher_makes_the_same_site(surroundings, alone, tmp_path):
    mpirun = ("mpirun", "-n", "2", "--allow-run-as-root", "--oversubscribe")
    ended(launched(surroundings, tmp_path / "site", "--distributed", "auto", launcher=mpirun))
    assert contents(tmp_path / "site") == contents(alone)
