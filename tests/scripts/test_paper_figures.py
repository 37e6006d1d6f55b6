"""What the pictures and tables of the paper's experiments say: equal areas, repeated measures, and one axis."""

from types import SimpleNamespace

import matplotlib.figure
import numpy as np
import pytest

import models
from jaxviz import render
from jaxviz.render import plot
from scripts._harness import text_table
from scripts._harness.photo_study import photos as _photos
from scripts._harness.run_folder import Step
from scripts.correspondence import draw as _correspondence
from scripts.invariance import draw as _invariance
from scripts.occlude import draw as _occlude
from scripts.occlude import elsewhere as _elsewhere


def area(box):
    return (box.bottom - box.top) * (box.right - box.left)


@pytest.fixture
def figures(monkeypatch):
    """The figures that are drawn, instead of their files."""
    drawn = []
    monkeypatch.setattr(plot, "png", lambda figure: drawn.append(figure) or b"")
    return drawn


def test_both_sets_of_marks_cover_equal_areas_of_what_the_network_sees():
    network = models.load("squeezenet")
    sizes = {"great_white_shark": (256, 384), "bald_eagle": (382, 256), "assault_rifle": (256, 384)}
    for name, size in sizes.items():
        seen = {
            kind: [_photos.box_seen(network, size, box) for box in _photos.marks(name)[kind]]
            for kind in ("telling", "other")
        }
        telling, other = (sum(map(area, boxes)) for boxes in seen.values())
        assert other == pytest.approx(telling, rel=0.03), name
        shares = [_elsewhere.share(boxes, (227, 227)) for boxes in seen.values()]
        assert _elsewhere.share([*seen["telling"], *seen["other"]], (227, 227)) == pytest.approx(sum(shares)), name


def test_boxes_elsewhere_are_as_large_and_touch_neither_these_nor_each_other():
    boxes = [render.Box(0, 0, 4, 9), render.Box(10, 2, 13, 8)]
    draws = _elsewhere.placed(boxes, (16, 20), np.random.default_rng(0), 200)
    assert len({tuple(draw) for draw in draws}) > 100
    for draw in draws:
        counts = np.zeros((16, 20), int)
        for box, own in zip([*boxes, *draw], [*boxes, *boxes], strict=True):
            assert (box.bottom - box.top, box.right - box.left) == (own.bottom - own.top, own.right - own.left)
            counts[box.top : box.bottom, box.left : box.right] += 1
        assert counts.max() == 1
        assert counts.sum() == 2 * (36 + 18)
    corners = {draw[0][:2] for draw in draws}
    assert min(corners)[0] == 0
    assert max(corners)[0] == 12


def test_where_there_is_no_room_there_are_no_boxes_elsewhere():
    assert _elsewhere.placed([render.Box(0, 0, 9, 9)], (16, 16), np.random.default_rng(0), 3) == []


def test_the_figure_says_where_boxes_elsewhere_had_no_room(figures):
    after = {"probability": 0.2, "area": 0.26, "elsewhere": None}
    others = {**after, "elsewhere": {"median": 0.4}}
    photo = {"photo": "eagle", "before": {"probability": 0.5}, "after": {"telling-parts": after, "other-parts": others}}
    arrays = {"0, telling-parts, elsewhere": np.zeros(0), "0, other-parts, elsewhere": np.array([0.3, 0.5])}
    step = Step({"photos": [photo], "sets": ["telling-parts", "other-parts"]}, arrays)
    _occlude.areas(SimpleNamespace(network=SimpleNamespace(name="n")), step)
    names = [label.get_text() for label in figures[0].axes[0].get_yticklabels()]
    assert names == ["eagle, telling parts\n26% covered, no room elsewhere", "eagle, other parts\n26% covered"]


def test_a_class_without_boxes_elsewhere_is_that_of_the_covered_picture(monkeypatch):
    images = np.arange(2 * 6 * 5 * 3, dtype=np.float32).reshape(2, 6, 5, 3)
    study = SimpleNamespace(f=None, images=images)
    monkeypatch.setattr(_elsewhere, "_probabilities", lambda f, images: images.sum((1, 2)))
    draws = [[render.Box(0, row, 2, row + 1)] for row in range(5)] * 4
    found = _elsewhere.probabilities(study, 1, 2, draws)
    expected = [images[1, :, :, 2].sum() - images[1, :2, draw[0].left, 2].sum() for draw in draws]
    np.testing.assert_allclose(found, expected)
    assert _elsewhere.probabilities(study, 1, 2, []).shape == (0,)


def distances(random, parts):
    measures = {
        name: {
            "parts": {
                part: {"distance": value * (1 + (name == "absolute")), "standard_error": 0.1, "p": p}
                for part, (value, p) in parts.items()
            },
            "random": {"mean": 1.0},
        }
        for name in _correspondence.MEASURES
    }
    numbers = {"photos": ["a", "b"], "size": 9, "layers": {"logits": measures, "maps": measures}}
    arrays = {f"logits, {name}, random": random * (1 + (name == "absolute")) for name in measures}
    arrays |= {f"maps, {name}, random": random**power for power, name in enumerate(measures, 1)}
    return Step(numbers, arrays)


def test_a_measure_that_says_again_what_another_says_is_drawn_once(figures):
    step = distances(np.linspace(0.2, 0.9, 12), {"nose": (0.1, 0.01), "left_eye": (0.5, 0.4), "right_eye": (1.1, 1.0)})
    assert set(_correspondence.repeats(step, "logits")) == {"absolute", "differing_changed", "absolute_changed"}
    assert _correspondence.repeats(step, "maps") == {}
    _correspondence.draw(SimpleNamespace(network=SimpleNamespace(name="n")), step)
    shown = [axes for axes in figures[0].axes if axes.axison]
    assert len(shown) == 1 + 4
    said = step.numbers["layers"]["logits"]["differing"]
    assert _correspondence.reading(said) == "nearer: nose; farther: right eye"
    assert sum("nearer: nose; farther: right eye" in axes.get_title() for axes in shown) == len(shown)
    table = _correspondence.rows(step)
    assert "logits, nearer: nose; farther: right eye" in table
    assert "0.100 ± 0.100*" in table
    assert "1.100 ± 0.100^" in table


def test_layers_of_a_row_are_drawn_on_one_axis(figures):
    curve = [[0.0, 2.0, 4.0], [0.0, 1.0, 3.0]]
    entry = {"label": "shift", "amounts": [0, 1, 2], "areas": {"first": 2.0, "last": 0.2}, "probability_area": 0.5}
    photos = [{"photo": name, "probability": 0.5} for name in ("a", "b")]
    numbers = {"layers": ["first", "last"], "transformations": {"shift": entry}, "photos": photos}
    arrays = {
        "shift, pictures": np.zeros((2, 4, 4, 3), np.uint8),
        "shift, distances": np.array([curve, 0.1 * np.array(curve)]),
        "shift, probabilities": 0.1 * np.array(curve),
    }
    _invariance.draw(SimpleNamespace(network=SimpleNamespace(name="n")), Step(numbers, arrays))
    picture, first, last, probability = figures[0].axes
    del picture
    assert first.get_ylim() == last.get_ylim()
    assert first.get_ylim()[1] >= 4.0
    assert probability.get_ylim()[1] == pytest.approx(1.02)


def test_a_color_bar_keeps_the_limits_of_its_scale_and_marks_a_value():
    figure = matplotlib.figure.Figure()
    axes = figure.subplots()
    plot.scale_bar(figure, render.Scale(0.2, 0.7, "viridis"), axes, mark=0.5)
    assert axes.get_ylim() == (0.2, 0.7)
    assert [list(line.get_ydata()) for line in axes.lines][-1] == [0.5, 0.5]


def test_a_bar_in_a_cell_is_no_border():
    head, rule, row = text_table.markdown([["mean |x|", "1"]], ["measure", "value"]).splitlines()
    assert row == r"| mean \|x\| | 1     |"
    assert len(head) == len(rule) == len(row)
