import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.optimize
import scipy.stats
from jax.ad_checkpoint import checkpoint_name

import jaxviz as jv
from jaxviz.attribution._tcav import _share, _welch
from tests import networks

KEY = jax.random.key(3)
PLANTED = np.array([[1.0, 0.5, 0, 0, 0, 0], [0, 0, 1.0, 0.3, 0, 0], [0, 0, 0, 0.2, 0.7, 1.0]], np.float32)
HEAD = np.array([2.0, 0, 0, 1.0, 0, -1.5], np.float32)
# Each place holds few of the concepts, as parts of things do.
HELD = np.random.default_rng(0).gamma(0.3, 2.0, (6, 5, 4, 3)).astype(np.float32)
IMAGES = jnp.asarray(HELD @ PLANTED)


def identity(images):
    return checkpoint_name(images, "maps").mean((1, 2)) @ HEAD[:, None]


def test_planted_concepts_are_recovered():
    found = jv.attribution.concepts(identity, IMAGES, "maps", key=KEY, num_concepts=3, num_steps=1000)
    assert float(found.error) < 0.01
    np.testing.assert_allclose(np.linalg.norm(found.directions, axis=1), 1, rtol=1e-5)
    cosines = np.asarray(found.directions) @ (PLANTED / np.linalg.norm(PLANTED, axis=1)[:, None]).T
    assert sorted(cosines.argmax(1)) == [0, 1, 2]
    assert cosines.max(1).min() > 0.995
    assert np.all(np.diff(np.asarray(found.maps).sum((0, 1, 2))) <= 0)


def test_maps_are_the_best_weights_of_their_directions():
    found = jv.attribution.concepts(identity, IMAGES, "maps", key=KEY, num_concepts=2, num_steps=2000)
    rows, directions = np.asarray(IMAGES, float).reshape(-1, 6), np.asarray(found.directions, float)
    left = sum(scipy.optimize.nnls(directions.T, row)[1] ** 2 for row in rows)
    np.testing.assert_allclose(found.error, np.sqrt(left / (rows**2).sum()), rtol=1e-3)
    again = np.asarray(found.maps, float).reshape(-1, 2) @ directions
    np.testing.assert_allclose(found.error, np.linalg.norm(rows - again) / np.linalg.norm(rows), rtol=1e-4)


def test_importance_of_a_linear_head_is_the_share_of_its_variance():
    found = jv.attribution.concept_importance(
        identity, IMAGES, 0, "maps", jnp.asarray(PLANTED), key=KEY, num_designs=4000, num_steps=2000
    )
    # Of each image: a factor in [0, 1] times what the concept adds to the output.
    terms = HELD.mean((1, 2)) * (PLANTED @ HEAD)
    np.testing.assert_allclose(found, terms**2 / (terms**2).sum(1, keepdims=True), atol=0.04)


def test_what_acts_together_counts_for_each():
    def product(images):
        maps = checkpoint_name(images, "maps").mean((1, 2))
        return (maps[:, :1] * maps[:, 1:2]) @ jnp.ones((1, 1))

    found = jv.attribution.concept_importance(
        product, jnp.ones((1, 2, 2, 2)), 0, "maps", jnp.eye(2), key=KEY, num_designs=6000
    )
    # Of u v with both uniform: var = 7/144, and E[v^2] var(u) = 1/36 is what is left when v is known.
    np.testing.assert_allclose(found, [[4 / 7, 4 / 7]], atol=0.03)


def test_batches_of_any_size_give_the_same():
    f = networks.FAMILIES["plain"]()
    options = {"key": KEY, "num_designs": 3, "num_steps": 20}
    one, five = (
        jv.attribution.concept_importance(f, networks.images(2), 1, "last", jnp.eye(4), batch_size=size, **options)
        for size in (2, 10)
    )
    assert one.shape == (2, 4)
    np.testing.assert_allclose(one, five, rtol=1e-3, atol=1e-4)


def test_a_planted_concept_decides_and_one_against_it_never():
    images = jax.random.uniform(jax.random.key(0), (12, 3, 3, 6))
    shown = images.at[..., 3].add(4.0)
    for sign, score in ((1, 1.0), (-1, 0.0)):
        found = jv.attribution.tcav(lambda x, sign=sign: sign * identity(x), images, 0, "maps", shown, images, key=KEY)
        assert found.score == score
        assert found.scores.tolist() == [score] * 20
        assert found.p_value < 0.05
        assert 0 < found.random_scores.mean() < 1


def test_the_classifier_is_a_ridge_regression():
    random = np.random.default_rng(1)
    concept, rest = random.normal(1, 1, (5, 7)), random.normal(0, 1, (9, 7))
    slopes = random.normal(size=(200, 7))
    rows, labels = np.concatenate([concept, rest]), np.repeat([1.0, -1.0], [5, 9])
    weights = np.repeat([0.5 / 5, 0.5 / 9], [5, 9])
    centered = rows - weights @ rows
    moment = (centered * weights[:, None]).T @ centered
    penalty = 0.1 * np.trace(moment) / len(rows)
    normal = np.linalg.solve(moment + penalty * np.eye(7), (centered * weights[:, None]).T @ labels)
    found = _share(*(jnp.asarray(array, jnp.float32) for array in (slopes, concept, rest, 0.1)))
    np.testing.assert_allclose(found, (slopes @ normal > 0).mean(), atol=1e-6)
    slopes[3, 2] = np.nan
    assert np.isnan(_share(*(jnp.asarray(array, jnp.float32) for array in (slopes, concept, rest, 0.1))))


def test_the_test_is_that_of_scipy():
    first, second = np.array([0.9, 1.0, 0.8, 0.95]), np.array([0.5, 0.7, 0.1, 0.4])
    expected = scipy.stats.ttest_ind(first, second, equal_var=False).pvalue
    np.testing.assert_allclose(_welch(first, second), expected, rtol=1e-4)
    assert _welch(np.ones(3), np.ones(4)) == 1
    assert _welch(np.ones(3), np.zeros(4)) == 0


def test_the_test_is_about_that_of_permutations():
    random = np.random.default_rng(0)
    first, second = random.normal(0.62, 0.15, 20), random.normal(0.5, 0.2, 20)

    def difference(x, y, axis):
        return x.mean(axis) - y.mean(axis)

    drawn = scipy.stats.permutation_test((first, second), difference, vectorized=True, n_resamples=9999, rng=0)
    assert 0.001 < drawn.pvalue < 0.3
    np.testing.assert_allclose(_welch(first, second), drawn.pvalue, atol=0.01)


def test_importance_is_the_same_under_jit_and_for_each_image_alone():
    def method(images):
        return jv.attribution.concept_importance(
            identity, images, 0, "maps", PLANTED, key=KEY, num_designs=5, num_steps=50
        )

    expected = method(IMAGES)
    np.testing.assert_allclose(jax.jit(method)(IMAGES), expected, rtol=1e-3, atol=1e-5)
    alone = jax.vmap(lambda image: method(image[None])[0])(IMAGES)
    # The start of the maps is a mean over the images, so that a few steps differ a little.
    np.testing.assert_allclose(alone, expected, atol=0.02)


def test_what_has_no_answer_is_nan():
    found = jv.attribution.concept_importance(
        lambda x: 0 * identity(x) + 3.3, IMAGES, 0, "maps", PLANTED, key=KEY, num_designs=4
    )
    assert np.isnan(found).all()
    # Traced activations cannot be refused.
    some = IMAGES.at[1, 0, 0, 0].set(-1.0)
    how = {"key": KEY, "num_designs": 4, "num_steps": 10}
    found = jax.jit(lambda x: jv.attribution.concept_importance(identity, x, 0, "maps", PLANTED, **how))(some)
    assert np.isnan(found).all(1).tolist() == [False, True, False, False, False, False]
    factors = jax.jit(lambda x: jv.attribution.concepts(identity, x, "maps", key=KEY, num_concepts=2))(some)
    assert np.isnan(factors.directions).all()
    assert np.isnan(factors.error)


def test_traced_images_of_a_test_are_refused():
    with pytest.raises(TypeError, match="must be concrete, got a traced array"):
        jax.jit(lambda x: jv.attribution.tcav(identity, x, 0, "maps", x, x, key=KEY).score)(IMAGES)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (
            lambda: jv.attribution.concepts(identity, -IMAGES, "maps", key=KEY, num_concepts=2),
            "`layer` must have activ",
        ),
        (
            lambda: jv.attribution.concepts(identity, IMAGES, "maps", key=KEY, num_concepts=7),
            "`num_concepts` must be at most 6, the channels or places of 'maps', got 7.",
        ),
        (
            lambda: jv.attribution.concept_importance(identity, IMAGES, 0, "maps", jnp.ones((2, 5)), key=KEY),
            "`directions` must have shape (r, 6)",
        ),
        (
            lambda: jv.attribution.concept_importance(identity, IMAGES, 0, "maps", -jnp.ones((2, 6)), key=KEY),
            "`directions` must not be negative, got -1.",
        ),
        (
            lambda: jv.attribution.concept_importance(identity, -IMAGES, 0, "maps", jnp.ones((2, 6)), key=KEY),
            "`layer` must have activations that are not negative and not all zero, got 'maps' from -",
        ),
        (
            lambda: jv.attribution.tcav(identity, IMAGES, 0, "maps", IMAGES[:, 1:], IMAGES, key=KEY),
            "`examples` must be of the shape (5, 4, 6) of the images, got (4, 4, 6).",
        ),
        (
            lambda: jv.attribution.tcav(identity, IMAGES, 0, "maps", IMAGES, IMAGES, key=KEY, ridge=0.0),
            "`ridge` must be above 0, got 0.0.",
        ),
        (
            lambda: jv.attribution.tcav(identity, IMAGES, 0, "maps", IMAGES[:1], IMAGES, key=KEY),
            "`examples` must be two or more and `others` four or more, got 1 and 6.",
        ),
        (
            lambda: jv.attribution.tcav(identity, IMAGES, 0, "maps", IMAGES, IMAGES, key=KEY, num_draws=1),
            "`num_draws` must be at least 2, got 1.",
        ),
    ],
)
def test_bad_input_is_refused(call, text):
    with pytest.raises(ValueError, match="^" + re.escape(text)):
        call()
