"""Every name of the library that the documentation says is one."""

import functools
import re
from pathlib import Path

import pytest

import jaxviz as jv

ROOT = Path(__file__).parents[1]
PAGES = [*ROOT.glob("docs/**/*.md"), *ROOT.glob("docs/notebooks/*.ipynb"), *ROOT.glob("docs/gallery/*.py")]
PAGES = [page for page in (*PAGES, ROOT / "README.md") if "examples" not in page.parts]
PACKAGES = "attribution|dataset|maximize|metrics|microscope|render|robustness|transforms"
NAMES = re.compile(rf"\bjv\.([a-zA-Z_]\w*(?:\.[a-zA-Z_]\w*)*)|`((?:{PACKAGES})\.\w+)")


def names(page):
    found = NAMES.findall(page.read_text("utf-8"))
    # Of other libraries' names stands a column there.
    ours = page.name != "coming_from.md"
    return sorted({one or other for one, other in found if one or ours})


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_says_no_name_that_is_none(page):
    for name in names(page):
        parts = name.split(".")
        # What follows a function is an attribute of its result.
        for length in range(1, len(parts) + 1):
            found = functools.reduce(getattr, parts[:length], jv)
            if callable(found):
                break


def test_pages_are_found_and_say_names():
    assert len(PAGES) > 40
    assert sum(map(len, map(names, PAGES))) > 200
