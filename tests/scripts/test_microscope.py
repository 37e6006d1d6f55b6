"""The command, on a few digits: alone, in two processes, under a launcher."""

import json
import socket

import pytest

from tests.microscope.sample import read
from tests.scripts import processes
from tests.scripts.processes import LAUNCHER, MPIRUN, ended, needs_mpirun

# Each builds a whole site.
pytestmark = pytest.mark.slow

SMALL = "mnist_cnn1 --channels 0:3 --pictures-of conv1 --steps 8 --diverse 2 --batch-size 8 --num 4".split()


@pytest.fixture(scope="module")
def surroundings(tmp_path_factory):
    return processes.surroundings(tmp_path_factory, test=23)


def launched(surroundings, out, *arguments, launcher=()):
    command = (*SMALL, "--out", out, *arguments)
    return processes.launched(surroundings, "microscope", *command, launcher=launcher)


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


def test_it_records_where_the_time_went_and_how_large_the_site_is(alone):
    record = json.loads((alone / ".work" / "build.json").read_text())
    steps = {"strongest images", "connections", "each unit removed", "pictures", "pages"}
    assert steps <= record["seconds"].keys()
    assert sum(record["seconds"].values()) <= record["whole"] + 1
    assert record["units"] == sum(layer["channels"] for layer in read(alone, "data/site")["layers"])
    files = contents(alone)
    assert (record["files"], record["bytes"]) == (len(files), sum(map(len, files.values())))


@pytest.mark.skipif(LAUNCHER, reason="two processes under mpirun make it")
def test_two_processes_make_the_same_site(surroundings, alone, tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    out = tmp_path / "site"
    both = [launched(surroundings, out, "--distributed", f"{address},{place},2") for place in range(2)]
    for process in both:
        ended(process)
    assert contents(out) == contents(alone)


@needs_mpirun
def test_a_launcher_makes_the_same_site(surroundings, alone, tmp_path):
    ended(launched(surroundings, tmp_path / "site", "--distributed", "auto", launcher=MPIRUN))
    assert contents(tmp_path / "site") == contents(alone)
