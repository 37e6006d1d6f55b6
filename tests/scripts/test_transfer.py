"""`scripts.transfer` on a tiny trunk: from its command line to its numbers."""

import json

import numpy as np
import pytest
from PIL import Image

from scripts.transfer.splits import split, wilson
from tests.scripts.commands import run
from tests.scripts.flowers import stand_in

# Each runs a whole study.
pytestmark = pytest.mark.slow

QUICK = "--network tiny --size 8 --scratch-size 9 --splits 2 --epochs 3 --scratch-epochs 2 --hidden 5".split()


def run_on_little(monkeypatch, *arguments) -> None:
    stand_in(monkeypatch, 60, 0)
    run("transfer", *arguments)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    out = tmp_path_factory.mktemp("finished") / "run"
    with pytest.MonkeyPatch.context() as patch:
        run_on_little(patch, *QUICK, "--out", out)
    return out


def test_it_leaves_numbers_picture_and_table(finished):
    numbers = json.loads((finished / "transfer.json").read_text())
    names = [way["name"] for way in numbers["ways"]]
    assert names == [
        "frozen trunk, dense head, 8 px",
        "frozen trunk, linear softmax, 8 px",
        "frozen trunk, dense head, 9 px",
        "frozen trunk, linear softmax, 9 px",
        "all from scratch, 9 px",
    ]
    assert numbers["photos"] == {"train": 48, "validation": 6, "test": 6}
    assert [len(way["splits"]) for way in numbers["ways"]] == [2, 2, 2, 2, 1]
    assert [len(way.get("validation", ())) for way in numbers["ways"]] == [3, 0, 3, 0, 2]
    assert len((finished / "transfer.md").read_text().splitlines()) == 7
    with Image.open(finished / "transfer.png") as picture:
        assert picture.size[0] == 1100
    assert not (finished / "snapshots").exists()


def test_the_accuracy_is_that_of_the_saved_logits(finished):
    from tests.scripts.flowers import photos

    labels = photos(60, 12, 0).labels
    tested = []
    for number in range(2):
        with np.load(finished / f"frozen-8-{number}.npz") as arrays:
            tested.append(arrays["test"])
            right = int((arrays["logits"].argmax(1) == labels[arrays["test"]]).sum())
        assert json.loads((finished / f"frozen-8-{number}.json").read_text())["right"] == right
    assert not np.intersect1d(*tested).size


def test_an_interrupted_run_goes_on_where_it_stopped(finished, tmp_path, monkeypatch):
    from models import training
    from models import transfer as fitting

    def interrupt(*_, **__):
        raise KeyboardInterrupt

    out, evaluate, calls = tmp_path / "run", training.evaluate, []

    def fail_in_the_second_epoch(*arguments, **options):
        calls.append(1)
        return interrupt() if len(calls) == 2 else evaluate(*arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(training, "evaluate", fail_in_the_second_epoch)
        with pytest.raises(SystemExit) as stop:
            run_on_little(patch, *QUICK, "--out", out)
    assert stop.value.code == 130
    assert not (out / "transfer.json").exists()
    with monkeypatch.context() as patch:
        # What is finished is not computed again.
        patch.setattr(fitting, "fit_head", interrupt)
        run_on_little(patch, *QUICK, "--out", out)
    whole, resumed = (json.loads((folder / "scratch.json").read_text()) for folder in (finished, out))
    assert resumed["right"] == whole["right"]
    for key in ("loss", "validation"):
        assert [entry[key] for entry in resumed["epochs"]] == [entry[key] for entry in whole["epochs"]]


def test_splits_are_parts_of_one_order():
    splits = [split(3000, number, 0) for number in range(10)]
    for parts in splits:
        assert [len(part) for part in parts] == [2400, 300, 300]
        assert sorted(np.concatenate(parts)) == list(range(3000))
    assert sorted(np.concatenate([parts.test for parts in splits])) == list(range(3000))
    assert not np.array_equal(splits[0].test, split(3000, 0, 1).test)


@pytest.mark.parametrize(
    ("right", "total", "low", "high"),
    # Wilson's interval is where the score test of a share does not reject: |share - p| = z sqrt(p (1 - p) / n).
    [(270, 300, 0.86083, 0.92905), (0, 10, 0.0, 0.27753), (10, 10, 0.72247, 1.0)],
)
def test_the_interval_is_where_the_score_test_does_not_reject(right, total, low, high):
    bounds = wilson(right, total)
    np.testing.assert_allclose(bounds, (low, high), atol=1e-5)
    for bound in bounds:
        if 1e-9 < bound < 1 - 1e-9:
            deviation = 1.959964 * np.sqrt(bound * (1 - bound) / total)
            assert abs(right / total - bound) == pytest.approx(deviation)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--splits 11", "`--splits` must be from 1 to 10, got 11."),
        ("--hidden 0", "`--hidden` must be at least 1, got 0."),
        ("--scratch-epochs -1", "`--scratch-epochs` must be at least 0, got -1."),
        ("--network small", "`--network` must be one of"),
        ("--layers fourth", "`--layers` must be one of 3 names, got 'fourth'. They are: first, second, third."),
        ("--size -4", "`--size` must be at least 1, got -4."),
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
