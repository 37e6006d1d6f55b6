"""The scripts over a data set, on a few digits and networks that have learned nothing."""

import dataclasses
import json
import re

import numpy as np
import pytest
from jax.ad_checkpoint import checkpoint_name
from PIL import Image

import models
from models import training
from scripts._harness.run_folder import file_name
from tests.models.test_datasets import write
from tests.scripts.commands import run

# Each runs a whole study.
pytestmark = pytest.mark.slow

FEW = "--batch-size 8 --devices 1".split()
SCRIPTS = {
    "strongest": "--layers conv1 conv2 --channels 3 --num 4",
    "class_statistics": "--label 2 --layers conv2",
    "ablate": "--rank-on train[:20] --orders 2",
    "evolution": "--channels 2",
}


@pytest.fixture(autouse=True, scope="module")
def surroundings(tmp_path_factory):
    """A small data set, networks, and the surroundings as they were after."""
    patch = pytest.MonkeyPatch()
    data = tmp_path_factory.mktemp("data")
    patch.setenv("TFDS_DATA_DIR", str(data))
    write(data, "mnist", train=21, test=23)
    yield
    patch.undo()


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory):
    """Three networks as if they were of one training."""
    folder = tmp_path_factory.mktemp("checkpoints")
    for epoch in (1, 2, 10):
        content = training.to_safetensors(models.initialize("mnist_cnn1", epoch))
        (folder / f"mnist_cnn1-epoch-{epoch:02}.safetensors").write_bytes(content)
    return folder


def run_on_few(name, checkpoints, out, *more):
    source = ["--checkpoints", checkpoints]
    if name != "evolution":
        source = ["--weights", checkpoints / "mnist_cnn1-epoch-10.safetensors"]
    run(name, "mnist_cnn1", *source, *FEW, *SCRIPTS[name].split(), "--out", out, *more)


def numbers(out, name):
    return json.loads((out / f"{name}.json").read_text())


@pytest.mark.parametrize(
    ("script", "pictures"),
    [
        ("strongest", ["conv1", "conv2"]),
        ("class_statistics", ["statistics", "effects", "maps-conv2", "label-2", "confusion", "confused"]),
        ("ablate", ["ablation", "changed", "curve"]),
        ("evolution", ["evolution", "settling"]),
    ],
)
def test_pictures_and_numbers_lie_side_by_side(script, pictures, checkpoints, tmp_path, capsys):
    run_on_few(script, checkpoints, tmp_path / "out")
    assert {path.stem for path in (tmp_path / "out").glob("*.png")} == set(pictures)
    for name in pictures:
        assert np.asarray(Image.open(tmp_path / "out" / f"{name}.png")).std() > 5
    assert not (tmp_path / "out" / "scans").exists()
    assert numbers(tmp_path / "out", "run")["complete"]
    assert capsys.readouterr().out.splitlines()[-1] == str(tmp_path / "out" / "index.html")
    check(script, tmp_path / "out", checkpoints)


def check(script, out, checkpoints):
    """What the numbers must say, from the network itself."""
    network = models.load("mnist_cnn1", checkpoints / "mnist_cnn1-epoch-10.safetensors")
    found = models.datasets.load("mnist", "test", progress=False)
    images = network.normalize(found.images / np.float32(255))
    right = (np.asarray(network(images)).argmax(1) == found.labels).mean()
    headline = numbers(out, "run")["headline"]
    if script == "strongest":
        assert re.fullmatch(r"Channels that no image excites: conv1 \d+ of 16, conv2 \d+ of 32\.", headline)
        assert {layer["channels"] for layer in numbers(out, "strongest")["layers"].values()} == {16, 32}
    if script == "class_statistics":
        assert headline.startswith(f"Accuracy {right:.2%}. Most often confused: ")
        assert numbers(out, "confusion")["accuracy"] == pytest.approx(right, abs=1e-4)
    if script == "ablate":
        assert headline.startswith(f"{right:.1%} before, ")
        assert numbers(out, "ablation")["accuracy"]["before"] == pytest.approx(right, abs=1e-4)
        rows = np.array(numbers(out, "first")["rows"])
        assert len(rows) == 23
        assert (rows[:, 1] == rows[:, 2]).mean() == pytest.approx(right)
        curve = numbers(out, "curve-conv1")
        everything = {curve[name][-1] for name in ("most_missed_first", "least_missed_first")}
        assert len(everything | {order[-1] for order in curve["random"]}) == 1
    if script == "evolution":
        assert headline.startswith("Rank correlation with the trained network after epoch 1: conv1 ")
        assert numbers(out, "settling")["rank_correlation"]["conv2"][-1] == pytest.approx(1, abs=1e-4)
        assert numbers(out, "losses")["accuracy"][-1] == pytest.approx(right, abs=1e-4)


@pytest.mark.parametrize("script", ["strongest", "ablate"])
def test_layers_may_be_named_by_paths(script, checkpoints, tmp_path, monkeypatch, capsys):
    """As those of Linen and NNX are."""
    monkeypatch.setattr("models.mnist.checkpoint_name", lambda x, name: checkpoint_name(x, f"net/{name}"))
    monkeypatch.setitem(SCRIPTS, "strongest", "--layers net/conv1 --channels 3 --num 4")
    monkeypatch.setitem(SCRIPTS, "ablate", "--layers net/conv1 --rank-on train[:20] --orders 2")
    run_on_few(script, checkpoints, tmp_path / "out")
    step = "projections-net/conv1" if script == "strongest" else "curve-net/conv1"
    files = {path.name for path in (tmp_path / "out").iterdir()}
    assert {f"{file_name(step)}.json", f"{file_name(step)}.npz"} <= files
    assert all(path.is_file() for path in (tmp_path / "out").iterdir())


def test_an_interrupted_run_goes_on_within_the_pass(checkpoints, tmp_path, monkeypatch, capsys):
    from scripts._harness.scan import run as _run
    from scripts.class_statistics import draw as _show

    monkeypatch.setattr(_show, "files", lambda study, steps: {})  # what is drawn is not at stake
    out, scan = tmp_path / "out", _run.Run.scan

    class Interrupted(Exception):
        pass

    def stopping(self, name, spec):
        options = scan(self, name, spec)

        def progress(done, total):
            options.progress(done, total)
            if self._step == "confusion" and done > 8:
                raise Interrupted

        return dataclasses.replace(options, progress=progress)

    with monkeypatch.context() as patch:
        patch.setattr(_run.Run, "scan", stopping)
        with pytest.raises(Interrupted):
            run_on_few("class_statistics", checkpoints, out, "--save-every", 1)
    first = (out / "statistics.json").stat().st_mtime_ns
    assert list((out / "scans" / "confusion").rglob("*.npz"))
    run_on_few("class_statistics", checkpoints, out, "--save-every", 1)
    assert (out / "statistics.json").stat().st_mtime_ns == first
    assert sum(map(sum, np.load(out / "confusion.npz")["matrix"])) == 23
    capsys.readouterr()


@pytest.mark.parametrize(
    ("script", "arguments", "message"),
    [
        ("strongest", "--filters conv1:16", "`--filters` must be LAYER:CHANNEL with a channel in 0..15 of conv1, got"),
        ("strongest", "--layers conv4", "`--layers` must be one of 4 names, got 'conv4'."),
        ("class_statistics", "--label 12", "`--label` must be a class in 0..9 or a label, got 12."),
        ("ablate", "--distributed here", "`--distributed` must be auto or HOST:PORT,PLACE,OF, got 'here'."),
        ("evolution", "--checkpoints .", "`--checkpoints` must be a folder with two at least of mnist_cnn1-epoch-01"),
        ("ablate", "--split validation", "`--split` must be one of train, test, or a part of one"),
    ],
)
def test_a_wrong_argument_gets_one_line_and_writes_nothing(script, arguments, message, checkpoints, tmp_path, capsys):
    with pytest.raises(SystemExit) as stop:
        run_on_few(script, checkpoints, tmp_path / "out", *arguments.split())
    assert stop.value.code == 2
    printed = capsys.readouterr()
    assert printed.err.splitlines()[-1].startswith(f"error: {message}")
    assert not (tmp_path / "out").exists()
