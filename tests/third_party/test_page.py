"""What the page and the README say that users write, run as it stands."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "how_to" / "models.md").read_text()
SECTIONS = dict(re.findall(r"^## ([^\n]*)\n(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE))
BLOCKS = {name: code for name, text in SECTIONS.items() for code in re.findall(r"```python\n(.*?)```", text, re.DOTALL)}
INSTALLED_FOR_SLOW_TESTS_ALONE = ("Haiku", "Keras on JAX")


@pytest.mark.filterwarnings("default")  # of the packages
@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.slow if name in INSTALLED_FOR_SLOW_TESTS_ALONE else ()) for name in BLOCKS],
)
def test_a_block_of_the_page_runs(name):
    exec(BLOCKS[name], {})


def test_the_readme_says_what_the_page_says():
    readme = (ROOT / "README.md").read_text()
    rows = re.findall(r"^\| \[([^\]]*)\]\(docs/how_to/models\.md#[a-z-]*\) \| `(f = [^`]*)`", readme, re.MULTILINE)
    assert [name for name, _ in rows] == list(BLOCKS)
    for name, line in rows:
        assert f"\n{line}\n" in BLOCKS[name]
