"""`scripts.generalize` on a tiny trunk: from its command line to its numbers."""

import json

import numpy as np
import pytest
from PIL import Image

from scripts.generalize.folds import draw, most_photos
from tests.scripts.commands import run
from tests.scripts.flowers import stand_in

# Each runs a whole study.
pytestmark = pytest.mark.slow

QUICK = "--network tiny --counts 1 4 --folds 2 --strengths 1 0.1".split()


def run_on_little(monkeypatch, *arguments) -> None:
    stand_in(monkeypatch, 18, 12)
    run("generalize", *arguments)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    out = tmp_path_factory.mktemp("finished") / "run"
    with pytest.MonkeyPatch.context() as patch:
        run_on_little(patch, *QUICK, "--out", out)
    return out


def test_it_leaves_numbers_picture_and_table(finished):
    numbers = json.loads((finished / "generalize.json").read_text())
    found = [(result["trunk"], result["layer"], result["count"]) for result in numbers["results"]]
    assert found == [(t, layer, n) for t in ("trained", "random") for layer in ("first", "second") for n in (1, 4)]
    for result in numbers["results"]:
        assert result["accuracy"] == pytest.approx(np.mean(result["folds"]), abs=1e-5)
        assert result["deviation"] == pytest.approx(abs(np.subtract(*result["folds"])) / np.sqrt(2), abs=1e-5)
    assert numbers["test_photos"] == [12, 18]
    lines = (finished / "generalize.md").read_text().splitlines()
    assert len(lines) == 8
    assert lines[-1].startswith("| Zeiler and Fergus, the same trained from scratch")
    with Image.open(finished / "generalize.png") as picture:
        assert picture.size[0] == 1100


def test_every_fold_has_random_weights_of_its_own(finished):
    features = []
    for number in range(2):
        with np.load(finished / f"features-random-{number}.npz") as arrays:
            features.append(arrays["second"])
    assert features[0].shape == (30, 8)
    assert not np.allclose(*features)


def test_an_interrupted_run_goes_on_where_it_stopped(finished, tmp_path, monkeypatch):
    from models import transfer

    out, fit, calls = tmp_path / "run", transfer.fit_softmax, []

    def counting(stop_at: int):
        def fit_softmax(*arguments, **options):
            calls.append(1)
            if len(calls) == stop_at:
                raise KeyboardInterrupt
            return fit(*arguments, **options)

        return fit_softmax

    # Two layers, two sizes of training sets, two folds of two trunks: the tenth is the second of the random trunk.
    monkeypatch.setattr(transfer, "fit_softmax", counting(10))
    with pytest.raises(SystemExit) as stop:
        run_on_little(monkeypatch, *QUICK, "--out", out)
    assert stop.value.code == 130
    assert (out / "trained-1.json").exists()
    assert not (out / "generalize.json").exists()
    calls.clear()
    monkeypatch.setattr(transfer, "fit_softmax", counting(0))
    run_on_little(monkeypatch, *QUICK, "--out", out)
    assert len(calls) == 8
    results = [json.loads((folder / "generalize.json").read_text())["results"] for folder in (finished, out)]
    assert results[0] == results[1]


LABELS = np.array([0, 1, 2] * 6 + [0, 1, 2, 2])


def test_the_first_fold_keeps_the_sets_own_splits():
    fold = draw(LABELS, 18, 5, 0, 0)
    assert fold.train.shape == (3, 5)
    assert fold.train.max() < 18
    np.testing.assert_array_equal(fold.test, [18, 19, 20, 21])


def test_other_folds_test_on_all_that_they_do_not_draw():
    folds = [draw(LABELS, 18, 5, number, 0) for number in (1, 2)]
    for fold in folds:
        assert sorted([*fold.train.ravel(), *fold.test]) == list(range(22))
        np.testing.assert_array_equal(LABELS[fold.train], [[k] * 5 for k in range(3)])
    assert set(folds[0].test) != set(folds[1].test)


def test_held_out_photos_are_a_fifth_of_those_that_train():
    fold = draw(LABELS, 18, 5, 1, 0)
    for count, held in ((2, 1), (5, 1)):
        fit, choose = fold.held_out(count)
        assert len(choose) == 3 * held
        assert sorted([*fit, *choose]) == sorted(fold.photos(count))
        assert set(fold.photos(count)) <= set(fold.photos(5))
        assert not set(choose) & set(fold.test)


def test_a_class_keeps_a_photo_to_test():
    assert most_photos(LABELS, 18, folds=1) == 6
    assert most_photos(LABELS[:18], 18, folds=2) == 5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--folds 0", "`--folds` must be at least 1, got 0."),
        ("--counts 0 4", "`--counts` must be at least 1, got 0."),
        ("--counts 7", "`--counts` must be at most 6 photos a class for caltech101, got 7."),
        ("--strengths -1", "`--strengths` must be at least 0, got -1.0."),
        ("--layers fourth", "`--layers` must be one of 3 names, got 'fourth'. They are: first, second, third."),
        ("--network small", "`--network` must be one of"),
    ],
)
def test_a_wrong_argument_gets_one_line_and_writes_nothing(arguments, message, tmp_path, monkeypatch, capsys):
    out = tmp_path / "out"
    with pytest.raises(SystemExit) as stop:
        run_on_little(monkeypatch, *QUICK, *arguments.split(), "--out", out)
    assert stop.value.code == 2
    printed = capsys.readouterr()
    assert message in printed.err
    assert printed.err.count("\n") == 1
    assert not out.exists()
