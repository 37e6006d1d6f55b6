"""Gradients back through convolutions by one pixel, without kernels turned over."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxviz as jv
from jaxviz._core.backward import quick_to_compile
from tests import quick
from tests.transforms.test_channels_last import CASES, NHWC, convolve

ONES = {
    "one pixel": ((2, 5, 6, 3), (1, 1, 3, 4), NHWC, {}),
    "one pixel of one axis": ((2, 5, 3), (1, 3, 4), ("NWC", "WIO", "NWC"), {}),
    "one pixel, strided": ((2, 5, 6, 3), (1, 1, 3, 4), NHWC, {"window_strides": (2, 2)}),
    "one pixel, padded": ((2, 5, 6, 3), (1, 1, 3, 4), NHWC, {"padding": [(1, 0), (0, 2)]}),
    "one pixel in groups": ((2, 5, 6, 4), (1, 1, 2, 4), NHWC, {"feature_group_count": 2}),
    "one pixel, channels first": ((2, 3, 5, 6), (4, 3, 1, 1), ("NCHW", "OIHW", "NCHW"), {}),
}


@pytest.mark.parametrize("name", CASES | ONES)
@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
@pytest.mark.slow
def test_the_gradient_stays_what_it_is(name, dtype):
    image_shape, kernel_shape, layout, options = (CASES | ONES)[name]
    rng = np.random.default_rng(0)
    arguments = jnp.asarray(rng.normal(size=image_shape), dtype), jnp.asarray(rng.normal(size=kernel_shape), dtype)
    f = convolve(layout, len(image_shape), options)
    gradient = jax.grad(lambda images, kernel: jnp.sin(f(images, kernel)).sum())
    found, expected = (quick.jit(g)(*arguments) for g in (quick_to_compile(gradient), gradient))
    assert found.dtype == dtype
    # Sums of a few products in another order; a half has eight bits.
    tolerance = 1e-5 if dtype == jnp.float32 else 0.02
    scale = float(jnp.abs(expected).max())
    np.testing.assert_allclose(np.float32(found), np.float32(expected), atol=tolerance * scale)


def test_saliency_of_convolutions_by_one_pixel_has_no_other_convolution_back():
    kernel = jnp.ones((1, 1, 3, 4))

    def f(images):
        maps = jax.lax.conv_general_dilated(images, kernel, (1, 1), "VALID", dimension_numbers=NHWC)
        return jax.nn.relu(maps).mean((1, 2))

    text = str(jax.make_jaxpr(lambda images: jv.saliency(f, images, target=0))(jnp.ones((1, 5, 6, 3))))
    assert text.count("conv_general_dilated[") == 1
