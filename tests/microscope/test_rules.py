"""By which rule the strongest patches are projected."""

import jax
import jax.numpy as jnp
import pytest
from jax.ad_checkpoint import checkpoint_name

import jaxviz as jv
from tests.microscope.sample import read


@pytest.mark.usefixtures("unchecked_shapes")
def test_where_no_relu_lies_below_the_projection_is_the_gradient(tmp_path):
    def f(images):
        return checkpoint_name(jax.nn.relu(checkpoint_name(2 * images, "linear")), "maps").mean((1, 2))

    images = jnp.linspace(0, 1, 4 * 5 * 5).reshape(4, 5, 5, 1)
    jv.microscope.build(f, (images, None), ["linear", "maps"], tmp_path / "site", skip=["survival", "connections"])
    rules = {layer["name"]: layer["rule"] for layer in read(tmp_path / "site", "data/site")["layers"]}
    assert (rules["linear"], rules["maps"]) == ("gradient", "deconvnet")
    with pytest.raises(ValueError, match=r"^`rule` must be one of .*, got 'deconv'"):
        jv.microscope.build(f, (images, None), ["linear"], tmp_path / "other", rule="deconv")
    assert not (tmp_path / "other").exists()
