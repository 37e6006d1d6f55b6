"""What a reader does with the package alone: run in an empty environment by `make release` and by a test."""

import importlib.metadata
import importlib.util
import tempfile
import time
from pathlib import Path

start = time.perf_counter()
import jaxviz as jv

seconds = time.perf_counter() - start

import jax
import jax.numpy as jnp
import numpy as np
from jax.ad_checkpoint import checkpoint_name


def f(images):
    """A model of the reader's own."""
    kernel = jnp.ones((3, 3, 3, 4)) / 27
    maps = jax.lax.conv_general_dilated(images, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))
    return checkpoint_name(jax.nn.relu(maps), "maps").mean((1, 2)) @ jnp.ones((4, 5))


images = jax.random.uniform(jax.random.key(0), (1, 32, 32, 3))
assert list(jv.layers(f, images)) == ["maps"]
assert jv.saliency(f, images, 0, rule="guided").shape == images.shape
assert jv.grad_cam(f, images, 0, "maps").shape == (1, 32, 32)
assert jv.occlusion(f, images[0], window=8, stride=8).shape == (4, 4, 5)
np.testing.assert_allclose(jv.attribution.deep_lift(f, images, 0).sum(), f(images)[0, 0], rtol=1e-5)
with tempfile.TemporaryDirectory() as folder:
    page = Path(folder, "page.html")
    jv.explain(f, images, 0, methods=["saliency"]).save(page)
    assert "<html" in page.read_text("utf-8")

files = [str(file) for file in importlib.metadata.files("jaxviz-convnets") or ()]
assert "jaxviz/py.typed" in files
assert any(file.endswith("licenses/LICENSE") for file in files)
foreign = {file.split("/")[0] for file in files if ".dist-info" not in file} - {"jaxviz"}
assert not foreign, foreign
for absent in ("flax", "tensorflow_datasets", "models", "scripts", "tests"):
    assert importlib.util.find_spec(absent) is None, absent
print(f"jaxviz {jv.__version__} works alone; import took {seconds:.2f} s, {len(files)} files")
