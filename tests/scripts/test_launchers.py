"""A scan and a site in several processes under a launcher, and killed in the middle: the same as in one."""

import signal
import time

import numpy as np
import pytest

from tests.scripts import processes
from tests.scripts.processes import MPIRUN, ended, launched, needs_mpirun

# Each starts processes of its own.
pytestmark = pytest.mark.slow

STRONGEST = "mnist_cnn1 --layers conv1 --num 3 --batch-size 4 --save-every 1".split()
SITE = "mnist_cnn1 --layers conv1 --channels 0:6 --without pictures --batch-size 8 --num 4".split()


@pytest.fixture(scope="module")
def surroundings(tmp_path_factory):
    return processes.surroundings(tmp_path_factory, test=403)


def arrays(out):
    """What a scan has found, by file and name."""
    found = {}
    for path in sorted(out.glob("*.npz")):
        with np.load(path) as content:
            found |= {f"{path.name} {name}": array for name, array in content.items()}
    return found


def same(found, expected):
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array, err_msg=name)


@pytest.fixture(scope="module")
def alone(surroundings, tmp_path_factory):
    out = tmp_path_factory.mktemp("alone") / "out"
    ended(launched(surroundings, "strongest", *STRONGEST, "--out", out))
    return arrays(out)


@needs_mpirun
def test_a_launcher_finds_the_same(surroundings, alone, tmp_path):
    arguments = (*STRONGEST, "--distributed", "auto", "--out", tmp_path / "out")
    ended(launched(surroundings, "strongest", *arguments, launcher=MPIRUN))
    same(arrays(tmp_path / "out"), alone)


@needs_mpirun
def test_trust_is_the_same_in_two_processes(surroundings, tmp_path):
    trust = "--network mnist_cnn1 --num-images 10 --methods saliency edges --steps 2 --depths 1 --changes 1".split()
    ended(launched(surroundings, "trust", *trust, "--out", tmp_path / "alone"))
    arguments = (*trust, "--distributed", "auto", "--out", tmp_path / "out")
    ended(launched(surroundings, "trust", *arguments, launcher=MPIRUN))
    same(arrays(tmp_path / "out"), arrays(tmp_path / "alone"))


def killed(process, there):
    """Killed, and not asked to end, as soon as the files are there."""
    deadline = time.monotonic() + 240
    while not there() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate()


def test_a_killed_scan_goes_on(surroundings, alone, tmp_path):
    out = tmp_path / "out"
    killed(launched(surroundings, "strongest", *STRONGEST, "--out", out), lambda: any(out.glob("scans/*/*")))
    assert not (out / "index.html").exists()
    ended(launched(surroundings, "strongest", *STRONGEST, "--out", out))
    same(arrays(out), alone)


def pages(out):
    return {str(path.relative_to(out)): path.read_bytes() for path in out.rglob("*.js") if ".work" not in path.parts}


def test_a_killed_site_goes_on(surroundings, tmp_path):
    whole, out = tmp_path / "whole", tmp_path / "out"
    ended(launched(surroundings, "microscope", *SITE, "--out", whole))
    killed(launched(surroundings, "microscope", *SITE, "--out", out), lambda: any(out.glob("units/*/*.js")))
    assert pages(out) != pages(whole)
    ended(launched(surroundings, "microscope", *SITE, "--out", out))
    assert pages(out) == pages(whole)
