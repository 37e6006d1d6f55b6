"""A small network with a dead channel, data with an empty class, and names that are markup."""

import json
import re

import jax
import jax.numpy as jnp
import numpy as np
from jax.ad_checkpoint import checkpoint_name

from jaxviz import microscope
from jaxviz.dataset import Scan

LABELS = ('<img src=x onerror="document.title=1">', "b & c", "nothing's")
_RANDOM = np.random.default_rng(3)
FILTERS = _RANDOM.normal(size=(3, 3, 3, 5)).astype(np.float32)
FILTERS[..., 2] = -1.0  # never above zero, for pixels that are not below it
DENSE = _RANDOM.normal(size=(5, 4)).astype(np.float32)
HEAD = _RANDOM.normal(size=(4, 3)).astype(np.float32)
IMAGES = _RANDOM.integers(0, 256, (10, 12, 12, 3)).astype(np.uint8)
CLASSES = np.array([0, 1, 0, 1, 1, 0, 0, 1, 0, 1])


def scaled(images):
    return images / np.float32(255)


def network(filters=FILTERS, dense=DENSE, head=HEAD):
    def f(filters, dense, head, images):
        conv = jax.lax.conv_general_dilated(images, filters, (2, 2), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))
        maps = checkpoint_name(jax.nn.relu(conv), "maps")
        hidden = checkpoint_name(jax.nn.relu(maps.mean((1, 2)) @ dense), "hidden <b>")
        return hidden @ head

    return jax.tree_util.Partial(f, *(jnp.asarray(array) for array in (filters, dense, head)))


LAYERS = ("maps", "hidden <b>")
SCAN = Scan(batch_size=4, preprocess=scaled)


def build(out, f=None, layers=LAYERS, **options):
    calls = {
        "f": "from tests.microscope.sample import CLASSES, IMAGES, SCAN as scan, network; f = network()",
        "dataset": "dataset = (IMAGES, CLASSES)",
    }
    options = {"calls": calls, "labels": LABELS, "scan": SCAN, "num": 3, "name": "a <script>", "data": "ten", **options}
    return microscope.build(network() if f is None else f, (IMAGES, CLASSES), layers, out, **options)


def read(out, path):
    """What a script of the site hands to the page."""
    text = (out / f"{path}.js").read_text("utf-8")
    return json.loads(re.fullmatch(r'microscope\("[^"]*",(.*)\)', text)[1])
