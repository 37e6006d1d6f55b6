"""`scripts.trust` and `scripts.adversarial` on a few made-up photos and a network of a few parameters."""

import json
import re

import jax
import numpy as np
import pytest
import scipy.ndimage
from PIL import Image

import jaxviz as jv
import models
from scripts._harness.run_folder import Step
from scripts.trust.measure import in_quarters, likeness
from scripts.trust.methods import maps
from scripts.trust.metrics import METRICS
from scripts.trust.study import stages, top_down
from scripts.trust.verdict import Winner, verdicts, winners
from tests.scripts.commands import run

# Each runs a whole study.
pytestmark = pytest.mark.slow

NETWORK = ("--network", "mnist_cnn2")
SHORT = (*NETWORK, "--data", "photos", "--steps", 2, "--changes", 1)


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


def headline(out):
    return json.loads((out / "run.json").read_text())["headline"]


def test_layers_are_taken_from_the_output_down():
    network = models.initialize("mnist_cnn2")
    assert top_down(network, ["conv1", "pool1", "conv2", "pool2"]) == ["predictions", "conv2", "conv1"]
    names = [f"layer{number}" for number in range(10)]
    assert stages(names, 4) == (("layer0",), tuple(names[1:4]), tuple(names[4:7]), tuple(names[7:]))
    assert stages(names, 1) == (("layer0",),)
    assert [name for group in stages(names, 99) for name in group] == names


def floor(name, images, draw):
    settings = jv.attribution.Settings(key=jax.random.key(0))
    return maps(name, models.initialize("mnist_cnn2"), images, jax.numpy.zeros(len(images), int), settings, draw)


def test_edges_are_those_of_sobel_and_stay_and_random_maps_do_not():
    images = jax.random.uniform(jax.random.key(0), (3, 16, 16, 3))
    for gray, edges in zip(np.asarray(images).mean(-1), floor("edges", images, 0), strict=True):
        slopes = [scipy.ndimage.sobel(gray, axis, mode="nearest") for axis in (0, 1)]
        np.testing.assert_allclose(edges, np.hypot(*slopes), rtol=1e-5, atol=1e-5)
    rank, structure = likeness(*(floor("edges", images, draw) for draw in (0, 1)))
    np.testing.assert_allclose([rank, structure], 1, atol=1e-5)
    rank, structure = likeness(*(floor("random", images, draw) for draw in (0, 1)))
    assert np.abs(rank).max() < 0.3
    assert structure.max() < 0.5


def test_a_blank_map_has_no_likeness():
    rank, structure = likeness(jax.numpy.zeros((1, 16, 16)), jax.random.uniform(jax.random.key(0), (1, 16, 16)))
    assert np.isnan([rank, structure]).all()


@pytest.mark.parametrize("size", [(8, 12), (7, 9)])
def test_a_mosaic_has_an_image_in_each_quarter(size):
    tiles = jax.numpy.arange(8.0).reshape(2, 4, 1, 1, 1) * jax.numpy.ones((2, 4, *size, 3))
    mosaic = in_quarters(tiles)
    assert mosaic.shape == (2, *size, 3)
    rows, cols = size[0] // 2, size[1] // 2
    quarters = [mosaic[1, :rows, :cols], mosaic[1, :rows, cols:], mosaic[1, rows:, :cols], mosaic[1, rows:, cols:]]
    for number, quarter in enumerate(quarters, 4):
        np.testing.assert_allclose(quarter, number, rtol=1e-6)


def made_up(**values):
    """A step of a method with a score of each image."""
    arrays = {metric: np.full(8, np.nan) for metric in METRICS} | {
        metric: np.asarray(one, float) for metric, one in values.items()
    }
    intervals = {name: jv.metrics.confidence_interval(one)._asdict() for name, one in arrays.items()}
    return Step({"metrics": {name: one if one["count"] else None for name, one in intervals.items()}}, arrays)


def test_a_winner_is_told_from_others_image_by_image():
    near = np.linspace(0, 1, 8)
    steps = {
        "saliency": made_up(road=near, redrawn=np.full(8, 0.1)),
        # Always a little less, though the means lie within their intervals.
        "guided": made_up(road=near - 0.01, redrawn=np.full(8, 0.9)),
        "grad_cam": made_up(road=near + 0.01 * np.array([1, -1] * 4), redrawn=np.full(8, 0.6)),
        "edges": made_up(road=near - 0.5),
        "random": made_up(road=near + 0.2),
    }
    found = winners(steps)
    assert found["road"] == Winner("saliency", ("grad_cam",), "random")
    assert found["redrawn"] == Winner("saliency", (), None)
    assert found.keys() == {"road", "redrawn"}
    said = verdicts(steps)
    assert said.keys() == {"saliency", "guided", "grad_cam"}
    assert said["saliency"].startswith("Changes when the last layer is redrawn (rank correlation 0.10, 0.10 to 0.10)")
    assert "are not shown to matter more than random pixels do (ROAD 0.50, " in said["saliency"]
    assert said["guided"].startswith("Hardly changes")
    assert said["grad_cam"].startswith("Changes in part")


def test_nothing_is_claimed_of_what_was_not_compared():
    near = np.linspace(0.1, 1, 8)

    def said(**steps):
        return verdicts({"saliency": made_up(road=near, redrawn=near), **steps})["saliency"]

    assert "Nothing was measured to compare" in said()
    assert "matter to the network more than random pixels do" in said(random=made_up(road=near - 1))
    assert "more than the edges of the image do" in said(edges=made_up(road=near - 1), random=made_up(road=near - 1))
    # A map of no order, and an image alone, whose mean has no interval.
    assert verdicts({"saliency": made_up()})["saliency"] == (
        "Blank once the last layer is redrawn. No map has an order of pixels."
    )
    one = {name: made_up(road=np.array([value])) for name, value in (("saliency", 0.9), ("edges", 0.1))}
    assert "are not shown to matter more than the edges" in verdicts(one)["saliency"]


def test_trust_draws_floors_alone(photos, tmp_path, capsys):
    command = (*SHORT, "--num-images", 2, "--methods", "edges", "random", "--depths", 1, "--out", tmp_path / "out")
    run("trust", *command)
    assert (tmp_path / "out" / "scores.png").stat().st_size > 1000
    assert "Random map" in capsys.readouterr().out


def test_trust_goes_on_with_the_method_where_it_stopped(photos, tmp_path, monkeypatch, capsys):
    from scripts.trust import measure as _measure

    command = (*SHORT, "--num-images", 5, "--methods", "saliency", "edges", "--depths", 2, "--out", tmp_path / "out")

    def interrupted(name, *_):
        if name == "edges":
            raise KeyboardInterrupt
        return maps(name, *_)

    def only_edges(name, *_):
        assert name == "edges"
        return maps(name, *_)

    with monkeypatch.context() as patch:
        patch.setattr(_measure, "maps", interrupted)
        with pytest.raises(SystemExit) as stop:
            run("trust", *command)
    assert stop.value.code == 130
    with monkeypatch.context() as patch:
        patch.setattr(_measure, "maps", only_edges)
        run("trust", *command)
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        *(f"{name}.{kind}" for name in ("saliency", "edges") for kind in ("json", "npz")),
        *(f"{name}.png" for name in ("cascade", "curves", "scores", "similarity")),
        *("table.json", "verdicts.json", "run.json", "index.html"),
    }
    rows = json.loads((tmp_path / "out" / "table.json").read_text())["methods"]
    assert [row["method"] for row in rows] == ["saliency", "edges"]
    said = headline(tmp_path / "out")
    assert said.startswith("Rank correlation with the map of the network whose last layer is redrawn: Saliency 0.")
    assert "Edges (Sobel) 1.00. Best in Insertion: Saliency; " in said
    assert rows[1]["rank_correlation"] == pytest.approx([1, 1], abs=1e-5)
    assert max(rows[0]["rank_correlation"]) < 0.999
    assert rows[0]["metrics"]["infidelity"]["mean"] < 1
    assert rows[1]["metrics"]["infidelity"] is None
    assert "Edges (Sobel)" in capsys.readouterr().out


def test_each_number_is_that_of_the_image_alone(photos, tmp_path):
    """A data set that is read as a stream, in batches of three and of all: and the metrics themselves."""
    command = (*SHORT, "--methods", "saliency", "--depths", 1, "--num-images", 7)
    found = {}
    for size in (3, 7):
        run("trust", *command, "--batch-size", size, "--out", tmp_path / str(size))
        with np.load(tmp_path / str(size) / "saliency.npz") as arrays:
            found[size] = dict(arrays)
    for name in METRICS:
        # Noise is another one at another place of a batch.
        noisy = 0.2 if name in ("road", "sensitivity", "infidelity") else 1e-4
        np.testing.assert_allclose(found[3][name], found[7][name], atol=noisy, err_msg=name)
    network = models.initialize("mnist_cnn2")
    pixels = [np.asarray(Image.open(photos / f"{number}.png")) for number in found[7]["index"]]
    images = network.normalize(np.stack([network.crop(one) for one in pixels])[..., :1] / np.float32(255))
    map_of = jax.numpy.abs(jv.saliency(network, images, network(images).argmax(-1))).sum(-1)
    np.testing.assert_allclose(found[7]["sparseness"], jv.metrics.sparseness(map_of), rtol=1e-4)
    score = jv.metrics.road(network, images, network(images).argmax(-1), map_of, key=jax.random.key(0)).score
    np.testing.assert_allclose(found[7]["road"], score, rtol=1e-3, atol=1e-4)


def test_adversarial_writes_its_figures_with_their_numbers(photos, tmp_path, capsys):
    out = tmp_path / "out"
    arguments = "--target 3 --train 3 --size 8 --steps 3 --batch 2 --looked 2 --levels 4 --pgd-steps 2 --draws 1"
    run("adversarial", *NETWORK, *arguments.split(), "--out", out)
    names = {path.name for path in out.iterdir()}
    assert names >= {"patch.png", "success.png", "looks.png", "adversarial.json", "patch.npz", "run.json"}
    found = json.loads((out / "adversarial.json").read_text())
    assert found["success"]["photos"] == 3
    assert re.match(r"On \d+% of the picture, 3 unseen photos: patch \d+%, ", headline(out))
    assert found["look"]["area_of_patch"] == pytest.approx(64 / 784, rel=0.02)
    assert "taken for 3" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("script", "arguments", "message"),
    [
        ("trust", "--data photos --num-images 9 --depths 2", "`--num-images` must be at most 8, got 9."),
        ("trust", "--methods saliancy", "`--methods` must be one of 22 names, got 'saliancy'."),
        ("trust", "--depths 0", "`--depths` must be at least 1, got 0."),
        ("adversarial", "--target 7 --size 6", "`--target` must be one of"),
        ("adversarial", "--target 3 --train 6 --size 6", "`--train` must leave some of 6 photos unseen, got 6."),
        ("adversarial", "--target 3 --train 2 --size 0", "`--size` must be at least 1, got 0."),
    ],
)
def test_a_wrong_argument_gets_one_line_and_writes_nothing(script, arguments, message, photos, tmp_path, capsys):
    with pytest.raises(SystemExit) as stop:
        run(script, *NETWORK, *arguments.split(), "--out", tmp_path / "out")
    assert stop.value.code == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_folder_without_photos_is_named(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("JAXVIZ_PHOTOS", str(tmp_path))
    with pytest.raises(SystemExit):
        run("trust", "--out", tmp_path / "out")
    assert "`--photos` must be a folder of photos: with photos.json" in capsys.readouterr().err
