"""`scripts.occlude_pixels` on a few digits."""

import json

import numpy as np
import pytest

import models
from models import datasets
from scripts.occlude_pixels.study import _in_turn
from tests.models.test_datasets import write
from tests.scripts.commands import run


def test_images_are_the_first_of_each_class_in_turn_sorted_by_class():
    labels = np.array([2, 0, 0, 1, 2, 1, 0])
    assert _in_turn(labels, 3).tolist() == [1, 3, 0]
    assert _in_turn(labels, 5).tolist() == [1, 2, 3, 5, 0]
    assert _in_turn(labels, 7).tolist() == [1, 2, 6, 3, 5, 0, 4]


@pytest.mark.slow
@pytest.mark.parametrize(("baseline", "value"), [("mean", 0.0), ("black", 0.0)])
def test_a_map_is_what_a_loop_over_pixels_finds(tmp_path, monkeypatch, baseline, value):
    write(tmp_path, "mnist", train=8, test=12)
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    out = tmp_path / "out"
    run("occlude_pixels", "mnist_cnn3", "--num", 3, "--windows", 5, "--baseline", baseline, "--out", out)
    (found,) = json.loads((out / "windows.json").read_text())["windows"]
    maps = np.load(out / "window-5.npz")["maps"]
    network, data = models.load("mnist_cnn3"), datasets.load("mnist", "test")
    for entry, covered in zip(found["images"], maps, strict=True):
        image = np.array(network.normalize(data.images[entry["image"]][None] / np.float32(255)))
        row, col = entry["lowest_at"]
        image[:, max(0, row - 2) : row + 3, max(0, col - 2) : col + 3] = value
        logits = np.asarray(network(image)[0], np.float64)
        probability = np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()
        label = network.labels.index(entry["class"])
        assert covered.min() == pytest.approx(probability[label], abs=1e-5)
        assert entry["lowest"] == pytest.approx(probability[label], abs=1e-5)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["squeezenet"], "`NETWORK` must be one of mnist_cnn1"),
        (["mnist_cnn3", "--windows", 29], "`--windows` must be at most 28"),
        (["mnist_cnn3", "--num", 13], "`--num` must be at most 12, the images there are, got 13."),
        (["mnist_cnn3", "--split", "validation"], "`--split` must be"),
    ],
)
def test_what_does_not_fit_is_one_line(tmp_path, monkeypatch, capsys, options, text):
    write(tmp_path, "mnist", train=8, test=12)
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    with pytest.raises(SystemExit):
        run("occlude_pixels", *options)
    assert capsys.readouterr().err.splitlines()[-1].startswith(f"error: {text}")
