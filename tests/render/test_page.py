"""The page as text: self-contained, escaped, described."""

import dataclasses
import html.parser
import json
import subprocess
import sys

import numpy as np
import pytest

from jaxviz import render
from tests.render.sample import CLEAN, COLS, CORNERS, LABELS, ROWS, WINDOW, covered, page, photo


class Elements(html.parser.HTMLParser):
    """All start tags with their attributes."""

    def __init__(self, text: str):
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


@pytest.fixture(scope="module")
def elements():
    return Elements(render.html(page())).found


FILES = ["a%20plate.png", "layer%20%231.json", "b.png"]


def test_no_address_leaves_the_page(elements):
    addresses = [a[name] for _, a in elements for name in ("src", "href", "action", "poster", "srcset") if a.get(name)]
    assert len(addresses) > 20
    assert [address for address in addresses if not address.startswith(("data:", "#"))] == FILES
    text = render.html(page())
    assert "@import" not in text
    assert "url(" not in text


def test_its_own_policy_forbids_every_request(elements):
    [policy] = [a["content"] for tag, a in elements if a.get("http-equiv") == "Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; img-src data:")


def test_a_table_names_its_rows_and_columns(elements):
    cells = [(tag, a.get("scope")) for tag, a in elements if tag in ("th", "td")]
    assert cells == [("th", "col")] * 3 + [("th", "row"), ("td", None), ("td", None)] * 3
    text = render.html(page())
    assert text.count('<th scope="row">a &lt;b&gt;</th>') == 2
    assert text.count('<th scope="row"><a href="#plate">Plate</a></th>') == 1


def test_every_picture_says_what_it_shows(elements):
    pictures = [a for tag, a in elements if tag == "img"]
    assert all("alt" in a for a in pictures)
    # The one without words lies over a described picture and is hidden from screen readers.
    assert sum(not a["alt"] for a in pictures) == 1


def test_ids_are_unique_and_links_lead_somewhere(elements):
    ids = [a["id"] for _, a in elements if "id" in a]
    assert len(ids) == len(set(ids))
    links = [a["href"] for tag, a in elements if tag == "a"]
    assert {link[1:] for link in links if link.startswith("#")} <= set(ids)
    # Files beside the page, by their names alone.
    assert [link for link in links if not link.startswith("#")] == FILES


def test_a_link_is_a_file_whatever_its_name():
    evil = "javascript:alert(1)"
    figure = render.Figure(photo(), "a", "b", file=evil)
    section = render.Section("s", "r", [render.Plate(figure), render.Files([(evil, "<b>")])])
    text = render.html(render.Page("p", "s", [section]))
    assert text.count('href="javascript%3Aalert%281%29"') == 2
    assert "<b>" not in text


def test_whatever_it_shows_is_escaped():
    evil = "</script><script>alert(1)</script>\"'&"
    figure = render.Figure(photo(), evil, evil, evil, render.Scale(0, 1, "viridis", evil))
    blocks = [
        render.Prediction(figure, [(evil, 0.5)]),
        render.Gallery([figure], evil, evil),
        render.Strips([(evil, [figure])], evil, evil),
        render.Covering([figure], photo(), CORNERS, WINDOW, [evil] * 9, CLEAN, covered()),
    ]
    text = render.html(render.Page(evil, evil, [render.Section(evil, evil, blocks, [(evil, evil)], evil, evil, evil)]))
    assert "alert(1)</script>" not in text
    assert [tag for tag, _ in Elements(text).found].count("script") == 2


def test_the_covering_carries_every_place_and_the_best_of_the_others():
    block = page().sections[3].blocks[0]
    assert isinstance(block, render.Covering)
    data = json.loads(json.dumps(block.data()))
    assert np.shape(data["covered"]) == (ROWS, COLS, 5)
    assert data["covered"][4][7][:2] == [0.04, 0.07]
    assert data["labels"] == LABELS[:5]
    assert data["names"][str(data["other"]["class"][2][3])] == "class 6"
    assert data["otherProbability"][2][3] == 0.9
    assert data["otherProbability"][0][0] == 0.03


def test_two_classes_are_enough_for_a_covering():
    figure = render.Figure(photo(), "t", "a")
    block = render.Covering(
        [figure],
        photo(),
        (np.array([0, 8]), np.array([0, 8])),
        (8, 8),
        ["a", "b"],
        np.array([0.9, 0.1]),
        np.ones((2, 2, 2)) / 2,
    )
    assert block.data()["labels"] == ["a"]
    assert block.data()["names"] == {1: "b"}


def test_the_explained_class_is_shown_however_improbable():
    block = page().sections[3].blocks[0]
    assert isinstance(block, render.Covering)
    data = dataclasses.replace(block, also=[7]).data()
    assert data["labels"] == [*LABELS[:4], "class 7"]
    assert data["covered"][2][3][4] == CLEAN[7]
    assert data["names"][data["other"]["clean"][0]] == "class 4"
    assert dataclasses.replace(block, also=[2]).data() == block.data()


@pytest.mark.slow
def test_render_needs_no_network_library():
    code = "import sys, jaxviz.render; print([m for m in ('flax', 'models', 'scripts') if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "[]"
