"""What `python -m scripts` and `python -m scripts.photos` say."""

import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

import models
import scripts.__main__ as listing
from scripts._harness.command import UsageError
from scripts._harness.photo_folder import classes, entries
from scripts.photos import __main__ as photos


def test_every_command_has_a_line():
    # No JAX, and so no second to wait for.
    code = "import scripts.__main__ as main, sys; print('\\n'.join(main.commands())); assert 'jax' not in sys.modules"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    heading, *lines = found.splitlines()
    assert "python -m scripts.NAME" in heading
    names = [line.split()[0] for line in lines]
    assert {"explain", "occlude", "photos", "reproduce", "benchmark"} <= set(names)
    assert all(line.endswith(".") for line in lines)


@pytest.mark.slow
def test_networks_and_layers_are_listed(capsys):
    listing.main(listing.Config(networks=True))
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(models.names())
    by_name = {line.split()[0]: line for line in lines}
    assert "227x227x3" in by_name["squeezenet"]
    assert "1000 classes" in by_name["squeezenet"]
    assert "weights committed" in by_name["squeezenet"]
    assert "weights by --weights" in by_name["vgg16"]
    listing.main(listing.Config(layers=("mnist_cnn1",)))
    heading, image, *rest = capsys.readouterr().out.splitlines()
    assert (heading, image.split()) == ("mnist_cnn1", ["image", "28", "x", "28", "x", "1"])
    assert rest[-1].split()[-1] == "10"
    with pytest.raises(UsageError, match="`--layers` must be one of"):
        listing.main(listing.Config(layers=("nope",)))


@pytest.fixture
def digits(tmp_path):
    for name in ("7", "3"):
        (tmp_path / name).mkdir()
        Image.fromarray(np.full((28, 28), 100, np.uint8)).save(tmp_path / name / f"of {name}.png")
    return tmp_path


def test_a_folder_with_classes_gets_its_list(digits, capsys):
    before = entries(digits)
    config = photos.Config(digits, network="mnist_cnn1")
    photos.main(config)
    assert "2 photos of 2 classes" in capsys.readouterr().out
    listed = json.loads((digits / "photos.json").read_text())
    assert listed == [
        {"file": "3/of 3.png", "class": 3, "label": "3"},
        {"file": "7/of 7.png", "class": 7, "label": "7"},
    ]
    after = entries(digits)
    assert [entry.path for entry in after] == [entry.path for entry in before]
    labels = models.load("mnist_cnn1").labels
    assert classes(after, labels, "mnist_cnn1") == classes(before, labels, "mnist_cnn1") == [3, 7]


def test_a_list_that_is_there_is_kept(digits, capsys):
    mine = [{"file": "7/of 7.png", "label": "7"}]
    (digits / "photos.json").write_text(json.dumps(mine))
    photos.main(photos.Config(digits, network="mnist_cnn1"))
    assert "is left as it is" in capsys.readouterr().out
    assert json.loads((digits / "photos.json").read_text()) == mine
    photos.main(photos.Config(digits, network="mnist_cnn1", replace=True))
    assert json.loads((digits / "photos.json").read_text()) == [{**mine[0], "class": 7}]


def test_a_photo_that_cannot_be_read_stops_it(digits):
    (digits / "7" / "broken.png").write_bytes(b"no picture")
    with pytest.raises(UsageError, match=r"got '.*broken\.png'"):
        photos.main(photos.Config(digits, network="mnist_cnn1"))
    assert not (digits / "photos.json").exists()
