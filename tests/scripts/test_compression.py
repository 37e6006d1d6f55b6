import io
from types import SimpleNamespace

import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
from jax.tree_util import Partial
from PIL import Image

import jaxviz as jv
import models
from scripts._harness.photo_study.photos import Photo
from scripts._harness.photo_study.study import _named
from scripts.compression.draw import table
from scripts.compression.study import follow, headline

QUALITIES = (90, 40, 5)


@pytest.mark.slow
def test_each_number_is_that_of_the_photo_read_from_its_file():
    network = models.load("mnist_cnn2")
    pixels = np.random.default_rng(0).integers(0, 255, (28, 28, 3), np.uint8)
    before = np.asarray(network.normalize(pixels[None] / np.float32(255)))
    study = SimpleNamespace(
        config=SimpleNamespace(qualities=QUALITIES),
        network=network,
        f=Partial(_named, network),
        photos=[Photo("noise", pixels, (28, 28), 3, "")],
        images=before,
    )
    step = follow(study, ("conv1", "logits"))
    last = [name for name, found in jv.layers(network, before).items() if len(found.shape) == 4 and "pool" not in name]
    cams = {"before": np.asarray(jv.grad_cam(network, before, 3, last[-1]))}
    for place, quality in enumerate(QUALITIES):
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "JPEG", quality=quality)
        image = network.normalize(np.asarray(Image.open(file))[None] / np.float32(255))
        logits = network(image)
        expected = np.exp(logits[0, 3]) / np.exp(logits[0]).sum()
        np.testing.assert_allclose(step.arrays["probabilities"][0, place], expected, rtol=1e-4)
        moved = jnp.linalg.norm(logits - network(before)) / jnp.linalg.norm(network(before))
        np.testing.assert_allclose(step.arrays["distances"][0, place, 1], moved, rtol=1e-4)
        cams[quality] = np.asarray(jv.grad_cam(network, image, 3, last[-1]))
        alike = scipy.stats.spearmanr(cams["before"].ravel(), cams[quality].ravel()).statistic
        np.testing.assert_allclose(step.arrays["cam"][0, place], alike, atol=1e-4)
        assert step.numbers["photos"][0]["bytes"][place] == file.tell()
    assert step.arrays["probabilities"].shape == (1, 3)
    assert headline(step).startswith("The mean probability of the class, ")
    head, *rows = table(study, step).splitlines()
    assert head.split() == ["quality", "probability", "conv1", "logits", "Grad-CAM"]
    assert [row.split()[0] for row in rows] == [str(quality) for quality in QUALITIES]
