"""The site in a browser, from a disk."""

import numpy as np
import pytest

from tests.microscope.sample import FILTERS, LABELS, build, network, read
from tests.render.browser import chromium, requests, size

# A browser and a site of its own take as long as all the numbers.
pytestmark = pytest.mark.slow

SHELL = 2  # the page itself and what it is about


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    out = tmp_path_factory.mktemp("site") / "here"
    build(out, others={"<u>random</u>": network(FILTERS[::-1])})
    return out


def wait(browser, what):
    for _ in range(200):
        if found := browser.execute_script(f"return {what}"):
            return found
        browser.execute_async_script("setTimeout(arguments[0], 25)")
    raise AssertionError(f"{what} in {text(browser)}")


def visit(browser, site, way=""):
    browser.get("about:blank")
    size(browser, 1200, 900)
    list(requests(browser))
    browser.get_log("browser")
    browser.get(f"{(site / 'index.html').as_uri()}#/{way}")
    wait(browser, "document.documentElement.dataset.ready")


def text(browser):
    return browser.execute_script("return document.getElementById('page').innerText")


def heading(browser):
    return wait(browser, "document.querySelector('h1') && document.querySelector('h1').innerText")


def go(browser, script, wanted):
    browser.execute_script(script)
    wait(browser, f"document.querySelector('h1') && document.querySelector('h1').innerText.startsWith('{wanted}')")


def press(browser, key):
    for kind in ("keyDown", "keyUp"):
        browser.execute_cdp_cmd("Input.dispatchKeyEvent", {"type": kind, "key": key, "code": key})


def test_it_opens_from_a_disk_and_asks_nothing_of_anywhere(browser, site):
    visit(browser, site)
    assert heading(browser) == "a <script> on ten"
    asked = list(requests(browser))
    assert all(url.startswith((site.as_uri(), "data:")) for url in asked)
    assert sum(url.startswith("file:") for url in asked) == SHELL + 1  # a picture of all layers
    assert not browser.get_log("browser")
    assert "maps" in text(browser)
    assert "hidden <b>" in text(browser)


def test_a_unit_takes_two_requests(browser, site):
    visit(browser, site, "maps/0")
    assert heading(browser) == "maps 0"
    own = [url for url in requests(browser) if "/units/" in url]
    assert sorted(url.rsplit(".", 1)[1] for url in own) == ["js", "webp"]
    for words in ("What excites it most", "All its answers", "Which classes it tells", "What is lost without it"):
        assert words in text(browser)
    for words in ("What it is joined to", "Units like it", "What it survives", "How to make it again"):
        assert words in text(browser)
    assert not browser.get_log("browser")


def test_names_are_text_wherever_they_come_from(browser, site):
    for way in ("", "maps", "maps/0", "hidden%20%3Cb%3E/1", "output/0", "~class/0", "~compare/maps/0"):
        visit(browser, site, way)
        assert browser.execute_script("return document.querySelectorAll('#page b, #page script, #page u').length") == 0
        assert browser.execute_script("return [...document.images].every((image) => !image.src.endsWith('/x'))")
        assert browser.title != "1"
    visit(browser, site, "~class/0")
    assert heading(browser) == LABELS[0]
    visit(browser, site, "hidden%20%3Cb%3E/1")
    assert heading(browser).startswith("hidden <b> 1")


def test_the_whole_image_is_a_click_away_with_the_field_marked(browser, site):
    visit(browser, site, "maps/0")
    browser.execute_script("document.querySelector('.patches button').click()")
    assert wait(browser, "document.getElementById('zoom').open")
    marks = browser.execute_script(
        "const whole = document.querySelector('.whole').getBoundingClientRect();"
        "return [...document.querySelectorAll('.mark')].map((mark) => mark.getBoundingClientRect().width / whole.width)"
    )
    # Three of twelve pixels, and the line about them.
    assert all(share == pytest.approx(3 / 12, abs=0.02) for share in marks)
    assert len(marks) == 2


def test_keys_and_the_back_button_walk_through_the_units(browser, site):
    visit(browser, site, "maps/1")
    press(browser, "ArrowRight")
    wait(browser, "document.querySelector('h1').innerText.startsWith('maps 2')")
    assert "dead" in text(browser)
    press(browser, "ArrowLeft")
    wait(browser, "document.querySelector('h1').innerText === 'maps 1'")
    browser.back()
    wait(browser, "document.querySelector('h1').innerText.startsWith('maps 2')")


def test_search_finds_units_and_classes(browser, site):
    visit(browser, site)
    # An example of this site, and of no other.
    hint = browser.execute_script("return document.querySelector('#search input').placeholder")
    assert hint == "maps 0, or a class"
    for words, wanted in (("maps 3", "maps 3"), ("b & c", "b & c"), ("hidden", "hidden <b>")):
        script = (
            f"const field = document.querySelector('#search input'); field.value = {words!r};"
            "field.dispatchEvent(new Event('input')); document.getElementById('search').requestSubmit();"
        )
        go(browser, script, wanted)
    script = "const field = document.querySelector('#search input'); field.value = 'zebra';"
    browser.execute_script(script + "field.dispatchEvent(new Event('input'));")
    assert wait(browser, "document.getElementById('results').innerText") == "Nothing is called that."


def test_a_layer_sorts_and_filters_its_units(browser, site):
    visit(browser, site, "maps")
    names = "return [...document.querySelectorAll('.cell')].map((cell) => cell.getAttribute('href'))"
    assert browser.execute_script(names) == [f"#/maps/{channel}" for channel in range(5)]
    browser.execute_script(
        "const order = document.querySelector('.controls select'); order.value = 'dead';"
        "order.dispatchEvent(new Event('change'))"
    )
    assert browser.execute_script(names)[0] == "#/maps/2"
    browser.execute_script(
        "const filter = document.querySelector('.controls input'); filter.value = '3';"
        "filter.dispatchEvent(new Event('input'))"
    )
    assert browser.execute_script(names) == ["#/maps/3"]


@pytest.mark.parametrize("way", ["maps/0", "hidden%20%3Cb%3E/1", "output/0"])
def test_the_lines_that_make_it_again_run(browser, site, way):
    visit(browser, site, way)
    lines = browser.execute_script("return document.querySelector('pre').textContent")
    made = {}
    exec(lines, made)
    place = 0 if way.startswith("maps") else 1 if way.startswith("hidden") else 2
    page = read(site, f"units/{place}/{way[-1]}")
    assert made["projection"].shape[-3:] == (12, 12, 3)
    assert np.any(made["projection"])
    if "found" in made:
        assert made["found"].indices[0].tolist() == [row[0] for row in page["top"]]


def test_what_is_not_there_says_so(browser, site):
    for way, words in (("maps/77", "still to come"), ("nope", "still to come"), ("~class/2", "no image of this class")):
        visit(browser, site, way)
        assert words in text(browser)


@pytest.mark.parametrize("way", ["", "maps", "maps/0", "~class/1", "~compare/maps/1"])
def test_it_fits_a_phone_in_light_and_dark(browser, site, way):
    visit(browser, site, way)
    for dark in (False, True):
        size(browser, 390, 844, phone=True, dark=dark)
        assert browser.execute_script("return document.documentElement.scrollWidth") <= 390
        ink, paper = browser.execute_script(
            "const style = getComputedStyle(document.body);"
            "return [style.color, style.backgroundColor].map((text) => text.match(/\\d+/g).map(Number)[0])"
        )
        assert (ink > paper) == dark


def test_a_site_that_fills_says_what_is_still_to_come(browser, tmp_path):
    class Stop(Exception):
        pass

    def stop(step):
        if step.what == "hidden <b>: pages":
            raise Stop

    with pytest.raises(Stop):
        build(tmp_path / "cut", progress=stop)
    visit(browser, tmp_path / "cut")
    assert "Still being made: 5 of 12 units" in text(browser)
    visit(browser, tmp_path / "cut", "hidden%20%3Cb%3E/1")
    assert "still to come" in text(browser)
