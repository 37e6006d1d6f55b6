import re

import jax
import numpy as np
import pytest
from PIL import Image

import models


@pytest.fixture(scope="module")
def network():
    return jax.eval_shape(lambda: models.initialize("squeezenet"))


@pytest.fixture(scope="module")
def photos():
    random = np.random.default_rng(0)
    return [random.integers(0, 256, (*sides, 3), np.uint8) for sides in ((250, 240), (240, 300))]


def test_every_form_of_a_photo_gives_the_same_image(network, photos, tmp_path):
    photo = photos[0]
    path = tmp_path / "photo.png"
    Image.fromarray(photo).save(path)
    expected = network.preprocess(photo)
    assert expected.shape == (1, 227, 227, 3)
    for form in (path, str(path), Image.fromarray(photo), [photo], (path,), photo[None], jax.numpy.asarray(photo)):
        np.testing.assert_array_equal(network.preprocess(form), expected)


def test_a_list_is_its_photos_one_after_the_other(network, photos):
    images = network.preprocess([photos[0], Image.fromarray(photos[1])])
    np.testing.assert_array_equal(images, np.concatenate([network.preprocess(photo) for photo in photos]))


def test_a_batch_is_its_photos(network, photos):
    batch = np.stack([photos[0], photos[0][::-1]])
    np.testing.assert_array_equal(
        network.preprocess(batch), np.concatenate([network.preprocess(photo) for photo in batch])
    )


def test_a_turned_file_is_turned_upright(network, photos, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    Image.fromarray(photos[0]).save(tmp_path / "turned.png", exif=exif)
    expected = network.preprocess(photos[0][::-1, ::-1])
    np.testing.assert_array_equal(network.preprocess(tmp_path / "turned.png"), expected)


@pytest.mark.parametrize("none", [[], (), np.zeros((0, 240, 240, 3), np.uint8)])
def test_no_photo_is_refused(network, none):
    with pytest.raises(ValueError, match=r"`photo` must hold at least one photo, got (list|tuple|ndarray) of none"):
        network.preprocess(none)


def test_what_cannot_be_read_is_refused_by_name(network, tmp_path):
    (tmp_path / "photo.png").write_bytes(b"no picture")
    for path in (tmp_path / "photo.png", tmp_path / "missing.png"):
        with pytest.raises(ValueError, match=re.escape(f"`photo` must be a picture that can be read, got '{path}'")):
            network.preprocess(path)
    with pytest.raises(ValueError, match=r"`photo` must be a picture that can be read.*floating-point numbers"):
        network.preprocess(Image.new("F", (240, 240)))
