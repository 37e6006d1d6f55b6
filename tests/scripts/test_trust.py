"""`scripts.trust` and `scripts.adversarial` on a few made-up photos and a network of a few parameters."""

import json
import sys

import jax
import numpy as np
import pytest
from PIL import Image

import models
from scripts._harness.command import start
from scripts.adversarial import __main__ as adversarial
from scripts.trust import __main__ as trust
from scripts.trust.measure import _likeness
from scripts.trust.methods import floor
from scripts.trust.study import stages, top_down

# Each runs a whole study.
pytestmark = pytest.mark.slow

NETWORK = ("--network", "mnist_cnn2")


@pytest.fixture
def photos(tmp_path, monkeypatch):
    """A folder of photos of digits, as a network for MNIST knows them."""
    folder = tmp_path / "photos" / "imagenet"
    folder.mkdir(parents=True)
    entries = []
    for number in range(8):
        pixels = np.random.default_rng(number).integers(0, 255, (28, 28, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
        entries.append({"file": f"{number}.png", "class": number % 4, "label": str(number % 4)})
    (folder / "photos.json").write_text(json.dumps(entries))
    monkeypatch.setenv("JAXVIZ_PHOTOS", str(folder.parent))
    monkeypatch.setattr(models, "load", lambda name, weights: models.initialize(name))
    return folder


@pytest.fixture(autouse=True, scope="module")
def own_cache(tmp_path_factory):
    """A cache of compiled programs for these tests, and the process as it was after them."""
    patch = pytest.MonkeyPatch()
    patch.delenv("JAX_COMPILATION_CACHE_DIR", raising=False)
    patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
    names = ("jax_compilation_cache_dir", "jax_persistent_cache_min_compile_time_secs")
    before = {name: getattr(jax.config, name) for name in names}
    yield
    patch.undo()
    for name, value in before.items():
        jax.config.update(name, value)


def run(monkeypatch, script, *arguments: object) -> None:
    monkeypatch.setattr(sys, "argv", [script.__name__, *map(str, arguments)])
    start(script.main, script.Config, script.__doc__)


def test_layers_are_taken_from_the_output_down():
    network = models.initialize("mnist_cnn2")
    assert top_down(network, ["conv1", "pool1", "conv2", "pool2"]) == ["predictions", "conv2", "conv1"]
    names = [f"layer{number}" for number in range(10)]
    assert stages(names, 4) == (("layer0",), tuple(names[1:4]), tuple(names[4:7]), tuple(names[7:]))
    assert stages(names, 1) == (("layer0",),)
    assert [name for group in stages(names, 99) for name in group] == names


def test_edges_stay_and_random_maps_do_not():
    pixels = np.random.default_rng(0).integers(0, 255, (3, 16, 16, 3), np.uint8)
    rank, structure = _likeness(*(floor("edges", pixels, (0, draw)) for draw in (0, 1)))
    np.testing.assert_allclose([rank, structure], 1, atol=1e-5)
    rank, structure = _likeness(*(floor("random", pixels, (0, draw)) for draw in (0, 1)))
    assert np.abs(rank).max() < 0.3
    assert structure.max() < 0.5


def test_a_blank_map_has_no_likeness():
    rank, structure = _likeness(
        np.zeros((1, 16, 16), np.float32), np.random.default_rng(0).random((1, 16, 16), np.float32)
    )
    assert np.isnan([rank, structure]).all()


def test_trust_goes_on_with_the_method_where_it_stopped(photos, tmp_path, monkeypatch, capsys):
    from scripts.trust import measure as _measure

    command = (*NETWORK, "--num-photos", 2, "--methods", "saliency", "edges", "--steps", 2, "--depths", 2)
    command += ("--out", tmp_path / "out")

    def interrupt(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(_measure, "floor", interrupt)
        with pytest.raises(SystemExit) as stop:
            run(patch, trust, *command)
    assert stop.value.code == 130
    with monkeypatch.context() as patch:
        patch.setattr(_measure, "_program", interrupt)
        run(patch, trust, *command)
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        *(f"{name}.{kind}" for name in ("saliency", "edges") for kind in ("json", "npz")),
        *("cascade.png", "similarity.png", "curves.png", "table.json", "table.txt", "run.json", "index.html"),
    }
    rows = json.loads((tmp_path / "out" / "table.json").read_text())["methods"]
    assert [row["method"] for row in rows] == ["saliency", "edges"]
    assert rows[1]["rank_correlation"] == pytest.approx([1, 1], abs=1e-5)
    assert max(rows[0]["rank_correlation"]) < 0.999
    assert "Edges (Sobel)" in capsys.readouterr().out


def test_adversarial_writes_its_figures_with_their_numbers(photos, tmp_path, monkeypatch, capsys):
    out = tmp_path / "out"
    arguments = "--target 3 --train 3 --size 8 --steps 3 --batch 2 --looked 2 --levels 4 --pgd-steps 2 --draws 1"
    run(monkeypatch, adversarial, *NETWORK, *arguments.split(), "--out", out)
    names = {path.name for path in out.iterdir()}
    assert names >= {"patch.png", "success.png", "looks.png", "adversarial.json", "patch.npz", "run.json"}
    found = json.loads((out / "adversarial.json").read_text())
    assert found["success"]["photos"] == 3
    assert found["look"]["area_of_patch"] == pytest.approx(64 / 784, rel=0.02)
    assert "taken for 3" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("script", "arguments", "message"),
    [
        (trust, "--num-photos 9 --depths 2", "`--num-photos` must be at most 8, got 9."),
        (trust, "--methods saliancy", "`--methods` must be one of 22 names, got 'saliancy'."),
        (trust, "--depths 0", "`--depths` must be at least 1, got 0."),
        (adversarial, "--target 7 --size 6", "`--target` must be one of"),
        (adversarial, "--target 3 --train 6 --size 6", "`--train` must leave some of 6 photos unseen, got 6."),
        (adversarial, "--target 3 --train 2 --size 0", "`--size` must be at least 1, got 0."),
    ],
)
def test_a_wrong_argument_gets_one_line_and_writes_nothing(
    script, arguments, message, photos, tmp_path, monkeypatch, capsys
):
    with pytest.raises(SystemExit) as stop:
        run(monkeypatch, script, *NETWORK, *arguments.split(), "--out", tmp_path / "out")
    assert stop.value.code == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_folder_without_photos_is_named(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("JAXVIZ_PHOTOS", str(tmp_path))
    with pytest.raises(SystemExit):
        run(monkeypatch, trust, "--out", tmp_path / "out")
    assert "`--photos` must be a folder of photos: with photos.json" in capsys.readouterr().err
