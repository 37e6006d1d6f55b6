"""What a notebook shows of results: small, with all that a user wrote escaped."""

import io

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.ad_checkpoint import checkpoint_name
from PIL import Image

import jaxviz as jv


def f(images):
    maps = checkpoint_name(jax.nn.relu(images @ jnp.ones((3, 12))), "<b>maps")
    return maps.mean((1, 2))


IMAGES = jax.random.uniform(jax.random.key(0), (5, 8, 8, 3))


def pixels(content):
    return np.asarray(Image.open(io.BytesIO(content)))


def test_layers_are_a_table():
    found = jv.layers(f, IMAGES)
    assert found == {"<b>maps": jax.ShapeDtypeStruct((5, 8, 8, 12), jnp.float32)}
    # A tree, as a dictionary is.
    assert jax.tree.map(lambda layer: layer.shape, found) == {"<b>maps": (5, 8, 8, 12)}
    ((path, _),) = jax.tree_util.tree_leaves_with_path(found)
    assert path == (jax.tree_util.DictKey("<b>maps"),)
    text = found._repr_html_()
    assert "<code>&lt;b&gt;maps</code>" in text
    assert "5 × 8 × 8 × 12" in text


def test_the_strongest_are_a_table_of_numbers():
    found = jv.dataset.strongest(f, (np.asarray(IMAGES), None), ["<b>maps"], num=2)["<b>maps"]
    text = found._repr_html_()
    assert text.count("<tr>") == 1 + 8
    assert f"image {found.indices[0, 0]}<br>{found.scores[0, 0]:.3g}" in text
    assert "and 4 channels more" in text


def test_an_ascent_shows_its_images():
    def g(images):
        return images.mean((1, 2))

    found = jv.maximize.render(g, jv.maximize.logit([0, 1]), key=jax.random.key(0), shape=(8, 6, 3), num_steps=3)
    picture = pixels(found._repr_png_())
    assert picture.shape == (8, 12, 3)
    np.testing.assert_array_equal(picture[:, :6], np.rint(255 * np.asarray(found.pixels[0])))
    assert repr(found).startswith("Result(2 images of 8 x 6 after 3 steps, objective ")
    assert len(repr(found)) < 120
    # Under jit, and of shapes, there are no numbers to show.
    jax.jit(lambda result: repr(result) and result.trace)(found)
    assert "ShapeDtypeStruct" in repr(jax.eval_shape(lambda: found))


@pytest.mark.parametrize("shape", [(6, 7), (6, 7, 3), (2, 6, 7), (2, 6, 7, 5)])
def test_a_map_is_a_picture_with_its_scale(shape):
    maps = np.linspace(-1, 2, int(np.prod(shape))).reshape(shape)
    found = jv.render.shown(maps, title="a title")
    np.testing.assert_array_equal(pixels(found._repr_png_()), found.picture)
    assert repr(found) == f"Shown({found.picture.shape[1]} x {found.picture.shape[0]} pixels; .picture is the array)"
    reds = (found.picture[..., 0].astype(int) - found.picture[..., 2]) > 100
    blues = (found.picture[..., 2].astype(int) - found.picture[..., 0]) > 60
    assert reds.any()
    assert blues.any()


def test_a_photo_lies_under_what_has_no_sign():
    photo = np.full((12, 14, 3), 255, np.uint8)
    maps = np.zeros((1, 6, 7), np.float32)
    bright, dark = (jv.render.shown(maps, one).picture.mean() for one in (photo, photo // 8))
    assert bright > dark + 20


@pytest.mark.parametrize("shape", [(3,), (0, 4), (1, 2, 3, 4, 5)])
def test_other_axes_are_refused(shape):
    with pytest.raises(ValueError, match=r"`maps` must be \(h, w\), \(h, w, c\), or a batch of these"):
        jv.render.shown(np.zeros(shape))
