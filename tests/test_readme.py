import re
from pathlib import Path

import pytest

README = (Path(__file__).parents[1] / "README.md").read_text()


@pytest.mark.slow
def test_the_example_runs(capsys, tmp_path, monkeypatch):
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert len(code.strip().splitlines()) <= 16
    monkeypatch.chdir(tmp_path)
    exec(code, {})
    printed = capsys.readouterr().out
    assert "Match(op='relu', scope='conv1'" in printed
    assert "(1, 227, 227, 3) (1, 13, 13) (14, 14, 1000)" in printed
    assert "Why Egyptian cat?" in Path("cat.html").read_text()


def test_every_script_that_it_names_exists():
    names = set(re.findall(r"python -m scripts\.(\w+)", README))
    assert names
    for name in names:
        assert (Path(__file__).parents[1] / "scripts" / name / "__main__.py").is_file(), name
