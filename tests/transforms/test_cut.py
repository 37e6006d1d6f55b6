import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.ad_checkpoint import checkpoint_name

import jaxviz as jv
from tests import networks


def convolutions(f, *args):
    """How many convolutions are in the traced program, and in what JAX hands to XLA, before either removes anything."""
    traced = str(jax.make_jaxpr(lambda *args: f(*args))(*args)).count("conv_general_dilated[")
    lowered = jax.jit(lambda *args: f(*args)).lower(*args).as_text().count("stablehlo.convolution(")
    assert traced == lowered
    return traced


@pytest.mark.parametrize("family", ["plain", "checkpoint", "linen", "nnx", "equinox"])
@pytest.mark.slow
def test_a_cut_program_holds_no_more_than_its_own_part(family):
    f, x = networks.FAMILIES[family](), networks.images()
    act = jv.upto(f, "middle")(x)
    assert convolutions(f, x) == 3
    assert convolutions(jv.upto(f, "middle"), x) == 2
    assert convolutions(jv.after(f, "middle"), act, x) == 1


def test_a_side_branch_is_computed_only_where_it_is_needed():
    kernel = jnp.ones((3, 3, 3, 3))

    @jax.jit
    def f(x):
        side = networks.conv(networks.conv(x, kernel), kernel)
        main = checkpoint_name(networks.conv(x, kernel), "main")
        return main + side

    x = networks.images()
    assert convolutions(jv.upto(f, "main"), x) == 1
    assert convolutions(jv.after(f, "main"), jv.upto(f, "main")(x), x) == 2
    np.testing.assert_allclose(jv.after(f, "main")(jv.upto(f, "main")(x), x), f(x), rtol=1e-5)


def test_after_follows_the_activation_and_not_the_images():
    f = lambda x: 3 * checkpoint_name(jnp.sin(x), "sin") + x  # noqa: E731
    np.testing.assert_allclose(jv.after(f, "sin")(jnp.ones(2), jnp.full(2, 5.0)), 3 * jnp.ones(2) + 5)


def test_an_activation_of_another_shape_is_refused():
    f = lambda x: checkpoint_name(jnp.sin(x), "sin")  # noqa: E731
    with pytest.raises(ValueError, match=re.escape("`activation` must have the shape (2,) of 'sin', got (3,)")):
        jv.after(f, "sin")(jnp.ones(3), jnp.ones(2))


def test_parameters_of_a_callable_pytree_are_arguments_and_not_constants():
    """As many parameters as VGG16's first dense layer: as a constant it would be printed into the program."""
    weights = {"first": jnp.ones((3, 3, 3, 8)), "dense": jnp.ones((5000, 1000))}

    def net(weights, x):
        x = checkpoint_name(jax.nn.relu(networks.conv(x, weights["first"])), "first")
        return x.reshape(len(x), -1)[:, :5000] @ weights["dense"]

    f, x = jax.tree_util.Partial(net, weights), jnp.ones((1, 30, 30, 3))
    act = jv.upto(f, "first")(x)
    programs = [
        jax.jit(lambda f, x: jax.grad(lambda x: jv.with_rule(f, "guided")(x)[0, 0])(x)).lower(f, x),
        jax.jit(lambda f, x: f(x)).lower(jv.tap(f, "first"), x),
        jax.jit(lambda f, x: f(x)).lower(jv.with_rule(f, "deconvnet"), x),
        jax.jit(lambda f, x: f(x)).lower(jv.edit(f, {"first": jnp.zeros_like}), x),
        jax.jit(lambda f, act, x: f(act, x)).lower(jv.after(f, "first"), act, x),
    ]
    for program in programs:
        assert len(program.as_text()) < 100_000
