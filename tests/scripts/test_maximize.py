"""`scripts.maximize` from its command lines to its pictures, on a network of a few hundred parameters."""

import json
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from jax.ad_checkpoint import checkpoint_name
from PIL import Image

import models
from jaxviz.maximize import augment
from models.network import Network, Spec
from scripts._harness.ascent_options import Ascent
from scripts.maximize import __main__ as maximize
from tests.scripts.commands import run

# Each runs a whole study.
pytestmark = pytest.mark.slow

LABELS = ("red_fox", "sea/lion", "owl", "cat", "dog")


class Tiny(nnx.Module):
    def __init__(self, channels: int, num_classes: int, *, dense: bool = False, rngs: nnx.Rngs):
        self.conv1 = nnx.Conv(channels, 6, (3, 3), rngs=rngs)
        self.conv2 = nnx.Conv(6, 8, (3, 3), rngs=rngs)
        self.conv3 = nnx.Conv(8, 20, (3, 3), rngs=rngs)
        self.fc1 = nnx.Linear(20, 7, rngs=rngs) if dense else None
        self.last = nnx.Linear(7 if dense else 20, num_classes, rngs=rngs)

    def __call__(self, images):
        x = checkpoint_name(jax.nn.relu(self.conv1(images)), "conv1")
        x = checkpoint_name(nnx.max_pool(x, (2, 2), (2, 2)), "pool1")
        x = checkpoint_name(jax.nn.relu(self.conv2(x)), "conv2")
        x = checkpoint_name(jax.nn.relu(self.conv3(x)), "conv3").mean((1, 2))
        if self.fc1 is None:
            return 10 * self.last(x)
        return checkpoint_name(self.last(checkpoint_name(jax.nn.relu(self.fc1(x)), "fc1")), "predictions")


def tiny(size: int = 16, channels: int = 3, labels: tuple[str, ...] = LABELS, dense: bool = False) -> Network:
    module = Tiny(channels, len(labels), dense=dense, rngs=nnx.Rngs(0))
    return Network.of(module, Spec("tiny", (size, size, channels), labels, (0.0,), resize=size, any_size=not dense))


@pytest.fixture(autouse=True, scope="module")
def patched(tmp_path_factory):
    """A network in place of those that come with weights, photos, and all as it was before."""
    networks = {"tiny": tiny(), "dense": tiny(dense=True), "mnist_cnn3": None}

    def load(name, weights=None):
        if networks[name] is None:
            raise FileNotFoundError("its weights are not there.")
        return networks[name]

    folder = tmp_path_factory.mktemp("photos")
    (folder / "imagenet").mkdir()
    names = [f"{number}.png" for number in range(5)]
    for number, name in enumerate(names):
        noise = np.random.default_rng(number).integers(0, 255, (18, 20, 3), np.uint8)
        Image.fromarray(noise).save(folder / "imagenet" / name)
    (folder / "imagenet" / "photos.json").write_text(json.dumps([{"file": name} for name in names]))
    patch = pytest.MonkeyPatch()
    # Cheaper to compile than turns and zooms.
    shaken = augment.compose(augment.pad(2), augment.jitter(4))
    patch.setattr(augment, "standard", lambda size: shaken)
    patch.setattr(models, "load", load)
    patch.setattr(models, "names", lambda: list(networks))
    patch.setenv("JAXVIZ_PHOTOS", str(folder))
    # Most of the time would go into optimizing programs that run for a few steps.
    jax.config.update("jax_disable_most_optimizations", True)
    yield networks
    patch.undo()


def numbers(folder, name):
    return json.loads((folder / f"{name}.json").read_text())


def arrays(folder, name):
    with np.load(folder / f"{name}.npz") as found:
        return dict(found)


def probabilities(pictures):
    network = tiny()
    return np.asarray(jax.nn.softmax(network(network.normalize(pictures / np.float32(255)))))


def stems(folder, ending):
    return {path.stem for path in folder.iterdir() if path.suffix == ending}


@pytest.fixture(scope="module")
def classes(tmp_path_factory):
    out = tmp_path_factory.mktemp("classes") / "out"
    names = ["owl", "1", "2"]  # the same one twice
    run(
        "maximize", "classes", "--classes", *names, "--network", "tiny", "--steps", 8, "--orientations", 2, "--out", out
    )
    return out


def test_every_class_is_drawn_animated_and_measured(classes):
    names = {"002-owl", "001-sea_lion"}
    differing = {f"{name}-orientations" for name in names}
    assert stems(classes, ".png") == names | differing | {"classes"}
    assert stems(classes, ".json") == names | differing | {"run"}
    assert stems(classes, ".gif") == stems(classes, ".webp") == names | {"classes"}


def test_the_animation_of_a_class_shows_its_first_step_and_each_quarter(classes):
    found, shots = numbers(classes, "001-sea_lion"), arrays(classes, "001-sea_lion")["snapshots"]
    assert [entry["step"] for entry in found["snapshots"]] == [1, 2, 4, 6, 8]
    with Image.open(classes / "001-sea_lion.gif") as image:
        assert (image.n_frames, image.size) == (5, (128, 128))
    np.testing.assert_array_equal(np.asarray(Image.open(classes / "001-sea_lion.png")), shots[-1])


def test_the_probabilities_of_a_class_are_those_of_its_pictures(classes):
    found, shots = numbers(classes, "002-owl"), arrays(classes, "002-owl")["snapshots"]
    # The pictures are rounded to bytes, the numbers are not.
    np.testing.assert_allclose(
        [entry["probability"] for entry in found["snapshots"]], probabilities(shots)[:, 2], atol=0.01
    )
    assert found["probability"] == found["snapshots"][-1]["probability"]
    assert found["snapshots"][-1]["logit"] > found["snapshots"][0]["logit"]
    assert len(found["objective"]) == 8
    assert found["objective"][-1] > found["objective"][0]
    assert 0 <= found["held_out"]["lowest"] <= found["held_out"]["median"] <= 1


def test_orientations_differ(classes):
    first, second = arrays(classes, "002-owl-orientations")["pictures"].astype(int)
    assert np.abs(first - second).mean() > 2


def test_an_interrupted_run_goes_on_where_it_stopped(tmp_path, monkeypatch, capsys):
    from scripts._harness.ascent import Study
    from scripts.maximize import classes as _classes

    def interrupt(*_):
        raise KeyboardInterrupt

    command = ["classes", "--classes", "cat", "--network", "tiny", "--steps", 8, "--orientations", 2]
    command += ["--out", tmp_path / "out"]
    with monkeypatch.context() as patch:
        patch.setattr(_classes, "_orientations", interrupt)
        with pytest.raises(SystemExit) as stop:
            run("maximize", *command)
    assert stop.value.code == 130
    assert stems(tmp_path / "out", ".png") == set()
    calls, ascend = [], Study.ascend
    monkeypatch.setattr(Study, "ascend", lambda *args, **options: calls.append(options) or ascend(*args, **options))
    run("maximize", *command)
    assert [options["num_images"] for options in calls] == [2]
    assert stems(tmp_path / "out", ".png") == {"003-cat", "003-cat-orientations", "classes"}
    capsys.readouterr()


@pytest.fixture(scope="module")
def filters(tmp_path_factory):
    out = tmp_path_factory.mktemp("filters") / "out"
    options = ["--steps", 4, "--first", 5, "--random", 3, "--size", 24, "--layers", "conv1", "conv3", "logits"]
    run("maximize", "filters", "--network", "tiny", *options, "--out", out)
    return out


def test_filters_of_an_early_layer_in_order_and_random_ones_of_the_others(filters):
    assert stems(filters, ".json") == {"conv1", "conv3", "logits", "photos", "run"}
    assert numbers(filters, "conv1")["channels"] == [0, 1, 2, 3, 4]
    deep = numbers(filters, "conv3")["channels"]
    assert len(set(deep)) == 3
    assert deep == sorted(deep) != [0, 1, 2]
    assert arrays(filters, "conv3")["pictures"].shape == (3, 24, 24, 3)
    assert {f"{layer}{more}" for layer in ("conv1", "conv3", "logits") for more in ("", "-photos")} == stems(
        filters, ".png"
    )


def test_channels_get_what_they_ask_for(filters):
    import jaxviz as jv

    network, found = tiny(24), arrays(filters, "conv1")
    pictures = network.normalize(found["pictures"] / np.float32(255))
    means = np.asarray(jv.upto(network, "conv1")(pictures).mean((1, 2)))
    # Each channel is excited most by a picture of its own, and more than by a picture of noise.
    trace = found["trace"]
    assert len(numbers(filters, "conv1")["silent"]) < len(numbers(filters, "conv1")["channels"])
    for place, channel in enumerate(numbers(filters, "conv1")["channels"]):
        if channel not in numbers(filters, "conv1")["silent"]:
            assert means[place, channel] >= np.delete(means[:, channel], place).max() - 1e-3
            assert trace[place, -1] > trace[place, 0]


def test_the_photos_beside_a_channel_are_those_that_excite_it_most(filters, patched):
    import jaxviz as jv

    del patched
    network = tiny()
    names = sorted(path for path in (maximize_photos() / "imagenet").iterdir() if path.suffix == ".png")
    crops = np.stack([network.crop(np.asarray(Image.open(path))) for path in names])
    maps = np.asarray(jv.upto(network, "conv3")(network.normalize(crops / np.float32(255))))
    found, beside = numbers(filters, "photos")["layers"]["conv3"], arrays(filters, "photos")
    for entry, channel in enumerate(numbers(filters, "conv3")["channels"]):
        strongest = maps[..., channel].max((1, 2))
        order = np.argsort(-strongest, kind="stable")[:4]
        assert found["photos"][entry] == order.tolist()
        np.testing.assert_allclose(found["activations"][entry], strongest[order], atol=1e-4)
        for number, box in zip(order, beside["conv3.boxes"][entry], strict=True):
            place = np.unravel_index(maps[number, ..., channel].argmax(), maps.shape[1:3])
            # Three convolutions, two of them behind the pool: six pixels to each side of the two below a unit.
            low, high = (np.clip([2 * at + shift for at in place], 0, 16) for shift in (-5, 7))
            assert box[2] - box[0] == box[3] - box[1] == (high - low).max()
            assert (box[:2] <= low).all()
            assert (box[2:] >= high).all()
    assert (beside["logits.boxes"] == [0, 0, 16, 16]).all()


def maximize_photos():
    import os
    from pathlib import Path

    return Path(os.environ["JAXVIZ_PHOTOS"])


def test_dense_layers_are_shown_where_a_network_has_them():
    from scripts._harness import ascent as _study
    from scripts.maximize import filters as _filters

    config = maximize.Filters(ascent=Ascent("dense"), random=4, first=4)
    layers = _filters._layers(config, _study.of(tiny(dense=True), 1, 0))
    assert [(layer.name, len(layer.channels)) for layer in layers] == [
        ("conv1", 4),
        ("conv2", 4),
        ("conv3", 4),
        ("fc1", 4),
        ("predictions", 4),
    ]
    again, other = (
        _filters._layers(maximize.Filters(ascent=Ascent("dense", seed=seed)), _study.of(tiny(dense=True), 1, 0))
        for seed in (0, 1)
    )
    assert again[2].channels.tolist() != other[2].channels.tolist()


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    out = tmp_path_factory.mktemp("sweep") / "out"
    weights = ["--tv-weights", 0, 0.5, 20]
    run(
        "maximize",
        "sweep",
        "--network",
        "tiny",
        "--target",
        "dog",
        *weights,
        "--steps",
        16,
        "--certain",
        0.3,
        "--out",
        out,
    )
    return out


def test_a_sweep_measures_every_weight_and_draws_one_figure(sweep):
    assert stems(sweep, ".png") == {"weight-0", "weight-0.5", "weight-20", "sweep", "two"}
    for weight in ("0", "0.5", "20"):
        found, picture = numbers(sweep, f"weight-{weight}"), arrays(sweep, f"weight-{weight}")["picture"]
        naive = 0.0
        for row in range(16):
            for col in range(16):
                for below in ((row + 1, col), (row, col + 1)):
                    if max(below) < 16:
                        naive += np.abs(picture[below].astype(float) - picture[row, col]).sum()
        # The picture is rounded to bytes.
        assert found["total_variation"] == pytest.approx(naive / picture.size, abs=0.6)
        assert found["probability"] == pytest.approx(probabilities(picture[None])[0, 4], abs=0.01)
    smooth = [numbers(sweep, f"weight-{weight}")["total_variation"] for weight in ("0", "0.5", "20")]
    assert smooth[0] > 10 * max(smooth[1:])


def test_the_smoothest_image_that_is_recognized_is_picked():
    from scripts.maximize.sweep import picked

    table = [
        ([(0.95, 9.0), (0.92, 5.0), (0.5, 2.0)], 1),
        ([(0.95, 5.0), (0.92, 9.0), (0.91, 7.0)], 0),
        ([(0.2, 9.0), (0.6, 8.0), (0.5, 2.0)], 1),
    ]
    for found, best in table:
        entries = [{"held_out": {"median": median}, "total_variation": variation} for median, variation in found]
        assert picked(entries, 0.9) == best


def test_two_classes_are_asked_for_on_the_digits_where_there_are_weights(sweep, tmp_path, patched, monkeypatch):
    found = numbers(sweep, "run")["run"]
    assert found["two_on"] == "tiny, as its weights are not there."
    assert {name for name in stems(sweep, ".json") if name.startswith("two")} == {"two-0-1", "two-2-3"}
    monkeypatch.setitem(patched, "mnist_cnn3", tiny(12, 1, tuple("0123456789")))
    monkeypatch.setattr("scripts.maximize.sweep._STEPS", 3)
    out = tmp_path / "out"
    run("maximize", "sweep", "--network", "tiny", "--tv-weights", 1, "--steps", 2, "--out", out)
    assert stems(out, ".json") - {"run", "weight-1"} == {"two-1-7", "two-4-9", "two-0-1", "two-7-8"}
    found = numbers(out, "two-1-7")
    # However few steps the classes take.
    assert len(found["objective"]) == 3
    assert len(found["probabilities_alone"]) == len(found["probabilities"]) == 2
    assert arrays(out, "two-1-7")["alone"].shape == (2, 12, 12, 3)
    # Digits are white on black.
    assert arrays(out, "two-1-7")["picture"].mean() < 40
    assert numbers(out, "two-4-9")["labels"] == ["4", "9"]
    assert arrays(out, "two-4-9")["picture"].shape == (12, 12, 3)


@pytest.fixture(scope="module")
def photo(tmp_path_factory):
    out = tmp_path_factory.mktemp("photo") / "out"
    path = maximize_photos() / "imagenet" / "3.png"
    command = ["--network", "tiny", "--layers", "conv3", "conv1", "--units", 3, "--steps", 8]
    run("maximize", "photo", path, *command, "--out", out)
    return out


def test_a_photo_is_shown_beside_what_its_units_saw_and_ask_for(photo):
    assert stems(photo, ".png") == {"photo", "conv1", "conv3"}
    assert numbers(photo, "run")["run"]["layers"] == ["conv1", "conv3"]
    units = numbers(photo, "conv3")["units"]
    found = arrays(photo, "conv3")
    assert found["pictures"].shape == found["projections"].shape == (3, 16, 16, 3)
    for unit, projection in zip(units, found["projections"], strict=True):
        assert unit["reached"] > 0
        assert np.abs(projection).sum() > 0
        assert {"top", "left", "bottom", "right"} == unit["sees"].keys()
    relative = [unit["relative"] for unit in units]
    assert relative == sorted(relative, reverse=True)


def test_what_is_typical_leaves_out_the_photo_itself(photo):
    import jaxviz as jv

    network = tiny()
    names = [maximize_photos() / "imagenet" / f"{number}.png" for number in (0, 1, 2, 4)]
    crops = np.stack([network.crop(np.asarray(Image.open(path))) for path in names])
    maps = np.asarray(jv.upto(network, "conv3")(network.normalize(crops / np.float32(255))))
    found = numbers(photo, "conv3")
    assert found["typical"] == {"photos": "5 photos of JAXVIZ_PHOTOS", "used": 4}
    for unit in found["units"]:
        assert unit["typical"] == pytest.approx(maps[..., unit["channel"]].max((1, 2)).mean(), abs=1e-4)


def test_the_units_that_are_excited_more_than_usual_come_first():
    from scripts.maximize.photo import excited

    activation = np.asarray(jax.random.uniform(jax.random.key(0), (4, 5, 6)))
    typical = np.array([0.1, 1.0, 10.0, 0.0, 0.5, 2.0])
    units, relative = excited(activation, typical, 4)
    naive = []
    for channel in range(6):
        row, col = max(((r, c) for r in range(4) for c in range(5)), key=lambda at: activation[at][channel])
        naive.append((activation[row, col, channel] / (typical[channel] + 0.1 * 13.6 / 6), row, col, channel))
    naive.sort(reverse=True)
    assert units.tolist() == [[row, col, channel] for _, row, col, channel in naive[:4]]
    np.testing.assert_allclose(np.sort(relative)[::-1], [entry[0] for entry in naive])


def test_without_photos_the_samples_are_typical(monkeypatch):
    from scripts.maximize import photos as _photos

    monkeypatch.delenv("JAXVIZ_PHOTOS")
    found = _photos.at_hand(tiny(), None)
    assert found.source == "4 samples of scikit-image"
    assert found.pixels.shape == (4, 16, 16, 3)


def test_a_held_out_view_is_another_one_than_the_ascent_has_seen():
    from scripts._harness import ascent as _study

    study = _study.of(tiny(), 1, 0)
    pixels = jnp.linspace(0, 1, 768).reshape(1, 16, 16, 3)
    _, views = study.judge(pixels)
    _, others = study._replace(seed=1).judge(pixels)
    assert views.shape == (8, 1, 5)
    assert np.ptp(views, axis=0).min() > 0
    assert not np.allclose(views, others)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("classes --classes otter", "`--classes` must be one of 5 names, got 'otter'. They are: red fox,"),
        ("classes --classes 5", "`--classes` must be a class in 0..4 or a label, got 5."),
        ("classes --orientations 1", "`--orientations` must be 2 or more, or 0 for none, got 1."),
        ("classes --diversity-layer conv4", "`--diversity-layer` must be one of"),
        ("classes --network vgg", "`--network` must be one of"),
        ("classes --steps 0", "`--steps` must be at least 1, got 0."),
        ("filters --layers conv1 conv9", "`--layers` must be one of 5 names, got 'conv9'."),
        ("filters --random 0", "`--random` must be at least 1, got 0."),
        ("sweep --tv-weights -1", "`--tv-weights` must be at least 0, got -1.0."),
        ("sweep --certain 1", "`--certain` must be between 0 and 1, got 1.0."),
        ("sweep --target fish", "`--target` must be one of 5 names, got 'fish'."),
        ("photo nowhere.png", "`PHOTO` must be the path of a picture or one of astronaut"),
        ("photo chelsea --units 0", "`--units` must be at least 1, got 0."),
        ("photo chelsea --layers logits", "`--layers` must be one of 4 names, got 'logits'."),
    ],
)
def test_a_wrong_argument_gets_one_line_and_writes_nothing(arguments, message, tmp_path, capsys):
    with pytest.raises(SystemExit) as stop:
        run(
            "maximize",
            *(arguments if "--network" in arguments else f"{arguments} --network tiny").split(),
            "--out",
            tmp_path / "o",
        )
    assert stop.value.code == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("error: `")
    assert printed.err.count("\n") == 1
    assert message in printed.err
    assert not (tmp_path / "o").exists()


def test_photos_that_are_not_there_are_an_error_and_no_silence(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("JAXVIZ_PHOTOS", str(tmp_path))
    with pytest.raises(SystemExit):
        run("maximize", "filters", "--network", "tiny", "--out", tmp_path / "o")
    assert "`--photos` must be a folder of photos: with photos.json" in capsys.readouterr().err


def test_help_does_not_wait_for_jax():
    code = "import sys, scripts.maximize; assert not {'jax', 'flax', 'matplotlib'} & sys.modules.keys()"
    subprocess.run([sys.executable, "-c", code], check=True)
