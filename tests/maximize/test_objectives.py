"""Objectives against NumPy, and their algebra."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxviz import maximize
from jaxviz.maximize._objective import OUTPUT

RNG = np.random.default_rng(0)
OUTPUTS = RNG.normal(size=(3, 7)).astype(np.float32)
MAPS = RNG.normal(size=(3, 4, 5, 6)).astype(np.float32)
DENSE = RNG.normal(size=(3, 6)).astype(np.float32)
VECTOR = RNG.normal(size=6).astype(np.float32)
FOUND = {OUTPUT: jnp.asarray(OUTPUTS), "maps": jnp.asarray(MAPS), "dense": jnp.asarray(DENSE)}


def naive_direction(act, vector, power):
    total, count = 0.0, 0
    for place in act.reshape(-1, act.shape[-1]).astype(np.float64):
        dot = float(place @ vector)
        cosine = dot / np.sqrt((place @ place) * (vector.astype(np.float64) @ vector))
        total, count = total + dot * max(cosine, 0.1) ** power, count + 1
    return total / count


def naive_diversity(act):
    grams = [np.einsum("pc,pd->cd", image.reshape(-1, 6), image.reshape(-1, 6)) for image in act]
    total = 0.0
    for i in range(len(grams)):
        for j in range(len(grams)):
            if i != j:
                total -= (grams[i] * grams[j]).sum() / np.linalg.norm(grams[i]) / np.linalg.norm(grams[j])
    return total / len(grams)


TABLE = [
    (maximize.logit(4), OUTPUTS[:, 4].mean()),
    (maximize.log_probability(4), np.log(np.exp(OUTPUTS[:, 4]) / np.exp(OUTPUTS).sum(1)).mean()),
    (maximize.channel("maps", 2), MAPS[..., 2].mean()),
    (maximize.channel("dense", 2), DENSE[:, 2].mean()),
    (maximize.unit("maps", 1, 4, 2), MAPS[:, 1, 4, 2].mean()),
    (maximize.direction("maps", VECTOR), (MAPS @ VECTOR).mean()),
    (maximize.direction("maps", VECTOR, cossim_pow=2), naive_direction(MAPS, VECTOR, 2)),
    (maximize.direction("dense", VECTOR, cossim_pow=1), naive_direction(DENSE, VECTOR, 1)),
    (maximize.deepdream("maps"), (MAPS**2).mean()),
    (maximize.diversity("maps"), naive_diversity(MAPS)),
    (maximize.activation_match("maps", MAPS[0]), -((MAPS - MAPS[0]) ** 2).mean() / (MAPS[0] ** 2).mean()),
    (maximize.activation_match("dense", DENSE[1]), -((DENSE - DENSE[1]) ** 2).mean() / (DENSE[1] ** 2).mean()),
    (maximize.custom(jnp.max), OUTPUTS.max()),
    (maximize.custom(jnp.max, "maps"), MAPS.max()),
    (maximize.logit(4) + maximize.logit(5), (OUTPUTS[:, 4] + OUTPUTS[:, 5]).mean()),
    (maximize.logit(4) - maximize.channel("maps", 2) / 4, OUTPUTS[:, 4].mean() - MAPS[..., 2].mean() / 4),
    (-(np.float32(2) * maximize.logit(4) * 3), -6 * OUTPUTS[:, 4].mean()),
    (sum([maximize.logit(k) for k in (1, 2, 3)]), OUTPUTS[:, 1:4].sum(1).mean()),
]


@pytest.mark.parametrize(("objective", "expected"), TABLE, ids=[str(objective) for objective, _ in TABLE])
def test_value_is_that_of_numpy(objective, expected):
    np.testing.assert_allclose(objective(FOUND), expected, rtol=2e-5)


def test_likeness_is_counted_between_all_others():
    same = np.repeat(MAPS[:1], 3, 0)
    np.testing.assert_allclose(maximize.diversity("maps")({"maps": same}), -2.0, rtol=1e-5)


@pytest.mark.slow
def test_a_silent_layer_has_a_gradient_that_is_a_number():
    zeros = jnp.zeros((2, 4, 5, 6))
    for objective in (maximize.direction("maps", VECTOR, 2), maximize.diversity("maps")):
        assert jnp.isfinite(jax.grad(lambda act, objective=objective: objective({"maps": act}))(zeros)).all()


def test_a_batch_of_objectives_is_what_vmap_makes_of_it():
    batched = maximize.logit(np.arange(7)) + np.linspace(0, 1, 7) * maximize.channel("maps", 3)
    assert batched.size == 7
    values = jax.vmap(lambda one: one(FOUND), in_axes=(batched.axes(),))(batched)
    expected = [maximize.logit(k)(FOUND) + k / 6 * maximize.channel("maps", 3)(FOUND) for k in range(7)]
    np.testing.assert_allclose(values, expected, rtol=1e-5)
    np.testing.assert_allclose(batched.at(2)(FOUND), expected[2], rtol=1e-5)


def test_objectives_of_one_structure_make_a_batch():
    pairs = [maximize.logit(1) + maximize.logit(6), maximize.logit(4) + 2 * maximize.logit(2)]
    batched = maximize.batch(pairs)
    assert batched.size == 2
    values = jax.vmap(lambda one: one(FOUND))(batched)
    np.testing.assert_allclose(values, [pair(FOUND) for pair in pairs], rtol=1e-5)


def test_leaves_are_the_numbers_and_layers_are_structure():
    one, other = maximize.unit("maps", 1, 2, 3), 2 * maximize.unit("maps", 3, 2, 1)
    assert jax.tree.leaves(other) == [2.0, 3, 2, 1]
    assert jax.tree.structure(one) == jax.tree.structure(other)
    assert jax.tree.structure(one) != jax.tree.structure(maximize.unit("dense", 1, 2, 3))


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: maximize.logit(1.5), TypeError, "`k` must be integers, got float64. Use an index"),
        (lambda: maximize.direction("maps", [1.0, np.nan]), ValueError, "`vector` must be finite, got nan."),
        (lambda: maximize.batch([]), ValueError, "`objectives` must be one or more of the same structure, got []."),
        (
            lambda: maximize.batch([maximize.logit(1), maximize.channel("maps", 1)]),
            ValueError,
            "`objectives` must be one or more of the same structure, got [Objective(logit(1)), Objective(channel('m",
        ),
        (
            lambda: maximize.batch([maximize.logit(np.arange(2))]),
            ValueError,
            "`objectives` must be single ones, got a batch among them.",
        ),
        (
            lambda: (maximize.logit(np.arange(2)) + maximize.logit(np.arange(3))).size,
            ValueError,
            "`objective` must hold arrays of one length for a batch, got [2, 3]",
        ),
        (
            lambda: maximize.logit(np.zeros((2, 2), int)).size,
            ValueError,
            "`objective` must hold arrays of 0 axes, or of 1 for a batch, got one of (2, 2)",
        ),
        (lambda: maximize.logit(1) + 1, TypeError, "unsupported operand"),
        (lambda: maximize.logit(1) * maximize.logit(2), TypeError, "unsupported operand"),
        (lambda: maximize.logit(1) / maximize.logit(2), TypeError, "unsupported operand"),
    ],
)
@pytest.mark.usefixtures("unchecked_shapes")
def test_what_is_no_objective_is_refused(call, error, text):
    with pytest.raises(error, match=re.escape(text)):
        call()
