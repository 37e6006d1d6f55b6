"""Whose folder it is: every script refuses one whose results came from other weights or other data."""

import importlib
import json
import shutil
from pathlib import Path

import jax
import numpy as np
import pytest
from PIL import Image

import models
from models import training
from scripts._harness import depends as _depends
from scripts._harness.clock import Clock
from scripts._harness.command import UsageError
from scripts._harness.run_folder import RunFolder, Step, occupant
from scripts._harness.scan.options import Scanning
from tests.models import test_datasets
from tests.scripts.flowers import stand_in

NET = "mnist_cnn2"


class World:
    """A few photos, a data set and networks, each of which may become another under the same name."""

    def __init__(self, folder, monkeypatch):
        self.folder, self.patch, self.seed = folder, monkeypatch, 1
        monkeypatch.setenv("JAXVIZ_PHOTOS", str(folder / "photos"))
        monkeypatch.setenv("TFDS_DATA_DIR", str(folder / "data"))
        monkeypatch.setattr(models, "load", lambda name, *_: models.initialize(name, self.seed))
        self.data(0)

    def weights(self, seed):
        self.seed = seed

    def data(self, seed):
        (self.folder / "photos" / "imagenet").mkdir(parents=True, exist_ok=True)
        entries = [{"file": f"{number}.png", "class": number % 4, "label": str(number % 4)} for number in range(8)]
        for number, entry in enumerate(entries):
            pixels = np.random.default_rng([seed, number]).integers(0, 255, (28, 28, 3), np.uint8)
            Image.fromarray(pixels).save(self.folder / "photos" / "imagenet" / entry["file"])
        (self.folder / "photos" / "imagenet" / "photos.json").write_text(json.dumps(entries))
        shutil.rmtree(self.folder / "data", ignore_errors=True)
        photo = test_datasets.photo
        with self.patch.context() as patch:
            patch.setattr(test_datasets, "photo", lambda number, shape: photo(1000 * seed + number, shape))
            for name, kept in (("mnist", 70), ("cifar10", 9 + seed)):
                test_datasets.write(self.folder / "data", name, train=kept, test=23)


def config(script, name="Config", **options):
    return getattr(importlib.import_module(f"scripts.{script}.config"), name)(**options)


def part(name):
    return importlib.import_module(f"scripts.{name}")


def explain(out, world):
    study = part("explain.study").prepare(
        config("explain", photos=(str(world.folder / "photos/imagenet/0.png"),), network=(NET,), window=4, out=out)
    )
    part("explain.run").open_folder(study)


def architectures(out, world):
    part("architectures.study").prepare(config("architectures", train=20, images=20, out=out))


def train(out, world):
    part("train.study").prepare(config("train", network=NET, batch_size=8, out=out))


def adversarial(out, world):
    part("adversarial.study").prepare(config("adversarial", target="1", network=NET, train=3, size=5, out=out))


def invariance(out, world):
    part("invariance.study").prepare(config("invariance", photos=("0", "1"), network=NET, out=out))


def scans(script, data=None, **options):
    def opened(out, world):
        given = config(script, network=NET, scan=Scanning(data=data, out=out, devices=1), **options)
        part(f"{script}.study").prepare(given)

    return opened


def followed(plan, out):
    RunFolder(out, plan.run, {})


def maximize(kind, **options):
    def opened(out, world):
        if kind == "photo":
            options["photo"] = str(world.folder / "photos/imagenet/0.png")
        ascent = part("maximize.config").Ascent(network=NET)
        followed(part(f"maximize.{kind}").plan(config("maximize", kind.title(), ascent=ascent, **options)), out)

    return opened


def recognized(out, world):
    followed(part("recognized.study").plan(config("recognized", network=NET, classes=2)), out)


SCRIPTS = {
    "explain": explain,
    "architectures": architectures,
    "train": train,
    "adversarial": adversarial,
    "trust": scans("trust", num_images=4, depths=2),
    "invariance": invariance,
    "strongest": scans("strongest"),
    "strongest of a source": scans("strongest", data="cifar10"),
    "class_statistics": scans("class_statistics"),
    "ablate": scans("ablate", rank_on="train[:20]"),
    "maximize classes": maximize("classes"),
    "maximize filters": maximize("filters"),
    "maximize photo": maximize("photo"),
    "maximize sweep": maximize("sweep"),
    "recognized": recognized,
}
# Ascents look at no data, and a training begins with the weights of its seed.
WITHOUT_DATA = ("maximize classes", "maximize sweep", "recognized")
WITHOUT_WEIGHTS = ("train",)


@pytest.mark.parametrize("name", SCRIPTS)
@pytest.mark.slow
def test_other_weights_and_other_data_are_refused_and_the_same_go_on(name, tmp_path, monkeypatch):
    world, out = World(tmp_path, monkeypatch), tmp_path / "out"
    for _ in range(2):
        SCRIPTS[name](out, world)
    if name not in WITHOUT_WEIGHTS:
        world.weights(2)
        with pytest.raises(UsageError, match=r"it holds a run with another (weights|weights_sha256|two_sha256)\b"):
            SCRIPTS[name](out, world)
        world.weights(1)
    if name not in WITHOUT_DATA:
        world.data(1)
        with pytest.raises(UsageError, match=r"it holds a run with another .*sha256"):
            SCRIPTS[name](out, world)


@pytest.mark.slow
def test_any_checkpoint_of_an_evolution_counts(tmp_path, monkeypatch):
    world, out, folder = World(tmp_path, monkeypatch), tmp_path / "out", tmp_path / "checkpoints"
    monkeypatch.undo()
    monkeypatch.setenv("TFDS_DATA_DIR", str(world.folder / "data"))
    folder.mkdir()

    def write(epoch, seed):
        content = training.to_safetensors(models.initialize(NET, seed))
        (folder / f"{NET}-epoch-{epoch:02}.safetensors").write_bytes(content)

    def opened():
        given = config("evolution", network=NET, checkpoints=folder, scan=Scanning(out=out, devices=1))
        part("evolution.study").prepare(given)

    for epoch in (1, 2):
        write(epoch, epoch)
    opened()
    opened()
    write(1, 3)
    with pytest.raises(UsageError, match="it holds a run with another weights"):
        opened()


@pytest.mark.parametrize("script", ["transfer", "generalize"])
@pytest.mark.slow
def test_fits_to_other_features_are_refused(script, tmp_path, monkeypatch):
    stand_in(monkeypatch, 60, 12)
    from tests.scripts import flowers

    options = {"splits": 2, "size": 8} if script == "transfer" else {"counts": (1,), "folds": 1}
    given = config(script, network="tiny", out=tmp_path / "out", **options)

    def opened():
        part(f"{script}.study").prepare(given)

    opened()
    opened()
    trunk, photos = models.load, flowers.photos
    with monkeypatch.context() as patch:
        patch.setattr(models, "load", lambda *args: jax.tree.map(lambda leaf: leaf + 1, trunk(*args)))
        with pytest.raises(UsageError, match=r"with another weights_sha256\."):
            opened()
    monkeypatch.setattr(flowers, "photos", lambda count, size, seed: photos(count, size, seed + 5))
    with pytest.raises(UsageError, match=r"with another data_sha256\."):
        opened()


def test_steps_of_other_code_are_not_used(tmp_path, monkeypatch):
    run = {"script": "train"}
    first = RunFolder(tmp_path, run, {})
    assert not first.resumed
    first.save("one", Step({}, {}))
    again = RunFolder(tmp_path, run, {})
    assert again.resumed
    assert again.finished("one")
    monkeypatch.setattr("scripts._harness.run_folder.code", lambda: "other")
    assert occupant(tmp_path, run) is None
    other = RunFolder(tmp_path, run, {})
    assert not other.resumed
    assert not other.finished("one")
    other.finish(dict, str, str, Clock())
    assert not RunFolder(tmp_path, run, {}).resumed


def test_a_scan_of_other_code_leaves_nothing_to_go_on_from(tmp_path, monkeypatch):
    world, out = World(tmp_path, monkeypatch), tmp_path / "out"
    SCRIPTS["strongest"](out, world)
    kept = out / "scans" / "strongest" / "all" / "part-0-of-1.npz"
    kept.parent.mkdir(parents=True)
    kept.touch()
    SCRIPTS["strongest"](out, world)
    assert kept.exists()
    monkeypatch.setattr("scripts._harness.run_folder.code", lambda: "other")
    SCRIPTS["strongest"](out, world)
    assert not kept.exists()


def test_the_code_is_that_of_all_packages_but_not_of_results(tmp_path):
    for name in ("a/x.py", "a/y.json", "a/z.png", "a/results/r.json", "a/__pycache__/x.pyc", "b/w.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("1")

    def found():
        return _depends.of_code(tmp_path / "a", tmp_path / "b")

    first = found()
    for name in ("a/z.png", "a/results/r.json", "a/__pycache__/x.pyc"):
        (tmp_path / name).write_text("2")
    assert found() == first
    for name in ("a/x.py", "a/y.json", "b/w.txt"):
        (tmp_path / name).write_text("2")
        assert found() != first
        (tmp_path / name).write_text("1")
    (tmp_path / "a/x.py").rename(tmp_path / "a/v.py")
    assert found() != first


def test_a_folder_is_known_by_its_files(tmp_path):
    (tmp_path / "sub").mkdir()
    path = tmp_path / "sub" / "a"
    path.write_text("1")
    whole, sizes = _depends.of_folder(tmp_path), _depends.of_folder(tmp_path, whole=False)
    path.write_text("2")
    assert _depends.of_folder(tmp_path) != whole
    assert _depends.of_folder(tmp_path, whole=False) == sizes
    path.write_text("22")
    assert _depends.of_folder(tmp_path, whole=False) != sizes
    path.rename(Path(tmp_path / "a"))
    assert _depends.of_folder(tmp_path) != whole
