"""The forms that JAX is moving its higher-order primitives to, each switched on alone."""

import contextlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.ad_checkpoint import checkpoint_name

import jaxviz as jv

NEW = hasattr(jax.config, "jax_custom_jvp3")
WRONG = "https://github.com/jax-ml/jax/issues/34161"
SWITCHES = ["jax_custom_jvp3", "jax_custom_vjp3", "jax_remat3", "jax_scan3"]
ONES = jnp.ones((1, 2, 2, 1))


@contextlib.contextmanager
def switched_on(name):
    before = getattr(jax.config, name)
    jax.config.update(name, True)
    try:
        yield
    finally:
        jax.config.update(name, before)


@pytest.fixture(params=SWITCHES)
def switch(request):
    if not NEW:
        pytest.skip(f"jax {jax.__version__} lacks the switches of 0.12")
    with switched_on(request.param):
        yield request.param


def doubled(generic_batching):
    @jax.custom_vjp
    def own(x):
        return 2 * jax.nn.relu(x)

    options = {"generic_batching": True} if generic_batching else {}
    own.defvjp(lambda x: (own(x), None), lambda _, g: (100 * g,), **options)
    return own


def stacked(x):
    """A function of each kind around the next: a layer and a ReLU in a checkpoint, then a rule, then a loop."""
    inner = jax.checkpoint(lambda x: checkpoint_name(jax.nn.relu(x), "inside") + 1)
    x = doubled(False)(inner(checkpoint_name(x, "a")))
    x, steps = jax.lax.scan(lambda c, w: (checkpoint_name(c * w, "step"), c), x, jnp.arange(1.0, 4.0))
    return checkpoint_name(x + steps[1], "b").sum((1, 2, 3))


def test_layers_and_cuts_are_the_same_under_a_switch(switch):
    del switch
    shapes = {name: shape.shape for name, shape in jv.layers(stacked, ONES).items()}
    maps = (1, 2, 2, 1)
    assert shapes == {"a": maps, "a/relu": maps, "inside": maps, "step": (3, *maps), "b": maps}
    # By hand: (x + 1) * 2, times 1, 2 and 3, and what the second step began with.
    assert jv.upto(stacked, "b")(ONES).ravel().tolist() == [4 * 6 + 4] * 4
    assert jv.after(stacked, "a")(2 * ONES, ONES).item() == 4 * (6 * 6 + 6)
    assert jv.after(stacked, "inside")(5 * ONES, ONES).item() == 4 * (12 * 6 + 12)
    out, acts = jv.tap(stacked, "step", "inside")(ONES)
    assert out.item() == 4 * 28
    assert acts["step"][:, 0, 0, 0, 0].tolist() == [4, 8, 24]
    # An edit of each step: ((4 + 1) * 2 + 1) * 3 + 1, and the 5 of the first.
    assert jv.edit(stacked, {"step": lambda step: step + 1})(ONES).item() == 4 * (34 + 5)


@pytest.mark.parametrize("generic_batching", [False, True])
def test_relus_are_found_and_rules_of_ones_own_asked_about_under_a_switch(switch, generic_batching):
    del switch
    own = doubled(generic_batching)
    f = lambda x: -jax.checkpoint(lambda x: jax.nn.relu(own(x)))(x)  # noqa: E731
    x = jnp.array([1.0, -1.0])
    for decision, count, guided in (("enter", 2, [0, 0]), ("keep", 1, [0, 0])):
        assert [m.op for m in jv.matches(f, x, "guided", custom_vjp=decision)] == ["relu"] * count
        rule = jv.with_rule(f, "guided", custom_vjp=decision)
        np.testing.assert_array_equal(rule(x), f(x))
        assert jax.grad(lambda x, rule=rule: rule(x).sum())(x).tolist() == guided
    with pytest.raises(ValueError, match="`custom_vjp` must say what to do with 'own'"):
        jv.matches(f, x, "guided")
    kept = jv.with_rule(lambda x: jax.nn.relu(own(x)), "deconvnet", custom_vjp="keep")
    assert jax.grad(lambda x: kept(x).sum())(x).tolist() == [100, 100]
    entered = jv.with_rule(lambda x: jax.nn.relu(own(x)), "deconvnet", custom_vjp="enter")
    assert jax.grad(lambda x: entered(x).sum())(x).tolist() == [2, 2]


@pytest.mark.skipif(not NEW, reason="custom_vjp(generic_batching=) is new in jax 0.12")
def test_a_rule_that_maps_over_any_batch_is_seen_without_a_switch():
    f = lambda x: jax.nn.relu(doubled(True)(x))  # noqa: E731
    with pytest.raises(ValueError, match="`custom_vjp` must say what to do with 'own'"):
        jv.matches(f, jnp.ones(2), "guided")
    assert len(jv.matches(jax.vmap(f), jnp.ones((3, 2)), "guided", custom_vjp="enter")) == 2


def test_patches_and_receptive_fields_go_through_what_a_switch_makes(switch):
    del switch
    assert jv.receptive_field(stacked, ONES, "b")[1, 0, 0].tolist() == [1, 0, 2, 1]
    image = jnp.arange(1.0, 5.0).reshape(1, 2, 2, 1)
    f = lambda x: stacked(x)[:, None]  # noqa: E731
    patched, corners = jv.incremental(f, image[0]), jnp.array([[0, 0], [1, 1]])
    outs = jax.vmap(lambda corner: patched(jnp.full((1, 1, 1), 9.0), corner))(corners)
    expected = [f(image.at[0, row, col].set(9.0))[0] for row, col in corners]
    np.testing.assert_allclose(outs, jnp.stack(expected))


@pytest.mark.skipif(not NEW, reason="jax.experimental.hijax.HiPrim is new in jax 0.12")
def test_an_unknown_primitive_that_hides_a_relu_or_a_layer_is_named():
    from jax.experimental import hijax

    class Gate(hijax.HiPrim):
        def __init__(self, aval):
            self.in_avals, self.out_aval, self.params = (aval,), aval, {}
            super().__init__()

        def expand(self, x):
            return checkpoint_name(jnp.maximum(x, 0), "hidden")

    def f(x):
        return Gate(jax.typeof(x))(jax.nn.relu(x)).sum((1, 2))

    with pytest.raises(NotImplementedError, match="got one inside `Gate`, which cannot be entered"):
        jv.with_rule(f, "guided")(ONES)
    with pytest.raises(NotImplementedError, match="must not lie inside `Gate`, got 'hidden'"):
        jv.tap(f, "hidden")(ONES)
    patch = jnp.full((1, 1, 1), 5.0)
    assert jv.incremental(f, ONES[0])(patch, (0, 1)).tolist() == [8]


@pytest.mark.skipif(not NEW, reason="jax_scan3 is made for jax 0.12")
@pytest.mark.xfail(reason=f"{WRONG}: jit drops what the loop writes", strict=True)
def test_jax_keeps_the_carry_of_a_scan_under_jit():
    with switched_on("jax_scan3"):
        assert float(jax.jit(lambda x: jax.lax.scan(lambda c, _: (2 * c, None), x, None, length=3)[0])(1.0)) == 8


@pytest.mark.skipif(not NEW, reason="jax_scan3 is made for jax 0.12")
@pytest.mark.xfail(reason=f"{WRONG}: no gradient", strict=True)
def test_jax_differentiates_a_scan():
    with switched_on("jax_scan3"):
        assert float(jax.grad(lambda x: jax.lax.scan(lambda c, _: (2 * c, None), x, None, length=3)[0])(1.0)) == 8
