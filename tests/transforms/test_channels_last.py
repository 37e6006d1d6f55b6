"""Every convolution in one layout, and the same numbers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxviz.transforms import channels_last
from tests import quick

NHWC = ("NHWC", "HWIO", "NHWC")
CASES = {  # shapes of images and kernel, layout, further arguments
    "as it should be": ((2, 7, 8, 4), (3, 2, 4, 6), NHWC, {}),
    "channels first": ((2, 4, 7, 8), (6, 4, 3, 2), ("NCHW", "OIHW", "NCHW"), {"window_strides": (2, 1)}),
    "mixed up": ((4, 7, 8, 2), (4, 3, 2, 6), ("CHWN", "IHWO", "HWNC"), {"padding": [(1, 0), (2, 1)]}),
    "large stride": ((2, 28, 26, 3), (10, 10, 3, 4), NHWC, {"window_strides": (4, 4), "padding": [(2, 2), (2, 2)]}),
    "dilated kernel": ((2, 9, 8, 3), (3, 3, 3, 4), NHWC, {"rhs_dilation": (2, 1), "padding": [(2, 1), (0, 3)]}),
    "dilated images": ((2, 5, 6, 3), (3, 3, 3, 4), NHWC, {"lhs_dilation": (2, 3), "padding": [(1, 1), (0, 1)]}),
    "groups": ((4, 7, 8, 2), (2, 3, 2, 6), ("CHWN", "IHWO", "HWNC"), {"feature_group_count": 2}),
    "depthwise": ((2, 5, 5, 4), (3, 3, 1, 4), NHWC, {"feature_group_count": 4}),
    "depthwise by two": ((2, 5, 5, 4), (3, 3, 1, 8), NHWC, {"feature_group_count": 4, "window_strides": (2, 2)}),
    "groups of the batch": ((4, 5, 6, 3), (2, 2, 3, 6), NHWC, {"batch_group_count": 2}),
    "one axis": ((2, 3, 9), (4, 3, 2), ("NCW", "OIW", "NCW"), {"window_strides": (2,)}),
    "three axes": ((2, 3, 4, 5, 6), (4, 3, 2, 1, 3), ("NCDHW", "OIDHW", "NCDHW"), {}),
    "no axis": ((5, 3), (3, 4), ("NC", "IO", "NC"), {}),
}


def convolve(layout, rank, options):
    def f(images, kernel):
        return jax.lax.conv_general_dilated(
            images,
            kernel,
            **{"window_strides": (1,) * (rank - 2), "padding": [(0, 0)] * (rank - 2), **options},
            dimension_numbers=layout,
        )

    return f


@pytest.mark.parametrize("name", CASES)
@pytest.mark.slow
def test_a_convolution_and_its_gradients_stay_what_they_are(name):
    image_shape, kernel_shape, layout, options = CASES[name]
    rng = np.random.default_rng(0)
    arguments = jnp.float32(rng.normal(size=image_shape)), jnp.float32(rng.normal(size=kernel_shape))
    f = convolve(layout, len(image_shape), options)
    gradient = jax.grad(jax.jit(lambda *arguments: jnp.sin(f(*arguments)).sum()), (0, 1))
    check(f, arguments)
    check(gradient, arguments)
    if name not in ("as it should be", "groups of the batch"):
        assert len(layouts(gradient, *arguments)) > 1


def check(f, arguments):
    fast = channels_last(f)
    for found, expected in zip(*(jax.tree.leaves(quick.jit(g)(*arguments)) for g in (fast, f)), strict=True):
        # Sums of up to a few hundred products in another order.
        np.testing.assert_allclose(found, expected, atol=1e-5 * float(jnp.abs(expected).max()))
    last = arguments[0].ndim - 1
    spatial = tuple(range(1, last))
    assert layouts(fast, *arguments) == {((0, last, *spatial), (last, last - 1, *range(last - 1)), (0, last, *spatial))}


def layouts(f, *arguments):
    """How the convolutions of a program, and of the calls in it, are laid out."""
    found, jaxprs = set(), [jax.make_jaxpr(f)(*arguments).jaxpr]
    while jaxprs:
        for eqn in jaxprs.pop().eqns:
            if eqn.primitive.name == "conv_general_dilated":
                found.add(tuple(eqn.params["dimension_numbers"]))
            jaxprs += [getattr(inner, "jaxpr", inner) for inner in eqn.params.values() if hasattr(inner, "eqns")]
    return found


def test_sums_of_halves_stay_single():
    images, kernel = jnp.full((1, 8, 3, 3), 1.01, jnp.bfloat16), jnp.full((8, 8, 3, 3), 1.01, jnp.bfloat16)

    def f(images, kernel):
        return jax.lax.conv_general_dilated(images, kernel, (1, 1), "VALID", preferred_element_type=jnp.float32)

    found = channels_last(f)(images, kernel)
    assert found.dtype == jnp.float32
    np.testing.assert_allclose(found, 72 * float(images[0, 0, 0, 0]) ** 2, rtol=1e-5)


def test_an_output_sharding_that_was_asked_for_stays():
    mesh = jax.make_mesh((2,), ("batch",), axis_types=(jax.sharding.AxisType.Explicit,))
    wanted = jax.NamedSharding(mesh, jax.P("batch"))
    with jax.set_mesh(mesh):
        images = jax.device_put(jnp.ones((2, 3, 5, 5)), wanted)
        f = convolve(("NCHW", "OIHW", "NCHW"), 4, {"out_sharding": wanted})
        found = channels_last(f)(images, jnp.ones((4, 3, 2, 2)))
    assert found.sharding.spec[0] == "batch"
    np.testing.assert_array_equal(found, np.full((2, 4, 4, 4), 12))
