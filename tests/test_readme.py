import re
from pathlib import Path

README = (Path(__file__).parents[1] / "README.md").read_text()


def test_the_example_runs(capsys):
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert len(code.strip().splitlines()) <= 14
    exec(code, {})
    printed = capsys.readouterr().out
    assert "Match(op='relu', scope='conv1'" in printed
    assert "(1, 227, 227, 3) (1, 13, 13)" in printed


def test_every_script_that_it_names_exists():
    names = set(re.findall(r"python -m scripts\.(\w+)", README))
    assert names
    for name in names:
        assert (Path(__file__).parents[1] / "scripts" / f"{name}.py").is_file(), name
