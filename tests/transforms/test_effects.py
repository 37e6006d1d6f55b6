"""Equations that do more than give values: references, prints, calls to the host."""

import functools
import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.ad_checkpoint import checkpoint_name
from jax.experimental import io_callback

import jaxviz as jv
from jaxviz._core.jaxpr.primitives import opaque_bodies
from jaxviz.dataset._suffix import suffix

ONES = jnp.ones((1, 2, 2, 1))


def held(x):
    """A value that passes through a reference between two layers."""
    ref = jax.new_ref(jnp.zeros_like(x))
    ref[...] = checkpoint_name(2 * x, "a") + 1
    ref[0, 0] += 10
    return checkpoint_name(ref[...] * 3, "b").sum((1, 2, 3))


def looped(x):
    """References written inside a loop, and in a branch."""
    x = checkpoint_name(x, "a")
    total = jax.new_ref(jnp.zeros_like(x))

    def step(carry, w):
        total[...] += w * x
        return carry, total[...]

    _, sums = jax.lax.scan(step, None, jnp.arange(1.0, 4.0))
    jax.lax.cond(x.sum() > 0, lambda: total.__setitem__((0, 0), jnp.full((2, 1), 100.0)), lambda: None)
    return checkpoint_name(total[...] + sums[0], "b").sum((1, 2, 3))


@pytest.mark.slow
def test_what_a_reference_holds_is_kept_on_both_sides_of_a_cut():
    # By hand: a = 2, then 3 everywhere and 13 in the first row, times 3.
    assert jv.after(held, "a")(2 * ONES, ONES).item() == 3 * (13 + 13 + 3 + 3)
    assert jv.upto(held, "b")(ONES).ravel().tolist() == [39, 39, 9, 9]
    assert jv.upto(held, "a")(ONES).ravel().tolist() == [2] * 4
    gradient = jax.grad(lambda a: jv.after(held, "a")(a, ONES).sum())(2 * ONES)
    assert gradient.ravel().tolist() == [3] * 4
    # 6 x after the loop, the first row then 100, and 1 x from its first step.
    assert jv.upto(looped, "b")(ONES).ravel().tolist() == [101, 101, 7, 7]
    assert jv.after(looped, "a")(2 * ONES, ONES).item() == 102 + 102 + 14 + 14


def test_a_reference_below_a_layer_is_not_made_above_it():
    f = lambda x: checkpoint_name(held(x), "c") * 2  # noqa: E731
    assert "new_ref" not in str(jax.make_jaxpr(jv.after(f, "c"))(jnp.ones(1), ONES))
    assert "new_ref" not in str(jax.make_jaxpr(jv.upto(held, "a"))(ONES))


def test_a_write_to_a_reference_from_outside_is_kept():
    ref = jax.new_ref(jnp.zeros(()))

    def f(x):
        ref[...] += 1
        x = checkpoint_name(2 * x, "a")
        ref[...] += 10
        return x.sum() + ref[...]

    jv.upto(f, "a")(ONES)
    assert float(ref[...]) == 1
    # What it reads is right only with what was written below the layer.
    assert jv.after(f, "a")(ONES, ONES).item() == 4 + 12
    assert float(ref[...]) == 12


def test_taps_edits_and_rules_go_through_references():
    out, acts = jv.tap(held, "a", "b")(ONES)
    np.testing.assert_array_equal(out, held(ONES))
    assert acts["b"].ravel().tolist() == [39, 39, 9, 9]
    assert jv.edit(held, {"a": jnp.zeros_like})(ONES).item() == 3 * (11 + 11 + 1 + 1)
    f = lambda x: -jax.nn.relu(held(x))  # noqa: E731
    assert jax.grad(lambda x: jv.with_rule(f, "guided")(x).sum())(ONES).ravel().tolist() == [0] * 4


def test_a_suffix_writes_its_references_anew_on_every_call():
    rest = suffix(held, "a", ONES, ONES)
    for value in (2.0, 5.0, 2.0):
        assert rest(value * ONES).item() == 3 * (4 * (value + 1) + 20)


def test_what_is_printed_on_one_side_of_a_cut_is_printed_there(capfd):
    def f(x):
        jax.debug.print("below {}", x.sum())
        x = checkpoint_name(2 * x, "a")
        jax.debug.print("above {}", x.sum())
        return x.sum((1, 2, 3))

    def told(call, *args):
        call(*args)
        jax.effects_barrier()
        return capfd.readouterr().out.split("\n")[:-1]

    assert told(jv.upto(f, "a"), ONES) == ["below 4.0"]
    assert told(jv.after(f, "a"), ONES, ONES) == ["above 4.0"]
    assert sorted(told(jv.tap(f, "a"), ONES)) == ["above 8.0", "below 4.0"]


def counted(calls):
    """Two calls to the host, one below the layer and one above it."""

    def count(value):
        calls.append(float(value))
        return np.float32(len(calls))

    def f(x, *, above=True, ordered=False):
        call = lambda v: io_callback(count, jax.ShapeDtypeStruct((), jnp.float32), v, ordered=ordered)  # noqa: E731
        call(jnp.float32(1))
        x = checkpoint_name(2 * x, "a")
        return x.sum() + (call(jnp.float32(2)) if above else 0)

    return f


@pytest.mark.parametrize("ordered", [False, True])
def test_what_acts_on_the_outside_is_kept_below_a_cut_and_refused_across_it(ordered):
    calls = []
    f = counted(calls)
    jv.upto(lambda x: f(x, ordered=ordered), "a")(ONES).block_until_ready()
    jax.effects_barrier()
    assert calls == [1]
    with pytest.raises(NotImplementedError, match=r"^`layer` must not stand between.*`io_callback` below it and"):
        jv.after(lambda x: f(x, ordered=ordered), "a")(ONES, ONES)
    # What acts below the layer alone belongs to what the activation stands for.
    assert jv.after(lambda x: f(x, above=False, ordered=ordered), "a")(ONES, ONES).item() == 4
    assert calls == [1]


@pytest.mark.parametrize("f", [held, looped])
@pytest.mark.slow
def test_a_patch_is_followed_through_references(f):
    image = jnp.arange(1.0, 5.0).reshape(1, 2, 2, 1)
    patched = jv.incremental(f, image[0])
    corners = jnp.array([[0, 0], [1, 1]])
    outs = jax.vmap(lambda corner: patched(jnp.full((1, 1, 1), 9.0), corner))(corners)
    expected = [f(image.at[0, row, col].set(9.0))[0] for row, col in corners]
    np.testing.assert_allclose(outs, jnp.stack(expected))


def test_a_receptive_field_goes_through_references():
    assert jv.receptive_field(held, ONES, "a")[1, 0, 0].tolist() == [1, 0, 2, 1]

    def whole(x):
        ref = jax.new_ref(jnp.zeros_like(x))
        ref[...] = x + 1
        return checkpoint_name(ref[...], "b")

    assert jv.receptive_field(whole, ONES, "b")[1, 0, 0].tolist() == [1, 0, 2, 1]
    # Through a part of a reference, or a branch that writes one: all that was ever written is taken to be needed.
    assert jv.receptive_field(held, ONES, "b")[1, 0, 0].tolist() == [0, 0, 2, 2]
    assert jv.receptive_field(looped, ONES, "b")[1, 0, 0].tolist() == [0, 0, 2, 2]


def test_what_acts_on_the_outside_is_refused_where_it_would_run_another_number_of_times():
    f = lambda x: counted([])(x)[None, None]  # noqa: E731
    with pytest.raises(NotImplementedError, match=r"^`f` must not act on anything outside.*got `io_callback` with"):
        jv.incremental(f, ONES[0])

    def asks(x):
        y = io_callback(lambda x: np.asarray(x), jax.ShapeDtypeStruct(x.shape, x.dtype), x)
        return checkpoint_name(y, "asked")

    with pytest.raises(NotImplementedError, match=r"^`layer` must not depend on what is outside.*`io_callback` with"):
        jv.receptive_field(asks, ONES, "asked")


def test_a_print_is_no_part_of_what_a_patch_changes():
    def f(x):
        jax.debug.print("{}", x.sum())
        return x.sum((1, 2))

    assert jv.incremental(f, ONES[0])(jnp.full((1, 1, 1), 5.0), (0, 1)).tolist() == [8]


def test_a_program_is_found_wherever_an_equation_holds_it():
    program = jax.make_jaxpr(lambda x: checkpoint_name(jnp.maximum(x, 0), "hidden"))(ONES)
    for parameter in (
        program,
        [(program,)],
        {"a": {"b": program}},
        functools.partial(jnp.add, program),
        lambda: program,
        types.SimpleNamespace(jaxpr=program),
        jax.tree_util.Partial(jnp.add, [program]),
    ):
        (eqn,) = jax.make_jaxpr(jnp.sin)(ONES).jaxpr.eqns
        found = opaque_bodies(eqn.replace(params={**eqn.params, "extra": parameter}))
        assert found == (program,), parameter


def test_a_rule_passes_over_a_print():
    def f(x):
        jax.debug.print("{}", x.sum())
        return -jax.nn.relu(x)

    assert jax.grad(lambda x: jv.with_rule(f, "guided")(x).sum())(ONES).ravel().tolist() == [0] * 4
