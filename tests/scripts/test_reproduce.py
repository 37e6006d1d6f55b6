import importlib
import inspect
import json

import pytest
import tyro

from scripts._harness.clock import Clock
from scripts.reproduce import index as _index
from scripts.reproduce import run as _run
from scripts.reproduce import studies as _studies
from scripts.reproduce.needs import Need, dataset, photos
from scripts.reproduce.study import Study
from tests.scripts.commands import run


def study(name, *arguments, needs=()):
    module = ("tests.scripts.one_study", *arguments)
    return Study(name, f"Title of {name}", module, "reported |x|", ("picture.png",), needs)


@pytest.fixture
def three(tmp_path):
    absent = Need("the thing", "Get <it>.", lambda: False, lambda: "")
    return (
        study("good", "7"),
        study("bad", "8", "--fail-without", str(tmp_path / "repaired")),
        study("poor", "9", needs=(absent,)),
    )


def runs(out, name):
    return int((out / f"{name}.runs").read_text())


def test_done_failed_and_missing_all_stand_on_the_page(three, tmp_path):
    path, rows = _index.write(three, tmp_path / "all", Clock())
    assert [row["state"] for row in rows] == ["done", "failed", "missing"]
    assert rows[0]["measured"] == "measured 7"
    assert rows[0]["command"] == "python -m tests.scripts.one_study 7"
    assert rows[1]["measured"] == "failed: error: the <reason> (exit code 1, bad.log)"
    assert rows[2]["measured"] == "missing: the thing is missing. Get <it>."
    assert json.loads((tmp_path / "all" / "table.json").read_text()) == rows
    text = path.read_text()
    assert "3 studies: 1 done, 1 missing, 1 failed." in text
    assert "error: the &lt;reason&gt;" in text
    assert "missing: the thing is missing. Get &lt;it&gt;." in text
    assert '<a href="#title-of-good">' in text
    assert '<a href="#title-of-bad">' not in text
    # 2000 pixels wide in the file.
    assert 'width="1600"' in text


def test_the_table_of_what_is_done_stands_between_the_marks_of_a_page(three, tmp_path, capsys):
    _index.write(three, tmp_path / "all", Clock())
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- reproduce -->\nold\n<!-- /reproduce -->\nafter\n")
    run("reproduce", "--table", page, "--out", tmp_path / "all")
    head, *rest = page.read_text().splitlines()
    seconds = json.loads((tmp_path / "all" / "table.json").read_text())[0]["seconds"]
    assert [head, *rest] == [
        "before",
        "<!-- reproduce -->",
        "| study | the source reported | measured here | seconds |",
        "| --- | --- | --- | --- |",
        f"| Title of good (`python -m tests.scripts.one_study 7`) | reported \\|x\\| | measured 7 | {seconds:.0f} |",
        "",
        "1 study in 0 minutes.",
        "",
        "Title of bad: failed: error: the &lt;reason&gt; (exit code 1, bad.log)",
        "",
        "Title of poor: missing: the thing is missing. Get &lt;it&gt;.",
        "<!-- /reproduce -->",
        "after",
    ]
    (tmp_path / "plain.md").write_text("no marks")
    for out, file, message in (
        ("all", "plain.md", "`--table` must be a file with the marks of the table, got"),
        ("none", "page.md", "`--out` must be the folder of a run, got"),
    ):
        with pytest.raises(SystemExit) as stop:
            run("reproduce", "--table", tmp_path / file, "--out", tmp_path / out)
        assert stop.value.code == 2
        assert message in capsys.readouterr().err


def test_the_page_is_there_from_the_start_and_after_each_study(three, tmp_path, monkeypatch):
    states, original = [], _index.page

    def page(studies, found, rows, folder):
        states.append([row["state"] for row in rows])
        index = original(studies, found, rows, folder)
        assert index.sections[0].reading.startswith("3 studies: ")
        return index

    monkeypatch.setattr(_index, "page", page)
    path, _ = _index.write(three, tmp_path / "all", Clock())
    waiting = _run.TO_COME
    assert states == [
        [waiting, waiting, waiting],
        ["done", waiting, waiting],
        ["done", "failed", waiting],
        ["done", "failed", "missing"],
    ]
    assert waiting not in path.read_text()


def test_what_is_done_is_not_done_again_and_what_failed_is(three, tmp_path):
    out = tmp_path / "all"
    _index.write(three, out, Clock())
    (tmp_path / "repaired").touch()
    _, rows = _index.write(three, out, Clock())
    assert [row["state"] for row in rows] == ["done", "done", "missing"]
    assert (runs(out, "good"), runs(out, "bad")) == (1, 2)


def test_part_of_the_studies_leaves_what_others_have_done(three, tmp_path):
    out = tmp_path / "all"
    _index.write(three[:1], out, Clock())
    _index.write(three[1:], out, Clock())
    _, rows = _index.write(three, out, Clock())
    assert rows[0]["state"] == "done"
    assert runs(out, "good") == 1


def test_another_command_or_a_broken_folder_is_not_taken_for_done(tmp_path):
    out = tmp_path / "all"
    _index.write([study("one", "1")], out, Clock())
    _, [row] = _index.write([study("one", "2")], out, Clock())
    assert row["measured"] == "measured 2"
    (out / "one" / "run.json").write_text('{"complete": false}')
    _index.write([study("one", "2")], out, Clock())
    assert runs(out, "one") == 3


@pytest.mark.parametrize("change", ["inputs", "code", "interrupted"])
def test_what_was_done_on_other_data_or_by_other_code_is_done_again(change, tmp_path, monkeypatch):
    out, content = tmp_path / "all", ["first"]
    one = study("one", "1", needs=(Need("the thing", "Get it.", lambda: True, lambda: content[0]),))
    _index.write([one], out, Clock())
    if change == "inputs":
        content[0] = "second"
    elif change == "code":
        monkeypatch.setattr(_run, "code", lambda: "other")
    else:
        outcomes = json.loads((out / "outcomes.json").read_text())
        del outcomes["one"]["seconds"]
        (out / "outcomes.json").write_text(json.dumps(outcomes))
    for _ in range(2):
        _index.write([one], out, Clock())
        assert runs(out, "one") == 2
    assert (out / "one-before-1").exists() == (change == "inputs")


@pytest.mark.parametrize("entry", _studies.STUDIES, ids=lambda entry: entry.name)
def test_every_study_has_a_command_that_its_script_takes(entry, tmp_path):
    main = importlib.import_module(f"{entry.arguments[0]}.__main__").main
    config = inspect.get_annotations(main, eval_str=True)["config"]
    found = tyro.cli(config, args=[*entry.arguments[1:], "--out", str(tmp_path)])
    assert getattr(found, "scan", found).out == tmp_path
    assert entry.figures


def test_names_and_folders_of_studies_are_theirs_alone():
    names = [entry.name for entry in _studies.STUDIES]
    assert len(set(names)) == len(names)
    assert [entry.name for entry in _studies.chosen(("trust", "explain"))] == ["explain", "trust"]
    with pytest.raises(ValueError, match=r"`--only` must name studies.*Did you mean invariance\?"):
        _studies.chosen(("invarance",))


def test_needs_look_at_the_machine(tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("JAXVIZ_PHOTOS", str(tmp_path))
    assert not dataset("mnist").met()
    assert not photos("dogs").met()
    (tmp_path / "mnist" / "3.0.1").mkdir(parents=True)
    assert not dataset("mnist").met()
    (tmp_path / "mnist" / "3.0.1" / "dataset_info.json").touch()
    (tmp_path / "dogs").mkdir()
    assert dataset("mnist").met()
    assert photos("dogs").met()
    monkeypatch.delenv("JAXVIZ_PHOTOS")
    assert not photos("dogs").met()
