"""Augmentations against SciPy, and their place in a program."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import ndimage

from jaxviz._core.warp import reach_of, warp
from jaxviz.maximize import augment

KEY = jax.random.key(0)
RNG = np.random.default_rng(0)
IMAGES = RNG.random((2, 13, 17, 3)).astype(np.float32)
MOVES = [(1.1, 10), (0.9, -6), (1.0, 0), (2.0, 30), (0.5, -170)]


def by_scipy(images, factor, degrees, fill):
    angle = np.deg2rad(degrees)
    # From a place of the result to where it comes from; rows go down, so counterclockwise is from columns to rows.
    back = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]) / factor
    center = (np.array(images.shape[1:3]) - 1) / 2
    found = np.empty(images.shape)
    for image in range(images.shape[0]):
        for channel in range(images.shape[3]):
            found[image, ..., channel] = ndimage.affine_transform(
                images[image, ..., channel].astype(float),
                back,
                center - back @ center,
                order=1,
                mode="grid-constant",
                cval=fill,
            )
    return found


def turn(images, factor, degrees, fill=0.0):
    angle = np.deg2rad(degrees)
    return warp(images, jnp.float32(factor), jnp.float32(angle), reach=reach_of(factor, angle), fill=fill)


@pytest.mark.parametrize(("factor", "degrees"), MOVES)
def test_warp_is_that_of_scipy(factor, degrees):
    np.testing.assert_allclose(turn(IMAGES, factor, degrees, 0.3), by_scipy(IMAGES, factor, degrees, 0.3), atol=2e-5)


@pytest.mark.parametrize(("factor", "degrees"), MOVES)
@pytest.mark.slow
def test_gradient_of_a_warp_is_its_transpose(factor, degrees):
    small = IMAGES[:1, :5, :6, :1]
    found = jax.jacobian(lambda images: turn(images, factor, degrees))(small).reshape(30, 30)
    # The warp is linear: its columns are what it makes of single pixels.
    expected = np.stack([by_scipy(pixel.reshape(1, 5, 6, 1), factor, degrees, 0.0).ravel() for pixel in np.eye(30)], 1)
    np.testing.assert_allclose(found, expected, atol=2e-5)


@pytest.mark.slow
def test_turns_are_counterclockwise():
    right = np.zeros((1, 21, 21, 1), np.float32)
    right[0, 10, 20] = 1
    row, col = np.unravel_index(augment.rotate([30], 0.0)(KEY, right)[0, ..., 0].argmax(), (21, 21))
    assert (row, col) == (5, 19)


def test_zooms_enlarge_above_one():
    square = np.zeros((1, 21, 21, 1), np.float32)
    square[0, 8:13, 8:13] = 1
    areas = [float(augment.scale([factor], 0.0)(KEY, square).sum()) for factor in (0.5, 1.0, 2.0)]
    # At half the size every second row and column is looked at: three of the five.
    np.testing.assert_allclose(areas, [9, 25, 100], rtol=0.02)


@pytest.mark.slow
def test_only_what_was_listed_is_drawn():
    drawn = jax.vmap(lambda key: augment.rotate([0, 90], 0.0)(key, IMAGES[:1, :13, :13]))(jax.random.split(KEY, 40))
    straight, turned = IMAGES[:1, :13, :13], np.rot90(IMAGES[:1, :13, :13], 1, (1, 2))
    is_straight = np.array([np.allclose(one, straight, atol=1e-5) for one in drawn])
    is_turned = np.array([np.allclose(one, turned, atol=1e-5) for one in drawn])
    assert (is_straight ^ is_turned).all()
    assert 8 < is_straight.sum() < 32


def test_jitter_cuts_out_every_shift():
    found = set()
    for key in jax.random.split(KEY, 60):
        out = augment.jitter(2)(key, IMAGES)
        assert out.shape == (2, 11, 15, 3)
        shifts = [(r, c) for r in range(3) for c in range(3) if np.array_equal(out, IMAGES[:, r : r + 11, c : c + 15])]
        assert len(shifts) == 1
        found.update(shifts)
    assert len(found) == 9


def test_roll_goes_around_the_edges():
    found = set()
    for key in jax.random.split(KEY, 60):
        out = augment.roll(1)(key, IMAGES)
        shifts = [(r, c) for r in (-1, 0) for c in (-1, 0) if np.array_equal(out, np.roll(IMAGES, (r, c), (1, 2)))]
        assert len(shifts) == 1
        found.update(shifts)
    assert len(found) == 4
    np.testing.assert_array_equal(augment.roll(0)(KEY, IMAGES), IMAGES)


def test_pad_puts_one_value_around():
    expected = np.full((2, 17, 21, 3), 0.25, np.float32)
    expected[:, 2:-2, 2:-2] = IMAGES
    np.testing.assert_array_equal(augment.pad(2, 0.25)(KEY, IMAGES), expected)


def test_a_zoom_and_a_turn_are_one_warp():
    for pair in ((augment.scale([1.2]), augment.rotate([20])), (augment.rotate([20]), augment.scale([1.2]))):
        both = augment.compose(*pair)
        assert len(both.augments) == 1
        np.testing.assert_allclose(both(KEY, IMAGES), by_scipy(IMAGES, 1.2, 20, 0.5), atol=2e-5)
    for apart in (
        (augment.scale([1.2]), augment.scale([1.1])),
        (augment.scale([1.2], 0.1), augment.rotate([20], 0.2)),
        (augment.scale([1.2]), augment.jitter(1), augment.rotate([20])),
    ):
        assert len(augment.compose(*apart).augments) == len(apart)


def test_a_composition_is_one_after_another():
    first, second = augment.pad(3), augment.jitter(2)
    np.testing.assert_array_equal(
        augment.compose(augment.compose(first), second)(KEY, IMAGES),
        second(jax.random.fold_in(KEY, 1), first(KEY, IMAGES)),
    )
    assert augment.compose()(KEY, IMAGES) is IMAGES
    assert augment.compose(first, second) == augment.compose(augment.pad(3), augment.jitter(2))


@pytest.mark.slow
def test_a_view_has_the_old_size():
    np.testing.assert_array_equal(augment.view(augment.pad(4), KEY, IMAGES), IMAGES)
    some = augment.compose(augment.pad(4), augment.jitter(3), augment.scale([0.9, 1.1]), augment.rotate([-5, 5]))
    seen = jax.jit(lambda key: augment.view(some, key, IMAGES))(KEY)
    assert seen.shape == IMAGES.shape
    np.testing.assert_allclose(seen, augment.view(some, KEY, IMAGES), atol=1e-5)
    assert not np.allclose(seen, augment.view(some, jax.random.key(1), IMAGES))


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: augment.jitter(-1), ValueError, "`distance` must be at least 0, got -1."),
        (lambda: augment.pad(1.5), TypeError, "`width` must be an int, got float. It counts pixels."),
        (lambda: augment.scale([]), ValueError, "`factors` must be one or more numbers above 0, got ()."),
        (lambda: augment.scale([1, -1]), ValueError, "`factors` must be one or more numbers above 0, got (1.0, -1.0)."),
        (lambda: augment.rotate([]), ValueError, "`degrees` must be one or more numbers, got none."),
        (
            lambda: augment.jitter(13)(KEY, IMAGES),
            ValueError,
            "`distance` must be less than height and width, got 13 for images of 13x17.",
        ),
        (
            lambda: augment.view(augment.jitter(3), KEY, IMAGES),
            ValueError,
            "`augment` must not make images smaller, got 10x14 from 13x17. Put a pad in front",
        ),
    ],
)
def test_what_cannot_be_done_is_refused(call, error, text):
    with pytest.raises(error, match=re.escape(text)):
        call()


def test_a_crop_shows_a_part_enlarged():
    rows, cols = np.mgrid[:16, :20].astype(np.float32)
    images = np.stack([rows, cols], -1)[None]
    found = np.asarray(augment.crop((0.5, 0.5), 0.0)(jax.random.key(0), images))[0]
    # The middle half, twice as large: neighbors differ by half a pixel, about the same center.
    np.testing.assert_allclose(np.diff(found[2:-2, :, 0], axis=0), 0.5, atol=1e-3)
    np.testing.assert_allclose(found[..., 0].mean(), 7.5, atol=1e-2)
    np.testing.assert_allclose(found[..., 1].mean(), 9.5, atol=1e-2)
    drawn = [np.asarray(augment.crop((0.3, 1.0))(key, images)) for key in jax.random.split(jax.random.key(1), 4)]
    assert all(one.shape == images.shape and one.min() > -1 and one.max() < 20 for one in drawn)
    assert np.abs(drawn[0] - drawn[1]).max() > 1
    with pytest.raises(ValueError, match=r"^`shares` must be two rising numbers in \(0, 1\], got \(0\.5, 2\)\."):
        augment.crop((0.5, 2))
