"""The style of all plots."""

import itertools

import matplotlib
import matplotlib.colors
import numpy as np
import pytest
from matplotlib.patches import Rectangle

from jaxviz import render
from jaxviz.render import plot


def contrast(ink, paper):
    """Of two colors, by WCAG 2."""
    lights = []
    for color in (ink, paper):
        red, green, blue = (
            c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in matplotlib.colors.to_rgb(color)
        )
        lights.append(0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05)
    return max(lights) / min(lights)


def test_words_on_any_color_can_be_read():
    for value in np.linspace(0, 1, 101):
        paper = matplotlib.colors.to_hex(matplotlib.colormaps["cividis"](value))
        assert contrast(plot.ink_on(paper), paper) > 4.5, value


def test_a_matrix_says_each_value_where_it_is():
    axes = plot.figure(4, 3).subplots()
    values, words = np.array([[0.0, 1.0, np.nan], [0.5, 0.25, 0.75]]), [["a", "b", "c"], ["d", "e", "f"]]
    drawn = plot.matrix(axes, values, words, bold=values == 1)
    assert [text.get_text() for text in axes.texts] == list("abcdef")
    assert [text.get_position() for text in axes.texts] == [(0, 0), (1, 0), (2, 0), (0, 1), (1, 1), (2, 1)]
    assert [text.get_text() for text in axes.texts if text.get_fontweight() == "bold"] == ["b"]
    # White on the darkest color; black on the lightest, and where there is none.
    assert [text.get_color() for text in axes.texts[:3]] == ["#ffffff", "#000000", "#000000"]
    np.testing.assert_array_equal(drawn.get_array(), np.ma.masked_invalid(values))


def test_what_a_figure_says_is_all_inside_it():
    figure = plot.figure(4, 3, title="$ is no formula $")
    axes = figure.subplots()
    axes.plot([1, 2], [3, 4], label="line")
    plot.style(axes, "heading", "across, s", "up, m", grid="y")
    plot.legend(figure, *axes.get_legend_handles_labels())
    plot.note(axes, "note", (1.5, 3.5))
    canvas = plot.pixels(figure)
    assert canvas.shape == (450, 600, 3)
    assert (axes.get_title(), axes.get_xlabel(), axes.get_ylabel()) == ("heading", "across, s", "up, m")
    texts = [figure._suptitle, axes.title, axes.xaxis.label, axes.yaxis.label, *figure.legends[0].get_texts()]  # pyright: ignore[reportAttributeAccessIssue]
    for text in texts:
        box = text.get_window_extent()
        assert min(box.x0, box.y0) >= 0
        assert box.x1 <= 600
        assert box.y1 <= 450
    assert not axes.spines["top"].get_visible()
    assert axes.spines["left"].get_visible()


def test_boxes_outline_whole_pixels():
    axes = plot.figure(2, 2).subplots()
    plot.picture(axes, np.zeros((8, 9, 3), np.uint8), "name", [render.Box(1, 2, 5, 8)], color="r")
    (outline,) = [patch for patch in axes.patches if isinstance(patch, Rectangle)]
    assert outline.get_bbox().extents == pytest.approx((1.5, 0.5, 7.5, 4.5))
    assert list(axes.get_xticks()) == list(axes.get_yticks()) == []


def test_many_ticks_are_smaller_and_stand_at_their_places():
    axes = plot.figure(4, 3).subplots()
    sizes = []
    for count in (5, 60):
        plot.ticks(axes.xaxis, np.arange(count), 2 * np.arange(count))
        assert [label.get_text() for label in axes.get_xticklabels()] == [str(number) for number in range(count)]
        assert list(axes.get_xticks()) == [2 * number for number in range(count)]
        sizes.append(axes.get_xticklabels()[0].get_fontsize())
    assert sizes[0] > sizes[1]


@pytest.mark.parametrize(
    ("names", "parts"),
    [(("a", "b", "c"), 1), (("fire3", "fire5"), 1), (("block3_1_depthwise",) * 4, 1), (("fire3", "fire5", "fire9"), 4)],
)
def test_ticks_are_turned_where_one_would_run_into_the_next(names, parts):
    def drawn(**text):
        made = plot.figure(3, 3, dpi=70)
        axes = made.subfigures(1, parts, squeeze=False)[0, 0].subplots()
        axes.plot(range(len(names)))
        plot.ticks(axes.xaxis, names, **text)
        plot.pixels(made)
        return axes.get_xticklabels()

    boxes = [label.get_window_extent() for label in drawn(rotation=0)]
    collide = any(one.x1 >= other.x0 for one, other in itertools.pairwise(boxes))
    turned = [label.get_rotation() != 0 for label in drawn()]
    assert turned == [collide] * len(names)


def test_shades_go_from_dark_to_light():
    assert len(plot.shades(1)) == 1
    lights = [sum(color[:3]) for color in plot.shades(5)]
    assert lights == sorted(lights, reverse=True)
