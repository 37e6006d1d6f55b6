"""Networks with layers made worthless."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxviz.metrics import cascade, permuted, randomized, redrawn
from tests import networks

KEY = jax.random.key(0)
# A layer in the middle of each kind of model, and the leaf that it holds.
GROUPS = {"plain": "blocks", "linen": "middle", "nnx": "middle", "equinox": "blocks/0"}


def leaves(f):
    found = jax.tree_util.tree_flatten_with_path(f)[0]
    return {jax.tree_util.keystr(path, simple=True, separator="/"): leaf for path, leaf in found}


def differing(f, g):
    before, after = leaves(f), leaves(g)
    assert before.keys() == after.keys()
    arrays = [name for name, leaf in before.items() if isinstance(leaf, jax.Array)]
    return [name for name in arrays if not np.array_equal(before[name], after[name])]


@pytest.mark.parametrize("family", GROUPS)
def test_the_group_alone_changes_and_keeps_its_entries(family):
    f = networks.FAMILIES[family]()
    changed = randomized(f, GROUPS[family], key=KEY)
    names = differing(f, changed)
    assert len(names) == 1
    assert f"/{GROUPS[family]}/" in f"/{names[0]}/"
    before, after = (np.asarray(leaves(g)[names[0]]) for g in (f, changed))
    assert before.shape == after.shape
    np.testing.assert_array_equal(np.sort(before, axis=None), np.sort(after, axis=None))
    assert (before != after).mean() > 0.9


def test_a_kernel_is_redrawn_as_before_training_and_a_vector_shuffled():
    kernel, scale = jnp.full((5, 5, 40, 64), -3.0), jnp.arange(1.0, 9.0)
    drawn = redrawn(KEY, kernel)
    assert drawn.shape == kernel.shape
    # Of 64000 draws: four standard errors.
    np.testing.assert_allclose(drawn.mean(), 0, atol=8e-4)
    np.testing.assert_allclose(drawn.var(), 2 / 1000, rtol=0.025)
    np.testing.assert_array_equal(jnp.sort(redrawn(KEY, scale)), scale)
    assert (redrawn(KEY, scale) != scale).any()


def test_a_cascade_goes_on_from_where_it_was():
    f = networks.FAMILIES["plain"]()
    first, second, third = cascade(f, ["dense", ("blocks",), "first"], key=KEY)
    assert [differing(f, g) for g in (first, second)] == [["0/0/dense"], ["0/0/blocks", "0/0/dense"]]
    assert differing(first, second) == ["0/0/blocks"]
    assert differing(second, third) == ["0/0/first"]


def test_a_randomized_network_runs_in_the_program_of_the_first():
    f, traced = networks.FAMILIES["plain"](), []

    @jax.jit
    def logits(f, x):
        traced.append(1)
        return f(x)

    outputs = [logits(g, networks.images()) for g in (f, randomized(f, "blocks", key=KEY))]
    assert len(traced) == 1
    assert not np.allclose(*outputs)


def test_the_draw_can_be_the_users():
    f = networks.FAMILIES["plain"]()
    changed = randomized(f, "dense", key=KEY, draw=lambda key, leaf: jnp.full_like(leaf, 7))
    assert (leaves(changed)["0/0/dense"] == 7).all()


def test_permuted_moves_entries_over_all_axes():
    leaf = jnp.arange(24).reshape(2, 3, 4)
    found = np.asarray(permuted(KEY, leaf))
    assert sorted(found.ravel()) == list(range(24))
    assert {tuple(sorted(row)) for row in found.reshape(2, 12)} != {tuple(range(12)), tuple(range(12, 24))}


def test_an_unknown_group_is_refused():
    with pytest.raises(ValueError, match=r"^`groups` must be parts .*blocks, dense, first.* got 'blok'\. Did you mean"):
        randomized(networks.FAMILIES["plain"](), ("dense", "blok"), key=KEY)
    with pytest.raises(TypeError, match=r"^`f` must be a callable pytree"):
        randomized(lambda x: x, "dense", key=KEY)
