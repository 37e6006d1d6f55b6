"""From numbers to pictures, against loops in NumPy."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxviz.maximize import param
from jaxviz.maximize._color import from_pixels

KEY = jax.random.key(0)
# The matrix as published with lucid, before it is divided by the norm of its longest column.
MATRIX = np.array([[0.26, 0.09, 0.02], [0.27, 0.00, -0.05], [0.27, -0.09, 0.03]])


def sigmoid(values):
    return 1 / (1 + np.exp(-values))


def decorrelated(values):
    longest = max(np.sqrt((MATRIX[:, column] ** 2).sum()) for column in range(3))
    return np.einsum("hwc,kc->hwk", values, MATRIX / longest)


def naive_spectrum(numbers, height, width, decay):
    """The sum of all waves, one by one, of a real picture whose negative frequencies are not stored."""
    picture = np.zeros((height, width, numbers.shape[1]))
    rows, cols = np.mgrid[:height, :width]
    for channel in range(numbers.shape[1]):
        for row in range(height):
            for col in range(width // 2 + 1):
                frequency = np.hypot(min(row, height - row) / height, col / width)
                amplitude = np.sqrt(height * width) / max(frequency, 1 / max(height, width)) ** decay / 4
                number = amplitude * (numbers[0, channel, row, col] + 1j * numbers[1, channel, row, col])
                wave = np.exp(2j * np.pi * (row * rows / height + col * cols / width))
                # The first and the last column of an even width are their own counterparts.
                twice = 1 if col == 0 or 2 * col == width else 2
                picture[..., channel] += twice * (number * wave).real / (height * width)
    return picture


@pytest.mark.parametrize(("height", "width", "decay"), [(6, 8, 1.0), (5, 7, 0.5), (8, 6, 0.0)])
def test_fourier_is_a_sum_of_scaled_waves(height, width, decay):
    made = param.fourier((height, width, 3), decay=decay, decorrelated=False)
    numbers = np.asarray(made.init(KEY)) * 20
    expected = sigmoid(naive_spectrum(numbers.astype(np.float64), height, width, decay))
    np.testing.assert_allclose(made.pixels(numbers), expected, atol=1e-5)


def test_fourier_is_cut_out_of_a_size_that_is_quick_to_transform():
    cut, whole = param.fourier((11, 17, 3)), param.fourier((12, 18, 3))
    numbers = whole.init(KEY)
    np.testing.assert_array_equal(cut.init(KEY), numbers)
    np.testing.assert_allclose(cut.pixels(numbers), whole.pixels(numbers)[:11, :17], atol=1e-6)


def test_start_has_the_deviation_that_was_asked_for():
    for make in (param.pixels, param.fourier):
        assert abs(float(make((40, 40, 3), sd=0.2).init(KEY).std()) - 0.2) < 0.01


def test_colors_are_those_of_photos():
    numbers = np.random.default_rng(0).normal(size=(4, 5, 3)).astype(np.float32)
    np.testing.assert_allclose(
        param.pixels((4, 5, 3)).pixels(numbers), sigmoid(decorrelated(numbers.astype(float))), atol=1e-6
    )
    np.testing.assert_allclose(param.pixels((4, 5, 3), decorrelated=False).pixels(numbers), sigmoid(numbers), atol=1e-6)


@pytest.mark.parametrize("channels", [1, 2, 4])
def test_what_has_no_colors_is_left_alone(channels):
    numbers = np.random.default_rng(0).normal(size=(4, 5, channels)).astype(np.float32)
    np.testing.assert_allclose(param.pixels((4, 5, channels)).pixels(numbers), sigmoid(numbers), atol=1e-6)


@pytest.mark.parametrize("make", [param.pixels, param.fourier, param.pyramid, param.unbounded])
@pytest.mark.parametrize("shape", [(16, 18, 3), (17, 19, 1)])
def test_a_picture_becomes_numbers_and_the_same_picture(make, shape):
    made = make(shape)
    picture = np.random.default_rng(0).uniform(0.01, 0.99, shape).astype(np.float32)
    np.testing.assert_allclose(made.pixels(made.invert(picture)), picture, atol=1e-5)
    black = made.pixels(made.invert(np.zeros(shape, np.float32)))
    assert jnp.isfinite(black).all()
    assert float(abs(black).max()) < 2e-3


@pytest.mark.slow
def test_every_start_is_a_picture():
    for make in (param.pixels, param.fourier, param.pyramid, param.unbounded, param.maco):
        made = make((16, 18, 3))
        picture = made.pixels(made.init(KEY))
        assert picture.shape == (16, 18, 3)
        assert 0 <= float(picture.min()) < float(picture.max()) <= 1


def test_pyramid_is_a_sum_of_stretched_pictures():
    made = param.pyramid((8, 12, 3), levels=3, decay=1.0, decorrelated=False)
    numbers = [np.asarray(level) * 50 for level in made.init(KEY)]
    assert [level.shape for level in numbers] == [(8, 12, 3), (4, 6, 3), (2, 3, 3)]
    values = np.zeros((8, 12, 3))
    for level, picture in enumerate(numbers):
        for row in range(8):
            for col in range(12):
                # Centers of pixels, bilinear, continued at the edges.
                y = np.clip((row + 0.5) / 2**level - 0.5, 0, picture.shape[0] - 1)
                x = np.clip((col + 0.5) / 2**level - 0.5, 0, picture.shape[1] - 1)
                top, left = int(y), int(x)
                down, right = min(top + 1, picture.shape[0] - 1), min(left + 1, picture.shape[1] - 1)
                upper = picture[top, left] * (1 - x + left) + picture[top, right] * (x - left)
                lower = picture[down, left] * (1 - x + left) + picture[down, right] * (x - left)
                values[row, col] += 2**level * (upper * (1 - y + top) + lower * (y - top))
    np.testing.assert_allclose(made.pixels(numbers), sigmoid(values), atol=1e-5)


def test_maco_turns_phases_and_leaves_magnitudes():
    shape = (12, 14, 3)
    photos = np.random.default_rng(0).uniform(0.1, 0.9, (5, 20, 24, 3)).astype(np.float32)
    spectrum = param.natural_spectrum(photos, shape)
    made = param.maco(shape, spectrum, contrast=0.7)
    numbers = made.init(KEY)
    values = from_pixels(made.pixels(numbers), True)
    found = np.abs(np.fft.rfft2(np.moveaxis(np.asarray(values, np.float64), -1, 0)))
    # Where a frequency is its own mirror image only the real part of it is left.
    inner = (slice(None), slice(None), slice(1, 7))
    ratio = found[inner] / spectrum[inner]
    np.testing.assert_allclose(ratio, ratio.mean(), rtol=2e-3)
    assert float(np.std(values)) == pytest.approx(0.7, rel=1e-3)
    # The phases of a picture with that spectrum are found again.
    picture = made.pixels(made.invert(photos[0, :12, :14]))
    np.testing.assert_allclose(made.pixels(made.invert(picture)), picture, atol=1e-4)


def test_the_natural_spectrum_is_the_mean_of_the_magnitudes():
    shape = (6, 8, 1)
    photos = np.random.default_rng(1).uniform(0.1, 0.9, (3, 6, 8, 1)).astype(np.float32)
    square = [np.asarray(jax.image.resize(photo[:, 1:7], shape, "linear"), np.float64) for photo in photos]
    wanted = np.mean([np.abs(np.fft.rfft2(np.log(one / (1 - one))[..., 0])) for one in square], 0)
    wanted[0, 0] = 0
    np.testing.assert_allclose(param.natural_spectrum(photos, shape)[0], wanted, rtol=1e-3, atol=1e-4)
    with pytest.raises(ValueError, match=r"^`pictures` must hold at least one picture, got none\."):
        param.natural_spectrum([], shape)
    with pytest.raises(ValueError, match=r"^`spectrum` must be finite magnitudes \(1, 6, 5\), not all zero, got "):
        param.maco(shape, np.ones((1, 6, 4)))


def test_equal_params_are_one():
    assert param.maco((8, 8, 3)) == param.maco((8, 8, 3)) != param.maco((8, 8, 3), contrast=2.0)
    assert param.fourier((8, 8, 3), decay=0.8) == param.fourier((8, 8, 3), decay=0.8)
    assert hash(param.fourier((8, 8, 3))) != hash(param.fourier((8, 8, 3), decay=0.8))


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: param.fourier((8, 8)), "`shape` must be height, width and channels, each at least 1, got (8, 8)."),
        (
            lambda: param.pixels((0, 8, 3)),
            "`shape` must be height, width and channels, each at least 1, got (0",
        ),
        (lambda: param.pyramid((8, 20, 3), levels=5), "`levels` must be in 1..4 for 8x20, got 5."),
    ],
)
def test_what_is_no_picture_is_refused(call, text):
    with pytest.raises(ValueError, match=re.escape(text)):
        call()
