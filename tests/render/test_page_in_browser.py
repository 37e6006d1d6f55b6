"""The page in a browser: what a reader with a mouse, a finger or a keyboard gets."""

import pytest

from jaxviz import render
from tests.render.browser import chromium, requests, size
from tests.render.sample import COLS, ROWS, page

STAGE = "document.querySelector('.stage')"


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


@pytest.fixture
def opened(browser, tmp_path):
    path = tmp_path / "index.html"
    path.write_text(render.html(page("A <b>sample</b>")), encoding="utf-8")
    size(browser, 1200, 900)
    list(requests(browser))
    browser.get(path.as_uri())
    return browser


def readout(browser) -> tuple[str, list[str], list[str]]:
    """The line of text, the labels and the values of the bars."""
    return tuple(
        browser.execute_script(
            "const texts = (s) => [...document.querySelectorAll('.readout ' + s)].map((e) => e.textContent);"
            "return [texts('.place p')[0], texts('.label'), texts('.value')];"
        )
    )


def middle(row: int, col: int) -> tuple[float, float]:
    """The middle of a window in the sample, as a share of height and width."""
    return (8 * row + 8) / 64, (8 * col + 8) / 96


def at(browser, y: float, x: float) -> dict[str, float]:
    """A place of the occlusion map in pixels of the viewport."""
    box = browser.execute_script(
        f"{STAGE}.scrollIntoView({{block: 'center', behavior: 'instant'}});"
        f"const b = {STAGE}.getBoundingClientRect(); return [b.left, b.top, b.width, b.height];"
    )
    return {"x": box[0] + x * box[2], "y": box[1] + y * box[3]}


def mouse(browser, y: float, x: float) -> None:
    place = at(browser, y, x)
    browser.execute_cdp_cmd("Input.dispatchMouseEvent", {"type": "mouseMoved", **place})


def press(browser, *keys: str) -> None:
    for key in keys:
        for kind in ("keyDown", "keyUp"):
            event = {"type": kind, "key": key, "code": key}
            # What closes a dialog is the browser's own, which goes by this number.
            event |= {"windowsVirtualKeyCode": 27} if key == "Escape" else {}
            browser.execute_cdp_cmd("Input.dispatchKeyEvent", event)


def test_nothing_is_requested_and_nothing_is_complained_about(opened):
    mouse(opened, 0.5, 0.5)
    asked = [url for url in requests(opened) if not url.startswith("data:")]
    assert asked == [opened.current_url]
    assert opened.get_log("browser") == []


def test_text_is_shown_and_not_run(opened):
    assert opened.execute_script("return document.querySelector('h1').textContent") == "A <b>sample</b>"


def test_all_pictures_are_drawn(opened):
    widths = opened.execute_script("return [...document.images].map((e) => e.naturalWidth)")
    assert len(widths) > 20
    assert all(widths)


@pytest.mark.parametrize(("row", "col"), [(0, 0), (4, 7), (6, 10)])
def test_pointing_at_a_place_shows_the_probabilities_with_it_covered(opened, row, col):
    assert readout(opened)[0] == "Nothing is covered."
    mouse(opened, *middle(row, col))
    text, labels, values = readout(opened)
    assert f"rows {8 * row}–{8 * row + 15}, columns {8 * col}–{8 * col + 15} covered" in text
    assert values[:2] == [f"{row}.0%", f"{col}.0%"]
    assert labels[5] == "class 5"


def test_another_class_that_wins_is_named(opened):
    mouse(opened, *middle(2, 3))
    text, labels, values = readout(opened)
    assert "covered: class 6, 90.0%." in text
    assert (labels[5], values[5]) == ("class 6", "90.0%")


def test_the_drawn_window_is_the_covered_one(opened):
    mouse(opened, *middle(4, 7))
    patch, stage = (
        opened.execute_script(f"const b = {what}.getBoundingClientRect(); return [b.left, b.top, b.width, b.height]")
        for what in ("document.querySelector('.stage .patch')", STAGE)
    )
    expected = [7 * 8 / 96, 4 * 8 / 64, 16 / 96, 16 / 64]
    found = [(patch[0] - stage[0]) / stage[2], (patch[1] - stage[1]) / stage[3]]
    found += [patch[2] / stage[2], patch[3] / stage[3]]
    assert found == pytest.approx(expected, abs=2e-3)


def test_beyond_the_middles_of_the_outer_windows_the_outer_window_counts(opened):
    mouse(opened, 0.99, 0.02)
    assert readout(opened)[2][:2] == [f"{ROWS - 1}.0%", "0.0%"]


def test_a_mouse_that_goes_away_uncovers(opened):
    mouse(opened, 0.5, 0.5)
    opened.execute_cdp_cmd("Input.dispatchMouseEvent", {"type": "mouseMoved", "x": 1, "y": 1})
    text, _, values = readout(opened)
    assert (text, values[0]) == ("Nothing is covered.", "50.0%")


def test_the_keyboard_reaches_every_place(opened):
    opened.execute_script(f"{STAGE}.focus({{focusVisible: true}})")
    assert readout(opened)[2][:2] == [f"{ROWS // 2}.0%", f"{COLS // 2}.0%"]
    press(opened, "ArrowUp", "ArrowLeft", "ArrowLeft")
    assert readout(opened)[2][:2] == [f"{ROWS // 2 - 1}.0%", f"{COLS // 2 - 2}.0%"]
    press(opened, *["ArrowDown"] * ROWS, *["ArrowRight"] * COLS)
    assert readout(opened)[2][:2] == [f"{ROWS - 1}.0%", f"{COLS - 1}.0%"]
    press(opened, "Escape")
    assert readout(opened)[0] == "Nothing is covered."


def click(browser, y: float, x: float) -> None:
    place = at(browser, y, x)
    for kind in ("mousePressed", "mouseReleased"):
        event = {"type": kind, "button": "left", "clickCount": 1, **place}
        browser.execute_cdp_cmd("Input.dispatchMouseEvent", event)


def test_a_click_keeps_the_place_until_the_next(opened):
    mouse(opened, *middle(4, 7))
    click(opened, *middle(4, 7))
    mouse(opened, *middle(1, 1))
    opened.execute_cdp_cmd("Input.dispatchMouseEvent", {"type": "mouseMoved", "x": 1, "y": 1})
    text, _, values = readout(opened)
    assert values[:2] == ["4.0%", "7.0%"]
    assert "Kept: click again, or press Escape, to let it go." in text
    # Another place is kept in its place; the same one again is let go.
    click(opened, *middle(1, 2))
    mouse(opened, *middle(5, 5))
    assert readout(opened)[2][:2] == ["1.0%", "2.0%"]
    click(opened, *middle(1, 2))
    mouse(opened, *middle(5, 5))
    assert readout(opened)[2][:2] == ["5.0%", "5.0%"]
    click(opened, *middle(5, 5))
    press(opened, "Escape")
    assert readout(opened)[0] == "Nothing is covered."


def test_the_keyboard_keeps_a_place(opened):
    opened.execute_script(f"{STAGE}.focus({{focusVisible: true}})")
    press(opened, "ArrowUp", "Enter")
    kept = readout(opened)[2][:2]
    opened.execute_script(f"{STAGE}.blur()")
    assert readout(opened)[2][:2] == kept == [f"{ROWS // 2 - 1}.0%", f"{COLS // 2}.0%"]


ZOOM = "document.querySelector('dialog.zoom')"


def enlarged(browser) -> list[str]:
    """The pictures that are shown large, by their descriptions."""
    script = f"return {ZOOM}.open ? [...{ZOOM}.querySelectorAll('img')].map((e) => e.alt) : []"
    return browser.execute_script(script)


@pytest.mark.parametrize("width", [375, 1200])
def test_a_click_on_a_picture_shows_it_as_large_as_fits(opened, width):
    size(opened, width, 800, phone=width < 700)
    small, alt = opened.execute_script(
        "const i = document.querySelector('.gallery .enlarge img');"
        "const w = i.getBoundingClientRect().width; i.parentElement.click(); return [w, i.alt];"
    )
    assert enlarged(opened) == [alt]
    large, right, words = opened.execute_script(
        f"const b = {ZOOM}.querySelector('img').getBoundingClientRect();"
        f"return [b.width, b.right, {ZOOM}.querySelector('.words').textContent]"
    )
    assert large > 2 * small
    assert right <= width
    # With its color bar.
    assert "no unit" in words
    opened.execute_script(f"{ZOOM}.querySelector('img').click()")
    assert enlarged(opened) == []


def test_a_strip_is_enlarged_as_a_whole_and_the_arrows_go_on(opened):
    opened.execute_script("document.querySelector('.strip figure:nth-child(2) .enlarge').click()")
    assert enlarged(opened) == ["A photo.", "A deconvnet.", "A guided."]
    assert "channel 0" in opened.execute_script(f"return {ZOOM}.textContent")
    press(opened, "ArrowRight")
    assert "channel 1" in opened.execute_script(f"return {ZOOM}.textContent")
    press(opened, "ArrowLeft", "ArrowLeft")
    assert enlarged(opened) == ["Stripes, red and blue."]
    press(opened, "Escape")
    assert enlarged(opened) == []
    # The browser says that it has closed the dialog a moment later.
    opened.execute_async_script("setTimeout(arguments[0], 100)")
    focused = opened.execute_script("return document.activeElement.querySelector('img').alt")
    assert focused == "Stripes, red and blue."


def test_a_touch_stays_on_the_page(opened):
    size(opened, 375, 800, phone=True)
    place = at(opened, *middle(4, 7))
    opened.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [place]})
    opened.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    assert readout(opened)[2][:2] == ["4.0%", "7.0%"]


@pytest.mark.parametrize("width", [320, 375, 768, 1200])
def test_no_width_needs_sideways_scrolling(opened, width):
    size(opened, width, 800, phone=width < 700)
    opened.execute_script("document.querySelectorAll('details').forEach((e) => { e.open = true; })")
    assert opened.execute_script("return document.documentElement.scrollWidth") == width
    outside = opened.execute_script(
        "return [...document.body.querySelectorAll('*')]"
        # A table scrolls in a box of its own.
        ".filter((e) => !e.parentElement.closest('.wide'))"
        ".filter((e) => e.getBoundingClientRect().right > innerWidth + 0.5).map((e) => e.outerHTML.slice(0, 80))"
    )
    assert outside == []


@pytest.mark.parametrize("dark", [False, True])
def test_text_stands_out_in_light_and_in_dark(opened, dark):
    size(opened, 1200, 900, dark=dark)
    pairs = opened.execute_script(
        "const background = (e) => { for (; e; e = e.parentElement) { const c = getComputedStyle(e).backgroundColor;"
        " if (!c.startsWith('rgba(0, 0, 0, 0')) return c; } };"
        "return [...document.querySelectorAll('h1, h2, p, dd, dt, summary, a, .label, .unit, figcaption')]"
        ".map((e) => [getComputedStyle(e).color, background(e), e.outerHTML.slice(0, 60)]);"
    )
    low = [what for ink, paper, what in pairs if contrast(ink, paper) < 4.5]
    assert len(pairs) > 50
    assert low == []


def contrast(first: str, second: str) -> float:
    """The contrast ratio of WCAG 2.1 between two CSS colors `rgb(r, g, b)`."""

    def luminance(color: str) -> float:
        parts = [int(part) / 255 for part in color[color.index("(") + 1 : -1].split(",")[:3]]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((luminance(first), luminance(second)))
    return (high + 0.05) / (low + 0.05)


def test_no_word_of_a_table_breaks_in_the_middle(opened, browser):
    size(browser, 400, 900)
    lines = browser.execute_script(
        "const cell = document.querySelector('td'); cell.textContent = 'correspondence'.repeat(9);"
        "const range = document.createRange(); range.selectNodeContents(cell); return range.getClientRects().length;"
    )
    assert lines == 1
