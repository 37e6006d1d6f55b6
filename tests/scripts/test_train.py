"""`scripts.train` on a data set of a few digits."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

import models
from models import datasets, training
from tests.models.test_datasets import write
from tests.scripts.commands import run

# Each runs a whole study.
pytestmark = pytest.mark.slow

QUICK = "mnist_cnn1 --epochs 2 --batch-size 8 --learning-rate 0.01".split()


@pytest.fixture(autouse=True, scope="module")
def surroundings(tmp_path_factory):
    """A small data set, a cache of compiled programs for these tests, and the process as it was after them."""
    patch = pytest.MonkeyPatch()
    data = tmp_path_factory.mktemp("data")
    patch.setenv("TFDS_DATA_DIR", str(data))
    write(data, "mnist", train=41, test=23)
    yield
    patch.undo()


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A finished run, and what it printed."""
    out = tmp_path_factory.mktemp("finished") / "digits"
    command = [sys.executable, "-m", "scripts.train", *QUICK, "--out", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return out, done.stdout, done.stderr


def test_it_prints_config_accuracy_time_and_path(finished):
    out, printed, bar = finished
    assert "learning_rate   0.01" in printed
    assert "on 23 test images after 2 epochs" in printed
    assert "Where the time went:" in printed
    assert printed.splitlines()[-1] == str(out / "index.html")
    assert "10/10" in bar


def test_the_folder_holds_weights_numbers_and_figures_and_no_more(finished):
    assert {path.name for path in finished[0].iterdir()} == {
        *(
            "index.html",
            "run.json",
            "training.json",
            "confusion.json",
            "training.png",
            "confusion.png",
            "weights.safetensors",
        ),
        *("epoch-01.json", "epoch-01.npz", "epoch-02.json", "epoch-02.npz"),
    }
    for name in ("training", "confusion"):
        with Image.open(finished[0] / f"{name}.png") as picture:
            assert np.asarray(picture).std() > 10


def test_the_weights_are_those_of_the_numbers(finished):
    out, _, _ = finished
    numbers = json.loads((out / "training.json").read_text())
    network = models.load("mnist_cnn1", out / "weights.safetensors")
    found = training.evaluate(network, datasets.load("mnist", "test", progress=False))
    assert numbers["test_accuracy"] == pytest.approx(found.accuracy)
    assert numbers["curves"][-1]["test_loss"] == pytest.approx(found.loss, abs=1e-4)
    assert [epoch["epoch"] for epoch in numbers["curves"]] == [1, 2]
    assert numbers["sha256"] == hashlib.sha256((out / "weights.safetensors").read_bytes()).hexdigest()
    counts = np.array(json.loads((out / "confusion.json").read_text())["counts"])
    np.testing.assert_array_equal(counts, found.confusion)
    assert counts.sum() == 23


def test_an_interrupted_run_goes_on_to_the_same_weights(tmp_path, monkeypatch, capsys):
    from scripts.train import run as _run

    # In this process as well: JAX may have started with other flags than in one of the script's own.
    run("train", *QUICK, "--out", tmp_path / "whole")
    evaluate = training.evaluate

    def second_is_interrupted(*args):
        if list((tmp_path / "out").glob("epoch-01.json")):
            raise KeyboardInterrupt
        return evaluate(*args)

    with monkeypatch.context() as patch:
        patch.setattr(_run.training, "evaluate", second_is_interrupted)
        with pytest.raises(SystemExit) as stop:
            run("train", *QUICK, "--out", tmp_path / "out")
    assert stop.value.code == 130
    first = (tmp_path / "out" / "epoch-01.json").stat().st_mtime_ns
    assert not (tmp_path / "out" / "weights.safetensors").exists()
    run("train", *QUICK, "--out", tmp_path / "out")
    assert (tmp_path / "out" / "epoch-01.json").stat().st_mtime_ns == first
    for name in ("weights.safetensors", "confusion.json"):
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    del capsys


def test_a_killed_run_goes_on_to_the_same_weights(finished, tmp_path):
    command = [sys.executable, "-m", "scripts.train", *QUICK, "--out", str(tmp_path / "out")]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None and not (tmp_path / "out" / "epoch-01.json").exists():
        time.sleep(0.001)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    subprocess.run(command, capture_output=True, check=True)
    name = "weights.safetensors"
    assert (tmp_path / "out" / name).read_bytes() == (finished[0] / name).read_bytes()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("mnist_cnn4", "`NETWORK` must be one of mnist_cnn1, mnist_cnn2, mnist_cnn3, cifar_small, cifar_wide, got"),
        ("mnist_cnn1 --epochs 0", "`--epochs` must be at least 1, got 0."),
        ("mnist_cnn1 --train validation", "`--train` must be one of train, test, or a part of one"),
        ("cifar_small", "`name` must be a prepared data set, got cifar10"),
        ("mnist_cnn1 --batch-size 50", "`--batch-size` must be at most the number of examples, got 50 for 41."),
    ],
)
def test_a_wrong_argument_gets_one_line_and_writes_nothing(arguments, message, tmp_path, capsys):
    with pytest.raises(SystemExit) as stop:
        run("train", *arguments.split(), "--out", tmp_path / "out")
    assert stop.value.code == 2
    printed = capsys.readouterr()
    assert message in printed.err
    assert not (tmp_path / "out").exists()
