"""Invariance curves, and the transformations that they run over."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

import jaxviz as jv
from jaxviz import robustness
from tests import networks
from tests.quick import jit

PIXEL = np.array([0.5, -1.0, 2.0], np.float32)  # a border color


_apply = jit(lambda function, image, amount: function(image, amount))


def apply(transformation, image, amount):
    return np.asarray(_apply(transformation.function, jnp.asarray(image), jnp.float32(amount)))


def picture(height=14, width=10):
    return np.random.default_rng(0).normal(size=(height, width, 3)).astype(np.float32)


def naive_shift(image, down, right, border):
    """Every pixel from the four around the place that it came from; outside there is only the border."""
    out = np.empty_like(image)
    for row, col in np.ndindex(image.shape[:2]):
        total = np.zeros(3)
        for r in range(image.shape[0]):
            for c in range(image.shape[1]):
                weight = max(0, 1 - abs(row - down - r)) * max(0, 1 - abs(col - right - c))
                total += weight * (image[r, c] - border)
        out[row, col] = total + border
    return out


def test_a_translation_moves_whole_pixels_and_lets_the_border_in():
    image = picture(14, 14)  # 16 pixels of 224 are one here
    moved = apply(robustness.vertical_translation(border=PIXEL), image, 48)
    np.testing.assert_allclose(moved, naive_shift(image, 3, 0, PIXEL), atol=1e-5)
    np.testing.assert_allclose(moved[:3], np.broadcast_to(PIXEL, (3, 14, 3)), atol=1e-6)
    moved = apply(robustness.horizontal_translation(border=PIXEL), image, -32)
    np.testing.assert_allclose(moved, naive_shift(image, 0, -2, PIXEL), atol=1e-5)


@pytest.mark.parametrize("amount", [8, -8, 3, 30])
def test_a_translation_between_pixels_blends_with_the_border_as_a_rotation_does(amount):
    image = picture(14, 14)
    moved = apply(robustness.vertical_translation(border=PIXEL), image, amount)
    np.testing.assert_allclose(moved, naive_shift(image, amount / 16, 0, PIXEL), atol=1e-5)
    expected = ndimage.shift(image - PIXEL, (0, amount / 16, 0), order=1, mode="grid-constant") + PIXEL
    moved = apply(robustness.horizontal_translation(border=PIXEL), image, amount)
    np.testing.assert_allclose(moved, expected, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("factor", [0.3, 0.55, 1.0, 1.4])
def test_a_zoom_is_that_of_a_picture_that_goes_on_as_the_border(factor):
    image = picture(15, 12)
    wide = np.broadcast_to(PIXEL, (15 + 80, 12 + 80, 3)).astype(np.float32).copy()
    wide[40:-40, 40:-40] = image
    scale = jnp.full(2, factor)
    shift = (1 - scale) * jnp.array([95.0, 92.0]) / 2
    expected = jax.image.scale_and_translate(wide, wide.shape, (0, 1), scale, shift, "linear")[40:-40, 40:-40]
    zoomed = apply(robustness.enlargement(border=PIXEL), image, factor)
    np.testing.assert_allclose(zoomed, expected, atol=1e-4)  # places in the wide picture are rounded
    if factor == 1:
        np.testing.assert_array_equal(zoomed, image)


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_rotation_by_quarters_is_counterclockwise(turns):
    image = picture(12, 12)
    turned = apply(robustness.rotation(border=PIXEL), image, 90 * turns)
    np.testing.assert_allclose(turned, np.rot90(image, turns), atol=2e-4)  # cos(90 degrees) is not zero in float32


def test_a_rotation_agrees_with_scipy_and_shows_the_border_in_the_corners():
    image = picture(15, 15)
    turned = apply(robustness.rotation(border=PIXEL), image, 45)
    expected = ndimage.rotate(image - PIXEL, 45, axes=(0, 1), reshape=False, order=1, mode="grid-constant") + PIXEL
    np.testing.assert_allclose(turned, expected, atol=1e-4)
    np.testing.assert_allclose(turned[0, 0], PIXEL, atol=1e-6)


def test_an_enlargement_agrees_with_pillow():
    image = picture(16, 16)
    enlarged = apply(robustness.enlargement(), image, 1.6)
    box = (16 - 10) / 2
    for channel in range(3):
        pil = Image.fromarray(image[..., channel]).resize(
            (16, 16), Image.Resampling.BILINEAR, box=(box, box, box + 10, box + 10)
        )
        # At its edge Pillow's filter sees nothing outside of the box.
        np.testing.assert_allclose(enlarged[1:-1, 1:-1, channel], np.asarray(pil)[1:-1, 1:-1], atol=1e-4)


def test_a_shrunken_image_is_antialiased():
    stripes = np.where(np.arange(64)[:, None, None] % 2, 1.0, -1.0).repeat(64, 1).astype(np.float32)
    inner = apply(robustness.enlargement([0.5, 1.0]), stripes, 0.5)[20:44, 20:44]
    assert np.abs(inner).max() < 0.1  # every other row would be all black or all white


def test_a_blur_is_a_gaussian_that_keeps_a_plain_image_plain():
    image = picture(32, 32)
    blurred = apply(robustness.blur(), image, 8)
    deviation = 8 * 32 / 224
    inside = ndimage.gaussian_filter(image, (deviation, deviation, 0), truncate=10)
    np.testing.assert_allclose(blurred[12:20, 12:20], inside[12:20, 12:20], atol=1e-3)
    np.testing.assert_allclose(apply(robustness.blur(), np.full((9, 9, 1), 3.0, np.float32), 8), 3.0, rtol=1e-6)


def test_brightness_is_cut_off_at_black_and_white():
    black, white = np.array([-1.0, 0.0, 10.0]), np.array([1.0, 4.0, 0.0])  # the last channel runs backwards
    image = np.broadcast_to((black + white) / 2, (1, 1, 3)).astype(np.float32)
    lit = robustness.brightness(black=black, white=white)
    np.testing.assert_allclose(apply(lit, image, 0.25)[0, 0], black + 0.75 * (white - black))
    np.testing.assert_allclose(apply(lit, image, 0.75)[0, 0], white)
    np.testing.assert_allclose(apply(lit, image, -0.75)[0, 0], black)


ALL = {**robustness.standard_transformations(PIXEL), "blur": robustness.blur(), "brightness": robustness.brightness()}


@pytest.mark.parametrize("name", ALL)
def test_there_is_an_amount_that_changes_nothing(name):
    image = np.random.default_rng(1).uniform(size=(9, 11, 3)).astype(np.float32)
    np.testing.assert_allclose(apply(ALL[name], image, ALL[name].identity), image, atol=1e-6)
    assert (np.diff(ALL[name].amounts) > 0).all()
    assert ALL[name].label


TRANSFORMATIONS = {
    "shift": robustness.vertical_translation([-50, 0, 25, 75], border=PIXEL),
    "turn": robustness.rotation([0, 20, 90], border=PIXEL),
    "contrast": robustness.Transformation(jax.tree_util.Partial(jnp.multiply), np.array([0.0, 1.0], np.float32), 1.0),
}


@pytest.fixture(scope="module")
def found():
    # A batch that divides nothing: chunks of every transformation are filled up.
    f, x = networks.FAMILIES["plain"](), networks.images(3)
    return jv.robustness.invariance(f, x, np.array([0, 4, 2]), ("first", "last"), TRANSFORMATIONS, batch_size=5)


@pytest.mark.slow
def test_curves_are_those_of_a_loop_over_single_images(found):
    f, x, targets = networks.FAMILIES["plain"](), np.asarray(networks.images(3)), [0, 4, 2]
    features = jit(lambda image: jv.tap(f, "first", "last")(image[None]))
    for name, transformation in TRANSFORMATIONS.items():
        for i, image in enumerate(x):
            _, before = features(image)
            for j, amount in enumerate(np.asarray(transformation.amounts)):
                logits, after = features(apply(transformation, image, amount))
                powers = np.exp(np.asarray(logits[0], np.float64))
                probability = powers[targets[i]] / powers.sum()
                np.testing.assert_allclose(found.probabilities[name][i, j], probability, rtol=1e-4)
                for layer in ("first", "last"):
                    old, new = (np.asarray(value[layer], np.float64).ravel() for value in (before, after))
                    norm = np.sqrt((old**2).sum())
                    np.testing.assert_allclose(found.norms[layer][i], norm, rtol=1e-5)
                    distance = np.sqrt(((new - old) ** 2).sum()) / norm
                    np.testing.assert_allclose(found.distances[name][layer][i, j], distance, rtol=1e-4, atol=1e-5)


def test_areas_are_trapezoids_over_a_range_of_one(found):
    for name, transformation in TRANSFORMATIONS.items():
        amounts = np.asarray(transformation.amounts, np.float64)
        for curves, area in [
            *((found.distances[name][layer], found.areas[name][layer]) for layer in ("first", "last")),
            (found.probabilities[name], found.probability_areas[name]),
        ]:
            total = 0.0
            for curve in np.asarray(curves, np.float64):
                for j in range(len(amounts) - 1):
                    total += (curve[j] + curve[j + 1]) / 2 * (amounts[j + 1] - amounts[j])
            np.testing.assert_allclose(area, total / (amounts[-1] - amounts[0]) / 3, rtol=1e-5)


def test_an_original_without_features_is_infinitely_far_from_any():
    def f(x):
        return jax.ad_checkpoint.checkpoint_name(jax.nn.relu(x), "maps").mean((1, 2))

    negate = robustness.Transformation(lambda image, amount: amount * image, np.array([-1.0, 1.0]), 1.0)
    found = jv.robustness.invariance(f, -jnp.ones((1, 2, 2, 3)), 0, ["maps"], {"negate": negate})
    assert found.distances["negate"]["maps"].tolist() == [[np.inf, 0.0]]


def test_a_second_call_with_transformations_made_anew_compiles_nothing():
    compiled = []
    jax.monitoring.register_event_duration_secs_listener(
        lambda event, _, **__: compiled.append(event) if event == "/jax/core/compile/backend_compile_duration" else None
    )
    for border in (PIXEL, 2 * PIXEL):
        compiled.clear()
        shift = {"shift": robustness.vertical_translation([0, 40], border=border)}
        jv.robustness.invariance(networks.FAMILIES["plain"](), networks.images(2), 1, ["last"], shift)
    assert not compiled


def contrast(amounts=(0.0, 1.0), function=lambda image, amount: amount * image):
    return {"contrast": robustness.Transformation(function, np.array(amounts), 1.0)}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"layers": ["nowhere"]}, "nowhere"),
        ({"layers": ()}, "`layers` must be different names, at least one, got []."),
        ({"transformations": {}}, "`transformations` must hold at least one, got none."),
        ({"transformations": contrast((1.0,))}, "`amounts` of 'contrast' must be two or more numbers, got shape (1,)."),
        ({"transformations": contrast((1.0, 0.0))}, "`amounts` of 'contrast' must rise, got [1.0, 0.0]. Sort them."),
        ({"transformations": contrast(function=lambda image, _: image[1:])}, "must keep the image (9, 11, 3) of float"),
        ({"target": 5}, "`target` must be in 0..4, got 5."),
        ({"batch_size": 0}, "`batch_size` must be at least 1, got 0."),
    ],
)
def test_bad_input_is_refused(arguments, message):
    arguments = {"layers": ["last"], "transformations": contrast(), "target": 0} | arguments
    with pytest.raises(ValueError) as error:  # noqa: PT011
        jv.robustness.invariance(networks.FAMILIES["plain"](), networks.images(1), **arguments)
    assert message in str(error.value)


def test_a_border_is_a_number_or_a_pixel():
    with pytest.raises(ValueError, match=r"^`border` must be a number or one pixel \(c,\), got shape \(2, 2\)\.$"):
        robustness.rotation(border=np.zeros((2, 2)))
