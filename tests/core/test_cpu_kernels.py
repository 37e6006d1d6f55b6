"""The forms that choose XLA's older CPU kernels: the same numbers, and those kernels."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxviz as jv
from jaxviz._core.cpu_kernels import fast_on_cpu, has_groups
from tests import quick
from tests.transforms.test_channels_last import CASES, convolve

NHWC = ("NHWC", "HWIO", "NHWC")
SAME = {"padding": [(1, 1), (1, 1)]}
FORMS = {
    "same size": ((2, 12, 9, 20), (3, 3, 20, 24), NHWC, SAME),
    "one pixel": ((2, 5, 6, 20), (1, 1, 20, 24), NHWC, {}),
    "one pixel, channels first": ((2, 20, 5, 6), (24, 20, 1, 1), ("NCHW", "OIHW", "NCHW"), {}),
    "same size, dilated": ((2, 12, 9, 20), (3, 3, 20, 24), NHWC, {"padding": [(2, 2), (2, 2)], "rhs_dilation": (2, 2)}),
}


@pytest.mark.parametrize("name", CASES | FORMS)
@pytest.mark.slow
def test_convolutions_and_their_gradients_stay_what_they_are(name):
    image_shape, kernel_shape, layout, options = (CASES | FORMS)[name]
    rng = np.random.default_rng(0)
    arguments = jnp.float32(rng.normal(size=image_shape)), jnp.float32(rng.normal(size=kernel_shape))
    f = convolve(layout, len(image_shape), options)

    def both(images, kernel):
        return f(images, kernel), jax.grad(lambda *arguments: jnp.sin(f(*arguments)).sum(), (0, 1))(images, kernel)

    found, expected = (jax.tree.leaves(quick.jit(g)(*arguments)) for g in (fast_on_cpu(both), both))
    for one, other in zip(found, expected, strict=True):
        # Sums of up to a few hundred products in another order.
        np.testing.assert_allclose(one, other, atol=1e-5 * float(jnp.abs(other).max()))


@pytest.mark.parametrize("name", FORMS)
def test_a_convolution_gets_the_older_kernel(name):
    image_shape, kernel_shape, layout, options = FORMS[name]
    f, arguments = convolve(layout, 4, options), (jnp.ones(image_shape), jnp.ones(kernel_shape))
    assert "ynn" in compiled(f, *arguments)  # or else the forms have had their day
    assert "ynn" not in compiled(fast_on_cpu(f), *arguments)


PRODUCTS = [
    (lambda x, w: x @ w, (6, 20), (20, 24)),
    (lambda x, w: x @ w, (2, 3, 20), (20, 24)),
    (lambda x, w: x @ w, (1, 20), (20, 24)),
    (lambda x, w: x @ w, (6, 20), (20, 1)),
    (lambda x, w: x @ w, (20,), (20, 24)),
    (lambda x, w: x @ w.T, (6, 20), (24, 20)),
    (lambda x, w: jnp.einsum("nij,njk->nik", x, w), (2, 6, 20), (2, 20, 24)),
    (lambda x, w: jnp.einsum("ij,kl->ijkl", x, w), (2, 3), (4, 5)),
    (lambda x, w: jnp.dot(x, w, precision="highest"), (6, 20), (20, 24)),
    (lambda x, w: jnp.dot(x, w, precision="F32_F32_F32"), (6, 20), (20, 24)),
    (lambda x, w: (x.astype(jnp.bfloat16) @ w.astype(jnp.bfloat16)).astype(jnp.float32), (6, 20), (20, 24)),
]


@pytest.mark.parametrize("number", range(len(PRODUCTS)))
def test_products_stay_what_they_are(number):
    f, *shapes = PRODUCTS[number]
    rng = np.random.default_rng(0)
    arguments = [jnp.float32(rng.normal(size=shape)) for shape in shapes]
    np.testing.assert_allclose(quick.jit(fast_on_cpu(f))(*arguments), quick.jit(f)(*arguments), rtol=1e-5, atol=1e-5)


def test_a_product_gets_the_older_kernel():
    f, arguments = PRODUCTS[0][0], (jnp.ones((6, 20)), jnp.ones((20, 24)))
    assert "ynn" in compiled(f, *arguments)
    assert "ynn" not in compiled(fast_on_cpu(f), *arguments)


@pytest.mark.parametrize(("exact", "size"), [("incremental", 1), ("dense", 3)])
def test_occlusion_under_jit_gets_the_older_kernels(exact, size):
    kernels = jnp.ones((size, size, 3, 24)), jnp.ones((1, 1, 24, 32)), jnp.ones((32, 20))

    def f(images):
        for kernel in kernels[:2]:
            images = jax.nn.relu(jax.lax.conv_general_dilated(images, kernel, (1, 1), "SAME", dimension_numbers=NHWC))
        return images.mean((1, 2)) @ kernels[2]

    text = compiled(functools.partial(jv.occlusion, f, window=2, stride=2, method=exact), jnp.ones((24, 24, 3)))
    inside = [line for line in text.splitlines() if "while/body" in line]
    assert inside
    assert not [line for line in inside if "ynn" in line and ("conv_general" in line or "dot_general" in line)]


def compiled(f, *arguments):
    return str(jax.jit(f).lower(*arguments).compile().as_text())


def test_a_convolution_of_each_channel_by_itself_becomes_sums():
    f = convolve(NHWC, 4, {"padding": [(1, 1), (0, 1)], "window_strides": (2, 1), "feature_group_count": 5})
    images, kernel = jnp.ones((2, 7, 6, 5)), jnp.ones((3, 3, 1, 5))
    gradient = jax.grad(lambda images: f(images, kernel).sum())
    for program in (f, lambda images, kernel: gradient(images)):
        assert has_groups(jax.make_jaxpr(jax.jit(program))(images, kernel))
        assert "conv_general_dilated" not in str(jax.make_jaxpr(fast_on_cpu(program))(images, kernel))
