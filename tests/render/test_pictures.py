"""Maps, overlays, sheets and bars: arrays in, uint8 pictures out."""

import base64
import io
import itertools

import numpy as np
import pytest
from PIL import Image

from jaxviz import render
from jaxviz.render import _encode


def test_a_diverging_scale_is_centered_on_zero_whatever_the_values():
    scale = render.diverging(np.array([[-1.0, 0.0, 5.0]]), percentile=100)
    low, middle, high = scale(np.array([[-5.0, 0.0, 5.0]]))[0].astype(int)
    assert np.ptp(middle) <= 4
    assert middle.min() > 240
    assert low[2] > low[0]
    assert high[0] > high[2]


def test_a_few_pixels_do_not_use_up_a_diverging_scale():
    values = np.ones((100, 100))
    values[0, 0] = 1000.0
    assert render.diverging(values).high == 1.0


@pytest.mark.parametrize("scale", [render.sequential, render.diverging])
def test_an_empty_map_has_a_scale(scale):
    assert scale(np.zeros((2, 2))).high == 1.0


def test_a_map_that_is_zero_but_for_one_pixel_keeps_its_own_limit():
    values = np.zeros((100, 100))
    values[3, 3] = 7.0
    assert render.diverging(values).high == 7.0


def test_lightness_rises_evenly_along_the_sequential_map():
    colors = render.Scale(0, 1, "viridis")(np.linspace(0, 1, 32)[None])[0]
    luminance = colors @ np.array([0.2126, 0.7152, 0.0722])
    assert np.all(np.diff(luminance) > 0)


def test_a_sequential_scale_refuses_negative_values():
    with pytest.raises(ValueError, match=r"^`heatmap` must have no negative value, got -1\. Use `diverging`"):
        render.sequential(np.array([[-1.0, 1.0]]))


@pytest.mark.parametrize("draw", [render.sequential, render.diverging, render.Scale(0, 1, "viridis")])
def test_nan_is_refused(draw):
    with pytest.raises(ValueError, match=r"^`heatmap` must be finite, got 1 NaN or infinite values of 2\. "):
        draw(np.array([[np.nan, 1.0]]))


def test_a_batch_of_maps_is_refused():
    with pytest.raises(ValueError, match=r"^`heatmap` must be one map of shape \(rows, cols\), got shape \(1, 2, 2\)"):
        render.diverging(np.zeros((1, 2, 2)))


def test_stretch_is_linear_between_the_middles_of_the_cells():
    grid = np.arange(6.0).reshape(2, 3)
    out = render.upsample(grid, (8, 12))
    for y in range(8):
        for x in range(12):
            row, col = np.clip((y + 0.5) / 4 - 0.5, 0, 1), np.clip((x + 0.5) / 4 - 0.5, 0, 2)
            assert out[y, x] == pytest.approx(3 * row + col)


def test_spread_puts_a_value_in_the_middle_of_its_window():
    grid = np.zeros((3, 4))
    grid[1, 2] = 1.0
    grid[2, 3] = 2.0
    # The last ones are nearer to their neighbors, as where a stride does not fit.
    out = render.spread(grid, (22, 32), (np.array([0, 10, 17]), np.array([0, 10, 20, 27])), window=(11, 11))
    assert out[10 + 5, 20 + 5] == 1.0
    assert out[17 + 4, 27 + 4] == pytest.approx(2 * 4 / 7 + 0 * 3 / 7, abs=1.0)
    assert out[10 + 5, 10 + 5] == 0.0
    assert out[10 + 5, 15 + 5] == 0.5


def test_nothing_is_interpolated_between_windows_that_leave_gaps():
    corners, window = (np.array([0, 6]), np.array([0, 5, 10])), (4, 3)
    grid = np.arange(6.0).reshape(2, 3)
    out, unknown = render.spread(grid, (10, 13), corners, window), render.gaps((10, 13), corners, window)
    covered = np.zeros((10, 13), bool)
    for row, top in enumerate(corners[0]):
        for col, left in enumerate(corners[1]):
            place = np.s_[top : top + 4, left : left + 3]
            covered[place] = True
            assert set(out[place].ravel()) == {grid[row, col]}
    np.testing.assert_array_equal(unknown, ~covered)
    assert not render.gaps((10, 13), (np.array([0, 4, 6]), np.array([0, 3, 6, 9, 10])), window).any()


def test_what_is_unknown_is_hatched_and_has_no_color():
    photo = np.full((12, 12, 3), 128, np.uint8)
    unknown = np.zeros((12, 12), bool)
    unknown[:, 6:] = True
    out = render.overlay(photo, np.ones((12, 12)), render.Scale(0, 1, "viridis"), unknown=unknown).astype(int)
    assert (np.ptp(out[:, 6:], axis=-1) == 0).all()
    assert len(np.unique(out[:, 6:])) == 2
    assert (np.ptp(out[:, :6], axis=-1) > 50).all()


def test_a_scale_says_what_it_cuts_off():
    values = np.r_[np.linspace(-1, 1, 99), 50.0].reshape(10, 10)
    scale = render.diverging(values, percentile=99, label="logits")
    assert scale.clipped == (np.abs(values) > scale.high).mean() == 0.01
    assert scale.note == "logits, 1% of the values lie beyond the ends"
    assert render.diverging(values, percentile=100, label="logits").note == "logits"
    assert render.gray_scale(values[..., None], percentile=90).note == "10% of the values lie beyond the ends"


def test_a_drawing_is_the_same_figure_in_every_form():
    drawing = render.draw_bars(np.array([0.75, 0.25]), ["a <cat>", "dog"], title="Classes")
    assert np.array_equal(drawing.pixels(), render.bars(np.array([0.75, 0.25]), ["a <cat>", "dog"], title="Classes"))
    svg = drawing.encode("svg").decode()
    for text in ("a &lt;cat&gt;", "dog", "75.0%", "Classes"):
        assert text in svg
    assert drawing.encode("pdf").startswith(b"%PDF")
    assert drawing.encode("svg").decode() == svg


def test_a_form_that_is_none_is_refused():
    drawing = render.draw_bars(np.array([0.5, 0.5]), ["a", "b"])
    with pytest.raises(ValueError, match=r"^`kind` must be one of png, svg, pdf, got 'gif'\.$"):
        drawing.encode("gif")  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (999.6, "1,000"),
        (1003.2, "1,003"),
        (952.0, "952"),
        (-12.345, "−12.3"),
        (-0.0, "0"),
        (0.5, "0.5"),
        (123456.0, "123,456"),
        (2.5e6, "2.5×10⁶"),
        (-3.21e-7, "−3.21×10⁻⁷"),
        (0.000123, "0.000123"),
        (9.999, "10"),
        (np.inf, "inf"),
    ],
)
def test_numbers_read_alike(value, text):
    assert render.number(value) == text


def test_a_share_that_is_not_nothing_does_not_look_so():
    shares = (0.0, 1e-9, 0.00049, 0.0005, 0.482, 0.9994, 0.9996, 1.0)
    texts = ["0.0%", "<0.1%", "<0.1%", "0.1%", "48.2%", "99.9%", ">99.9%", "100.0%"]
    assert [render.percent(share) for share in shares] == texts


def test_an_overlay_of_opacity_zero_is_the_gray_photo():
    rng = np.random.default_rng(0)
    photo = rng.integers(0, 256, (5, 6, 3), dtype=np.uint8)
    out = render.overlay(photo, np.zeros((5, 6)), render.Scale(0, 1, "viridis"), opacity=0.0)
    gray = np.asarray(Image.fromarray(photo).convert("L"), dtype=int)
    assert np.ptp(out, axis=-1).max() == 0
    assert np.abs(out[..., 0] - gray).max() <= 1


def test_contrast_is_stretched_between_percentiles_of_what_is_seen_and_the_rest_is_gray():
    rng = np.random.default_rng(0)
    pixels = rng.uniform(0.3, 0.6, (9, 11, 3))
    opacity = np.zeros((9, 11))
    opacity[:4] = 1
    pixels[4:] = rng.uniform(0, 1, (5, 11, 3))  # of what is hidden nothing counts
    out = render.contrast_stretch(pixels, opacity=opacity, percentiles=(10, 80))
    black, white = np.quantile(pixels[:4], (0.1, 0.8))
    for row, col, channel in np.ndindex(4, 11, 3):
        value = (pixels[row, col, channel] - black) / (white - black)
        assert out[row, col, channel] == round(255 * min(max(value, 0), 1))
    assert (out[4:] == 128).all()


def test_a_picture_of_one_value_stays_as_bright_as_it_is():
    assert (render.contrast_stretch(np.full((2, 3, 1), 0.8)) == 204).all()


@pytest.mark.parametrize(
    ("shape", "options", "message"),
    [
        ((4, 4, 2), {}, "`pixels` must be"),
        ((4, 4, 3), {"opacity": np.ones((3, 4))}, r"`opacity` must be \(4, 4\)"),
        ((4, 4, 3), {"opacity": np.full((4, 4), 1.5)}, "`opacity` must be in"),
        ((4, 4, 3), {"opacity": np.full((4, 4), np.nan)}, "`opacity` must be in"),
        ((4, 4, 3), {"percentiles": (99, 1)}, "`percentiles` must be"),
    ],
)
def test_contrast_of_what_is_no_picture_is_refused(shape, options, message):
    with pytest.raises(ValueError, match=message):
        render.contrast_stretch(np.zeros(shape), **options)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_contrast_of_a_number_that_is_none_is_refused(value):
    pixels = np.full((2, 3, 3), 0.5)
    pixels[1, 2, 0] = value
    with pytest.raises(ValueError, match="`pixels` must be finite"):
        render.contrast_stretch(pixels)


def test_an_overlay_of_another_size_is_refused():
    with pytest.raises(
        ValueError, match=r"^`heatmap` must have the photo's size \(4, 4\), got \(2, 2\)\. Use `upsample`"
    ):
        render.overlay(np.zeros((4, 4, 3), np.uint8), np.zeros((2, 2)), render.Scale(0, 1, "viridis"))


def test_a_float_photo_is_refused():
    with pytest.raises(ValueError, match=r"^`photo` must be uint8 of shape \(height, width, 3\), got float64 of shape"):
        render.overlay(np.zeros((4, 4, 3)), np.zeros((4, 4)), render.Scale(0, 1, "viridis"))


def test_gray_centered_maps_zero_to_the_middle_and_the_limit_to_the_ends():
    out = render.gray_centered(np.array([[[0.0, 2.0, -4.0]]]), limit=2.0)
    assert out.tolist() == [[[128, 255, 0]]]


def test_a_patch_keeps_its_contrast_in_an_empty_image():
    projection = np.zeros((50, 50, 3))
    projection[20:23, 20:23] = 1e-3
    assert render.gray_centered(projection)[21, 21].tolist() == [255, 255, 255]


def test_support_is_the_smallest_box():
    projection = np.zeros((10, 12, 3))
    projection[4, 7, 1] = -1e-9
    projection[6, 2, 0] = 1.0
    box = render.bounding_box(projection)
    assert box == (4, 2, 7, 8)
    assert box(projection).shape == (3, 6, 3)
    assert render.bounding_box(np.zeros((10, 12, 3))) == (0, 0, 10, 12)


def test_support_can_leave_out_a_faint_rim():
    projection = np.full((20, 30, 3), 1e-4)
    projection[5:9, 10:12] = 1.0
    assert render.bounding_box(projection) == (0, 0, 20, 30)
    assert render.bounding_box(projection, share=0.98) == (5, 10, 9, 12)


def test_channel_sum_keeps_the_total():
    rng = np.random.default_rng(1)
    attribution = rng.normal(size=(4, 5, 3))
    assert render.channel_sum(attribution).sum() == pytest.approx(attribution.sum())


def test_top_classes_come_in_order_and_ties_in_the_order_of_the_classes():
    assert render.top_classes(np.array([0.1, 0.3, 0.1, 0.5]), 4) == [3, 1, 0, 2]


def test_bars_grow_with_the_probability():
    blue = np.array([0x3B, 0x6E, 0xA8])
    out = render.bars(np.array([0.2, 0.6]), ["a", "b"])
    lengths = sorted(set((out == blue).all(axis=-1).sum(axis=1).tolist()))
    assert len(lengths) == 3
    assert lengths[2] == pytest.approx(3 * lengths[1], rel=0.05)


def test_one_label_per_class():
    with pytest.raises(ValueError, match=r"^`labels` must hold one label per class, got 1 for 2 probabilities\. "):
        render.bars(np.array([0.2, 0.6]), ["a"])


def test_a_grid_shows_every_picture_and_labels_that_look_like_mathematics():
    colors = np.array([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [255, 255, 0]]], np.uint8)
    cells = [[np.tile(color, (9, 9, 1)) for color in row] for row in colors]
    cells[1][1] = None
    out = render.grid(cells, rows=["$x", "y$"], cols=["a_b", "c^"])
    areas = [int((out == color).all(axis=-1).sum()) for color in colors.reshape(-1, 3)]
    assert min(areas[:3]) > 100 * 100
    assert areas[3] == 0


def test_long_names_of_rows_do_not_run_into_each_other():
    cell = np.zeros((8, 8, 3), np.uint8)
    drawing = render.draw_grid([[cell]] * 3, rows=["automobile 100%\nfrog 77%"] * 3, cols=["a"], cell=0.95)
    drawing.pixels()
    boxes = [axes.yaxis.label.get_window_extent() for axes in drawing._figure.axes]
    assert all(above.y0 > below.y1 for above, below in itertools.pairwise(boxes))


def test_a_grid_with_a_label_missing_is_refused():
    cell = np.zeros((2, 2, 3), np.uint8)
    with pytest.raises(ValueError, match=r"^`cols` must hold one label per picture, got 1 for 2 in the row 'r'\. "):
        render.grid([[cell, cell]], rows=["r"], cols=["a"])
    with pytest.raises(ValueError, match=r"^`rows` must hold one label per row, got 0 for 1 rows\. "):
        render.grid([[cell]], rows=[], cols=["a"])


def test_a_color_bar_goes_with_the_scale():
    picture = np.full((8, 8, 3), 200, np.uint8)
    plain = render.framed(picture, title="t")
    barred = render.framed(picture, title="t", scale=render.Scale(-1, 1, "RdBu_r", "logits"))
    assert barred.shape[1] > plain.shape[1]
    assert (barred.astype(int)[..., 0] - barred[..., 2] > 80).any()
    assert (barred.astype(int)[..., 2] - barred[..., 0] > 80).any()


def test_png_keeps_every_pixel():
    rng = np.random.default_rng(2)
    picture = rng.integers(0, 256, (7, 9, 3), dtype=np.uint8)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(render.png(picture)))), picture)


def test_drawing_leaves_matplotlib_as_it_was():
    import matplotlib
    import matplotlib.pyplot as plt

    before = (matplotlib.get_backend(), dict(matplotlib.rcParams), plt.get_fignums())
    render.bars(np.array([0.2, 0.6]), ["a", "b"])
    assert (matplotlib.get_backend(), dict(matplotlib.rcParams), plt.get_fignums()) == before


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_a_projection_that_is_not_finite_has_no_support(wrong):
    projection = np.zeros((10, 12, 3))
    projection[3, 4, 1] = wrong
    with pytest.raises(ValueError, match=f"`projection` must be finite, got {wrong}. Look for it"):
        render.bounding_box(projection)


@pytest.mark.parametrize("share", [0, 1.5, np.nan])
def test_the_share_of_a_support_is_a_share(share):
    with pytest.raises(ValueError, match=rf"`share` must be in \(0, 1\], got {share}."):
        render.bounding_box(np.ones((10, 12, 3)), share=share)


def test_a_picture_is_encoded_once_and_another_one_is_another(monkeypatch):
    encode, calls = _encode.still_webp, []
    monkeypatch.setattr(_encode, "still_webp", lambda picture: calls.append(picture) or encode(picture))
    picture = np.random.default_rng(7).integers(0, 255, (4, 6, 3), np.uint8)
    changed = picture.copy()
    changed[3, 5, 2] += 1
    # Equal bytes are no equal pictures.
    found = [render.data_uri(one) for one in (picture, picture.copy(), changed, picture.reshape(6, 4, 3))]
    assert found[0] == found[1]
    assert len(set(found)) == len(calls) == 3
    for address, one in zip(found, (picture, picture, changed, picture.reshape(6, 4, 3)), strict=True):
        with Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2]))) as image:
            np.testing.assert_array_equal(np.asarray(image.convert("RGB")), one)
