"""`scripts.architectures` on a few digits, and its measures against what they are by definition."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

import models
from models.datasets import Examples
from scripts.architectures import ablation as _ablation
from scripts.architectures import aliasing as _aliasing
from scripts.architectures import study as _study
from scripts.architectures import variants as _variants
from tests.scripts.commands import run

# Each runs a whole study.
pytestmark = pytest.mark.slow

QUICK = "--images 6 --train 16 --epochs 1 --seeds 2".split()


def digits(count: int) -> Examples:
    """Bright bars on black."""
    images = np.zeros((count, 28, 28, 1), np.uint8)
    for number in range(count):
        images[number, 4 : 8 + number % 10, 8:12] = 250
    return Examples(images, (np.arange(count) % 10).astype(np.int32))


def run_on_little(monkeypatch, *arguments) -> None:
    monkeypatch.setattr(_study, "load", lambda name, split: digits(16 if split.startswith("train") else 12))
    monkeypatch.setattr(_study, "size", lambda name, split: 16)
    run("architectures", *arguments)


def test_it_leaves_numbers_tables_and_pictures(tmp_path, monkeypatch, capsys):
    forms = {
        "as it is": _variants.Form(((2, 3, 2), (3, 3, 1)), (4,)),
        "without dense": _variants.Form(((2, 3, 1),), ()),
    }
    monkeypatch.setattr(_ablation, "FORMS", forms)
    out = tmp_path / "run"
    run_on_little(monkeypatch, *QUICK, "--out", out)
    numbers = json.loads((out / "architectures.json").read_text())
    assert [entry["network"] for entry in numbers["found"]] == ["mnist_cnn1", "mnist_cnn2"]
    assert [layer["step"] for layer in numbers["found"][0]["layers"]] == [4, 16]
    assert [layer["step"] for layer in numbers["found"][1]["layers"]] == [1, 2]
    # Nothing is folded where a convolution visits every place.
    assert [layer["folded"] for layer in numbers["found"][1]["layers"]] == [0, 0]
    assert numbers["found"][0]["layers"][0]["folded"] > 0
    assert [variant["variant"] for variant in numbers["variants"]] == list(forms)
    assert [variant["layer"] for variant in numbers["variants"]] == ["conv2", "conv1"]
    for variant in numbers["variants"]:
        assert variant["test_error"] == pytest.approx(np.mean(variant["test_errors"]), abs=1e-5)
    # 3x3x1x2 + 2, then 14x14x2x10 + 10.
    assert numbers["variants"][1]["parameters"] == 20 + 3930
    assert "Does the picture tell that" in (out / "architectures.md").read_text()
    for name in ("architectures", "pictures"):
        with Image.open(out / f"{name}.png") as picture:
            assert np.asarray(picture).std() > 10
    assert capsys.readouterr().out.splitlines()[-1] == str(out / "index.html")


@pytest.mark.parametrize(("period", "step", "share"), [(4, 2, 0.0), (4, 3, 1.0), (8, 4, 0.0), (8, 5, 1.0), (2, 1, 0.0)])
def test_a_wave_is_above_nyquist_where_a_grid_has_less_than_two_points_a_period(period, step, share):
    wave = 3 + np.cos(2 * np.pi * np.arange(24) / period)
    for map_ in (np.tile(wave, (24, 1)), np.tile(wave[:, None], 24)):
        assert _aliasing.above(map_[None], step) == pytest.approx(share, abs=1e-9)


def test_shares_are_of_the_energy_and_nothing_has_no_share():
    rows = np.arange(24)
    both = 2 * np.cos(2 * np.pi * rows / 12) + np.cos(2 * np.pi * rows / 3)
    assert _aliasing.above(np.tile(both, (24, 1))[None], 4) == pytest.approx(1 / 5)
    assert _aliasing.above(np.ones((2, 4, 4)), 4) == 0


def test_what_folds_is_what_the_layer_would_have_shown_in_between():
    network = models.initialize("mnist_cnn1")
    photos = digits(3).images / np.float32(255)
    module = _aliasing.convolutions(network)["conv1"]
    padded = np.pad(photos[..., 0], ((0, 0), (2, 2), (2, 2)))
    kernel = np.asarray(module.kernel[...])[..., 0, :]
    windows = np.lib.stride_tricks.sliding_window_view(padded, (10, 10), axis=(1, 2))
    maps = np.maximum(np.einsum("nrcij,ijk->nkrc", windows, kernel), 0).reshape(-1, 23, 23)
    expected = _aliasing.above(maps, 4)
    assert 0.05 < expected < 1
    assert _aliasing.folded(network, "conv1", jnp.asarray(photos)) == pytest.approx(expected, rel=1e-3)


def test_contrast_is_of_sizes_on_strokes_and_on_background():
    brightness = np.array([[[1.0, 0.0, 0.3]], [[1.0, 1.0, 1.0]]])
    assert _aliasing.contrast(np.array([[[-3.0, 1.0, 99.0]], [[1.0, 1.0, 1.0]]]), brightness) == pytest.approx(0.5)


@pytest.mark.parametrize("name", list(_variants.FORMS))
def test_every_variant_is_what_its_name_says(name):
    spec = models.initialize("mnist_cnn3").spec
    found, full = (
        jax.eval_shape(lambda form=form: _variants.variant(form, spec, 0).state)
        for form in (_variants.FORMS[name], _variants.FULL)
    )
    logits = jax.eval_shape(
        lambda: _variants.variant(_variants.FORMS[name], spec, 0)(jnp.zeros((2, *spec.input_shape)))
    )
    assert logits.shape == (2, 10)
    assert (name == "as it is") == (jax.tree.map(jnp.shape, found) == jax.tree.map(jnp.shape, full))
    for layer in ("conv2", "conv3", "dense2"):
        if name.startswith("without") and layer in name:
            assert layer not in found


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--networks mnist_cnn1", "`--networks` must be two or more, got 1."),
        ("--networks mnist_cnn1 mnist_cnn4", "`--networks` must be one of"),
        ("--networks mnist_cnn1 cifar_small", "`--networks` must be of one data set, got some of cifar10 and mnist."),
        ("--seeds 0", "`--seeds` must be at least 1, got 0."),
    ],
)
def test_a_wrong_argument_gets_one_line_and_writes_nothing(arguments, message, tmp_path, monkeypatch, capsys):
    with pytest.raises(SystemExit) as stop:
        run_on_little(monkeypatch, *QUICK, *arguments.split(), "--out", tmp_path / "out")
    assert stop.value.code == 2
    printed = capsys.readouterr()
    assert message in printed.err
    assert printed.err.count("\n") == 1
    assert not (tmp_path / "out").exists()
