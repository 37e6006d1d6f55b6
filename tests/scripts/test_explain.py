"""`scripts.explain` from its command line to its page."""

import json
import re
import subprocess
import sys

import jax
import numpy as np
import pytest
import skimage.data
from PIL import Image

from tests.scripts.commands import run

# Each runs a whole study.
pytestmark = pytest.mark.slow

QUICK = "--methods saliency grad_cam --layers fire3 --units 2 --window 100 --stride 100".split()


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A finished run, and what it printed."""
    out = tmp_path_factory.mktemp("finished") / "cat"
    command = [sys.executable, "-m", "scripts.explain", "chelsea", *QUICK, "--target", "tabby", "--out", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return out, done.stdout, done.stderr


def test_it_prints_config_classes_time_and_path(finished):
    out, printed, bar = finished
    assert re.search(r"^  methods +\['saliency', 'grad_cam'\]$", printed, re.MULTILINE)
    classes = printed[printed.index("%") - 6 :].splitlines()[:5]
    assert [line.split("%")[1].strip() for line in classes[:3]] == ["Egyptian cat", "tiger cat", "tabby"]
    assert "Where the time went:" in printed
    assert printed.splitlines()[-1] == str(out / "index.html")
    assert "5/5" in bar


def test_every_picture_has_its_numbers_beside_it(finished):
    out, _, _ = finished
    steps = {"prediction", "saliency", "grad_cam", "projection-fire3", "occlusion"}
    names = {path.name for path in out.iterdir()}
    assert names == {f"{step}.{kind}" for step in steps for kind in ("png", "svg", "pdf", "json", "npz")} | {
        f"{step}.csv" for step in steps - {"saliency"}
    } | {"index.html", "photo.png", "run.json", "summary.png"}
    for step in steps:
        numbers = json.loads((out / f"{step}.json").read_text())
        assert numbers["seconds"].keys() == {"compile", "run"}
        assert numbers["passes"]["forward"] >= 1
    assert json.loads((out / "prediction.json").read_text())["label"] == "tabby"


def test_the_numbers_are_those_of_the_network(finished):
    import jaxviz as jv
    import models

    out, _, _ = finished
    network = models.load("squeezenet")
    images = network.preprocess(skimage.data.chelsea())
    target = network.labels.index("tabby")
    with np.load(out / "saliency.npz") as arrays:
        expected = np.asarray(jax.jit(jv.saliency)(network, images, target))[0]
        # Sums in another order: in float32 a max-pool or a ReLU near a tie falls the other way, here and there.
        assert np.linalg.norm(arrays["attribution"] - expected) <= 1e-2 * np.linalg.norm(expected)
    covered = images.at[0, :100, 100:200].set(0)
    with np.load(out / "occlusion.npz") as arrays:
        expected = jax.nn.softmax(network(covered)[0])
        np.testing.assert_allclose(arrays["probabilities"][0, 1], expected, atol=1e-5)


def test_the_page_shows_all_of_it(finished):
    text = (finished[0] / "index.html").read_text("utf-8")
    for part in ("Why tabby?", "Saliency", "Grad-CAM", "fire3", "Egyptian cat", "occlusion.json", "scripts.explain"):
        assert part in text
    assert "http://" not in text.replace("http-equiv", "")
    assert "https://" not in text


def test_the_same_command_again_replaces_its_results(finished, capsys):
    out, _, _ = finished
    (out / "saliency.json").write_text("old")
    run("explain", "chelsea", *QUICK, "--target", "tabby", "--out", out)
    assert json.loads((out / "saliency.json").read_text())["method"] == "saliency"
    assert capsys.readouterr().out.endswith("index.html\n")


FACTORY = """
import jax
import jax.numpy as jnp
from jax.ad_checkpoint import checkpoint_name


class Bright:
    labels = ("dark", "bright")
    input_shape = (24, 20, 3)

    def __call__(self, images):
        maps = checkpoint_name(jax.nn.relu(images - 0.2), "maps")
        return jnp.stack([1 - maps.mean((1, 2, 3)), maps.mean((1, 2, 3))], 1)


def make():
    return Bright()
"""


def test_a_factory_of_the_user_in_the_current_folder(tmp_path, monkeypatch):
    (tmp_path / "own_network.py").write_text(FACTORY)
    monkeypatch.chdir(tmp_path)
    options = "--methods saliency grad_cam --window 8 --stride 12 --units 2 --out out".split()
    run("explain", "chelsea", "coffee", "--network", "own_network:make", *options)
    numbers = json.loads((tmp_path / "out" / "coffee-prediction.json").read_text())
    assert (numbers["size"], numbers["label"]) == ([24, 20], "dark")
    with np.load(tmp_path / "out" / "chelsea-saliency.npz") as arrays:
        # Of the class dark: less where a pixel lies above the threshold, and nothing elsewhere.
        assert set(np.unique(arrays["attribution"].round(8))) <= {0.0, np.float32(-1 / 1440).round(8)}
    text = (tmp_path / "out" / "index.html").read_text("utf-8")
    assert "own_network:make says dark for chelsea" in text


def test_two_classes_and_two_networks_stand_side_by_side(tmp_path):
    options = ("--methods", "saliency", "--layers", "fire3", "--units", "1", "--window", "100", "--stride", "100")
    networks = ("--network", "squeezenet", "squeezenet", "--weights", "committed", "random")
    run("explain", "chelsea", *options, *networks, "--target", "tabby", "285", "--out", tmp_path / "out")
    text = (tmp_path / "out" / "index.html").read_text("utf-8")
    assert "<h1>Why tabby and Egyptian cat?</h1>" in text
    for network in ("squeezenet", "squeezenet-2"):
        for label in ("tabby", "Egyptian_cat"):
            assert (tmp_path / "out" / f"{network}-chelsea-saliency-{label}.png").exists() is False
            assert (tmp_path / "out" / f"{network}-saliency-{label}.png").exists()
    first, second = (
        json.loads((tmp_path / "out" / f"{network}-prediction.json").read_text())["probability"]
        for network in ("squeezenet", "squeezenet-2")
    )
    assert first > 0.2 > second


def test_an_interrupted_run_goes_on_where_it_stopped(tmp_path, monkeypatch, capsys):
    from jaxviz.explanation import _occlusion, _prediction

    def interrupt(*_):
        raise KeyboardInterrupt

    out = tmp_path / "out"
    with monkeypatch.context() as patch:
        patch.setattr(_occlusion, "measure", interrupt)
        with pytest.raises(SystemExit) as stop:
            run("explain", "chelsea", *QUICK, "--out", out)
    assert stop.value.code == 130
    assert "goes on from here" in capsys.readouterr().err
    assert not (out / "index.html").exists()
    assert not list(out.glob(".*"))
    with monkeypatch.context() as patch:
        patch.setattr(_prediction, "measure", interrupt)
        run("explain", "chelsea", *QUICK, "--out", out)
    assert (out / "index.html").exists()


def test_another_run_is_not_overwritten(finished, capsys):
    out, _, _ = finished
    before = {path: path.read_bytes() for path in out.iterdir()}
    with pytest.raises(SystemExit) as stop:
        run("explain", "coffee", *QUICK, "--target", "tabby", "--out", out)
    assert stop.value.code == 2
    assert capsys.readouterr().err == (
        f"error: `--out` must be a new folder or one of the same run, got {out}: it holds a run with another "
        "photos, sha256. Use another.\n"
    )
    assert {path: path.read_bytes() for path in out.iterdir()} == before


def test_a_folder_with_other_files_is_left_alone(tmp_path, capsys):
    (tmp_path / "thesis.tex").write_text("years")
    with pytest.raises(SystemExit) as stop:
        run("explain", "chelsea", *QUICK, "--out", tmp_path)
    assert stop.value.code == 2
    assert "it holds other files" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("nowhere.png", "`PHOTO` must be the path of a picture or one of astronaut, chelsea, coffee, rocket"),
        ("{tmp}", "a folder."),
        ("{tmp}/text.png", "`PHOTO` must be a picture that can be read"),
        ("{tmp}/cut.png", "`PHOTO` must be a picture that can be read"),
        ("chelsea --network resnet", "`--network` must be one of"),
        ("chelsea --target Egyptian_cats", "Close ones are: Egyptian cat, "),
        ("chelsea --target 1000", "`--target` must be a class in 0..999 or a label, got 1000."),
        ("chelsea --layers fire3 fire33", "`--layers` must be one of 13 names, got 'fire33'. They are: conv1, pool1,"),
        ("chelsea --methods saliency gradcam", "`--methods` must be one of 18 names, got 'gradcam'. They are:"),
        ("chelsea --methods", "`--methods` must be followed by one value or more, got none."),
        (
            "chelsea --window 228",
            "`--window` must fit inside the image, got window=228 for an image of 227x227. Use at",
        ),
        ("chelsea --window 0", "`--window` must be at least 1, got 0."),
        ("chelsea --stride 0", "`--stride` must be at least 1, got 0."),
        ("chelsea --units 0", "`--units` must be at least 1, got 0."),
        ("chelsea --units 100000", "`--units` must be at most 512, the most channels of a layer, got 100000."),
        ("chelsea --network vgg16", "Give --weights hub or a file, such as https://download.pytorch.org/models/vgg16"),
        ("chelsea --network zfnet", "Give --weights FILE, or --weights random for an untrained one."),
        ("chelsea --network vgg16 --weights {tmp}/none.pth", "`--weights` must be a file, got"),
        ("chelsea --network squeezenet --weights a b", "`--weights` must be one for each network, got 2 for 1."),
        (
            "chelsea --network nowhere:make",
            "`--network` must name a module that can be imported, got 'nowhere:make': No",
        ),
        ("chelsea --network json:load_network", "`--network` must be one of"),
        ("chelsea --network json:JSONDecoder", "`--network` must name a factory that returns a function, got 'json:"),
        (
            "chelsea --network json:JSONDecoder --weights hub",
            "`--weights` must not be given for json:JSONDecoder, whose",
        ),
        ("chelsea --target tabby nowhere", "`--target` must be one of 1000 names, got 'nowhere'."),
    ],
)
def test_a_wrong_argument_gets_one_line_and_writes_nothing(arguments, message, tmp_path, capsys):
    (tmp_path / "text.png").write_text("no picture")
    Image.effect_noise((64, 64), 50).save(tmp_path / "whole.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "whole.png").read_bytes()[:500])
    before = sorted(tmp_path.rglob("*"))
    out = tmp_path / "out"
    with pytest.raises(SystemExit) as stop:
        run("explain", *arguments.format(tmp=tmp_path).split(), "--out", out)
    assert stop.value.code == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("error: `")
    assert printed.err.count("\n") == 1
    assert message in printed.err
    assert sorted(tmp_path.rglob("*")) == before
