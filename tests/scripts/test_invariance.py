from types import SimpleNamespace

import jax.numpy as jnp
import numpy as np
from jax.tree_util import Partial

import jaxviz as jv
import models
from jaxviz.render import plot
from scripts._harness.photo_study.photos import Photo
from scripts._harness.photo_study.study import _named
from scripts.invariance import draw as _draw
from scripts.invariance import study as _study


def test_curves_and_areas_are_those_of_the_layer_that_they_name(monkeypatch):
    """Whatever order its name has in the alphabet."""
    network, layers = models.load("mnist_cnn2"), ("logits", "conv1")
    pixels = np.random.default_rng(0).integers(0, 255, (2, 28, 28, 3), np.uint8)
    images = np.asarray(network.normalize(pixels / np.float32(255)))
    config = SimpleNamespace(border=0.0, batch_size=8)
    photos = [Photo(name, one, (28, 28), 3, "") for name, one in zip("ab", pixels, strict=True)]
    study = SimpleNamespace(
        config=config, network=network, f=Partial(_named, network), photos=photos, images=images, labels=[3, 3]
    )
    shift = {"shift": jv.robustness.standard_transformations(0.0)["vertical translation"]}
    monkeypatch.setattr(_study, "transformations", lambda study: shift)
    step = _study.follow(study, layers)  # pyright: ignore[reportArgumentType]
    amounts = np.asarray(shift["shift"].amounts)
    moved = np.stack(
        [np.stack([shift["shift"].function(image, jnp.asarray(amount)) for amount in amounts]) for image in images]
    )
    for place, layer in enumerate(layers):
        below = study.f if layer == "logits" else jv.upto(study.f, layer)
        plain = np.asarray(below(images)).reshape(2, 1, -1)
        found = np.asarray(below(moved.reshape(-1, *images.shape[1:]))).reshape(2, len(amounts), -1)
        expected = np.linalg.norm(found - plain, axis=-1) / np.linalg.norm(plain, axis=-1)
        np.testing.assert_allclose(step.arrays["shift, distances"][place], expected, rtol=2e-4, atol=1e-5)
        entry = step.numbers["transformations"]["shift"]
        np.testing.assert_allclose(entry["distances"][layer], expected, rtol=2e-3, atol=1e-4)
        area = np.mean(np.trapezoid(expected, amounts, axis=1)) / (amounts[-1] - amounts[0])
        np.testing.assert_allclose(entry["areas"][layer], area, rtol=2e-3)
    drawn = []
    monkeypatch.setattr(plot, "png", lambda figure: drawn.append(figure) or b"")
    _draw.draw(study, step)  # pyright: ignore[reportArgumentType]
    titles = [axes.get_title() for axes in drawn[0].axes]
    for layer in layers:
        assert f"{layer}\narea {step.numbers['transformations']['shift']['areas'][layer]:.2f}" in titles
