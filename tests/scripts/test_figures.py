"""What the figures of the studies say and how they say it: words that can be read, scales that can be compared."""

import itertools
import json
import re
from pathlib import Path
from types import SimpleNamespace

import jax.numpy as jnp
import matplotlib
import matplotlib.colors
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from jaxviz import render
from jaxviz.render import plot
from scripts._harness import confusion as _confusion
from scripts._harness.channels import channel_name
from scripts._harness.run_folder import Step
from scripts.architectures import draw as _show
from scripts.architectures import pictures as _pictures
from scripts.class_statistics.draw import inner, telling
from scripts.strongest.study import stacked
from scripts.trust import draw as _figures
from scripts.trust import measure as _measure

ASSETS = Path(__file__).parents[2] / ".assets"


def test_nothing_but_the_shared_style_sets_a_size_of_text():
    root = Path(__file__).parents[2]
    own = Path(plot.__file__)
    for path in [*(root / "scripts").rglob("*.py"), *(root / "jaxviz").rglob("*.py")]:
        assert path == own or not re.search(
            "fontsize|labelsize|titlesize|suptitle|set_title", path.read_text("utf-8")
        ), path


@pytest.mark.parametrize("depths", [1, 2, 5])
def test_words_of_the_similarity_tables_do_not_overlap(depths, monkeypatch):
    monkeypatch.setattr(plot, "pixels", lambda figure: figure)
    stages = (("conv10",), ("fire9", "fire8"), ("fire5",), ("fire3",), ("conv1",))[:depths]
    study = SimpleNamespace(stages=stages, network=SimpleNamespace(name="squeezenet"))
    numbers = {"rank_correlation": [0.5] * depths, "metrics": {"other": None}, "ssim": [0.2] * depths}
    figure = _figures._similarity(study, {"integrated_gradients": Step(numbers, {})})  # pyright: ignore[reportArgumentType]
    canvas = FigureCanvasAgg(figure)  # pyright: ignore[reportArgumentType]
    canvas.draw()
    texts = [figure._suptitle]
    for axes in figure.axes:
        texts += [axes.title, axes.xaxis.label]
    boxes = [text.get_window_extent() for text in texts]
    for one, other in itertools.combinations(boxes, 2):
        assert not one.overlaps(other)
    assert all(0 <= box.x0 and box.x1 <= figure.bbox.width for box in boxes)
    columns = [tick.get_text() for tick in figure.axes[0].get_xticklabels()]
    assert columns == ["conv10", *(f"conv10 to {group[-1]}" for group in stages[1:]), "another class"]


def test_a_cascade_shows_the_sign_of_a_map():
    found = np.asarray(_measure.scaled(jnp.array([[[-4.0, 0.0], [2.0, 1.0]]])))
    np.testing.assert_allclose(found, [[[-1.0, 0.0], [0.5, 0.25]]])
    (blue, white), (red, _) = _figures.drawn(found[0]).astype(int)
    assert blue[2] > blue[0] + 50
    assert red[0] > red[2] + 50
    assert white.min() > 240
    # Without a sign, nothing is dark and most is bright.
    plain = _figures.drawn(np.array([[0.0, 1.0]])).sum(-1)
    assert plain[0, 0] < plain[0, 1]


def test_matrices_of_one_limit_color_a_count_alike_and_name_both_classes():
    axes = Figure().subplots(1, 2)
    few, many = np.array([[50, 4], [0, 9]]), np.array([[30, 4], [40, 9]])
    drawn = [_confusion.draw(ax, counts, "ab", "", limit=40) for ax, counts in zip(axes, (few, many), strict=True)]
    colors = [image.cmap(image.norm(image.get_array()))[0, 1] for image in drawn]
    np.testing.assert_array_equal(*colors)
    assert axes[0].get_ylabel().startswith("true class")
    assert axes[0].get_xlabel() == "predicted class"
    assert _confusion.draw(axes[0], few, "ab", "").norm.vmax == 4
    assert _confusion.matrix(few, "ab", "title").shape[2] == 3
    # Black is read on the darkest color.
    assert plot.ink_on(matplotlib.colors.to_hex(drawn[0].cmap(1.0))) == "#000000"


def test_many_classes_are_shown_without_numbers():
    axes = Figure().subplots()
    counts = np.zeros((30, 30), int)
    counts[3, 3], counts[3, 7] = 5, 2
    drawn = _confusion.draw(axes, counts, [f"class {k}" for k in range(30)], "")
    np.testing.assert_array_equal(drawn.get_array(), [[0, 2], [0, 0]])
    assert "2 of 30 classes" in axes.get_ylabel()


def test_a_bright_border_does_not_dim_a_map():
    maps = np.full((2, 20, 20), 9.0)
    maps[:, 2:-2, 2:-2] = 1.0
    maps[1, 7, 9] = 3.0
    assert inner(maps) == 3.0
    assert inner(np.arange(4.0).reshape(1, 2, 2)) == 3.0


def test_a_negative_effect_reads_as_one():
    assert telling("1", {"channel": 4, "effect": -2.536}) == (
        "channel 4 is 2.5 standard deviations weaker on 1 than on the others"
    )
    assert "2.4 standard deviations stronger on 3" in telling("3", {"channel": 7, "effect": 2.386})


def test_what_a_stride_folds_is_drawn_as_the_text_says(monkeypatch):
    found = json.loads((ASSETS / "architectures.json").read_text())
    assert _pictures.folds(found["found"][0]) == "the stride of conv1 folds 38% of the energy of its maps"
    figures = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, *args, **options: figures.append(figure))
    worst = [{**variant, "test_error": 0.9} for variant in found["variants"]]
    for variants in (found["variants"], worst):
        _show.draw({**found, "variants": variants})
    legend = [text.get_text() for text in figures[0].axes[0].get_legend().get_texts()]
    assert legend[0] == "mnist_cnn1 conv1: 31% above, 38% folded"
    errors = figures[1].axes[1]
    assert max(errors.get_xticks()) == 100


def test_the_number_of_a_variant_covers_neither_a_point_nor_another(monkeypatch):
    figures = []
    monkeypatch.setattr(plot, "png", figures.append)
    _show.draw(json.loads((ASSETS / "architectures.json").read_text()))
    plot.pixels(figures[0])
    telling = figures[0].axes[2]
    boxes = [text.get_window_extent() for text in telling.texts]
    assert [text.get_text() for text in telling.texts] == [str(number) for number in range(1, 13)]
    assert not [pair for pair in itertools.combinations(boxes, 2) if pair[0].overlaps(pair[1])]
    points = telling.transData.transform(telling.collections[0].get_offsets())
    assert not [box for box in boxes for point in points if box.contains(*point)]


def test_a_channel_for_a_class_is_called_by_the_class():
    assert channel_name(1, 2, ["tabby", "Egyptian_cat"]) == "Egyptian cat"
    assert channel_name(1, 3, ["tabby", "Egyptian_cat"]) == "channel 1"


def test_a_projection_is_cropped_to_what_responds_within_its_field():
    projection = np.zeros((100, 100, 3))
    projection[50:80, 55:75] = 1.0
    field = render.Box(10, 10, 90, 90)
    box = render.responding_box(projection, field)
    assert box.bottom - box.top == box.right - box.left < 40
    # A tenth of it may be cut off, at each side half of that.
    assert np.abs(box(projection)).sum() > 0.8 * projection.sum()
    # What would be but a few pixels keeps some of what is around.
    speck = np.zeros((100, 100, 3))
    speck[12, 88] = 1.0
    box = render.responding_box(speck, field)
    assert box.bottom - box.top == 16
    assert field.top <= box.top <= 12 < box.bottom
    assert box.left <= 88 < box.right <= field.right
    assert render.responding_box(np.zeros((100, 100, 3)), field) == field


def test_pictures_of_several_sizes_are_enlarged_to_the_largest():
    small, large = np.arange(12).reshape(2, 2, 3), np.arange(48).reshape(4, 4, 3)
    found = stacked([small, large])
    np.testing.assert_array_equal(found[0], small.repeat(2, 0).repeat(2, 1))
    np.testing.assert_array_equal(found[1], large)
