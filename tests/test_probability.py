"""Heads of one output and of several labels, against the softmax of two outputs [0, z], which is the sigmoid of z."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.ad_checkpoint import checkpoint_name

import jaxviz as jv
from jaxviz.robustness import Transformation

KEY = jax.random.key(0)
WEIGHTS = np.random.default_rng(0).normal(size=(5, 6, 2, 3)).astype(np.float32)
IMAGES = np.random.default_rng(1).uniform(0.1, 0.9, (7, 5, 6, 2)).astype(np.float32)
MAPS = np.random.default_rng(2).normal(size=(7, 5, 6)).astype(np.float32)
BRIGHT = {"bright": Transformation(lambda image, amount: amount * image, np.array([0.0, 0.5, 1.0]), 1.0)}


def head(*columns):
    """Some of three independent labels."""

    def f(images):
        maps = checkpoint_name(images, "maps")
        return jnp.einsum("nhwc,hwck->nk", maps, WEIGHTS[..., list(columns)])

    return f


def beside_zero(column):
    """The label as the second of two classes."""
    return lambda images: jnp.pad(head(column)(images), ((0, 0), (1, 0)))


READERS = {
    "deletion": lambda f, t, **o: jv.metrics.deletion(f, IMAGES, t, MAPS, num_steps=4, **o).values,
    "insertion": lambda f, t, **o: jv.metrics.insertion(f, IMAGES, t, MAPS, num_steps=4, **o).values,
    "invariance": lambda f, t, **o: jv.robustness.invariance(f, IMAGES, t, ["maps"], BRIGHT, **o).probabilities[
        "bright"
    ],
    "fgsm": lambda f, t, **o: jv.robustness.fgsm(f, IMAGES, t, epsilon=0.05, bounds=(0, 1), **o) - IMAGES,
    "pgd": lambda f, t, **o: (
        jv.robustness.pgd(f, IMAGES, t, key=KEY, epsilon=0.05, bounds=(0, 1), num_steps=3, **o) - IMAGES
    ),
    "adversarial_patch": lambda f, t, **o: (
        jv.robustness.adversarial_patch(
            f, IMAGES, t, key=KEY, size=2, num_steps=4, bounds=(0, 1), degrees=(0, 0), **o
        ).trace
    ),
    "log_probability": lambda f, t, **o: jax.grad(lambda x: jv.maximize.log_probability(t, **o)({"": f(x)}))(
        jnp.asarray(IMAGES)
    ),
}
readers = pytest.mark.parametrize("name", READERS)


def exactly(text):
    return f"^{re.escape(text)}(\n|$)"  # JAX adds a note of its own


@readers
@pytest.mark.slow
def test_one_output_is_a_sigmoid(name):
    found = READERS[name](head(1), 0)
    assert np.ptp(found) > 1e-4
    np.testing.assert_allclose(found, READERS[name](beside_zero(1), 1), atol=1e-5)


@readers
@pytest.mark.slow
def test_several_labels_are_a_sigmoid_each_where_it_is_said(name):
    found = READERS[name](head(0, 1, 2), 2, probability="sigmoid")
    np.testing.assert_allclose(found, READERS[name](beside_zero(2), 1), atol=1e-5)


@pytest.mark.parametrize("sign", [1, -1])
def test_an_attack_on_one_output_moves_towards_it_and_of_its_negative_away(sign):
    images = jnp.full((2, 3, 3, 1), 0.5)
    moved = jv.robustness.fgsm(lambda im: sign * (10 * im.mean((1, 2)) - 2), images, 0, epsilon=0.1, bounds=(0, 1))
    np.testing.assert_allclose(moved, images + 0.1 * sign, atol=1e-6)


LABELS = np.array([0, 1, 1, 0, 1, 0, 1])
STUDIES = {
    "confusion": lambda f, **o: jv.dataset.confusion(f, (IMAGES, LABELS), **o)[:3],
    "ablate": lambda f: jv.dataset.ablate(f, (IMAGES, LABELS), {"maps": [0]})[:6],
    "ablate_each": lambda f, **o: jv.dataset.ablate_each(f, (IMAGES, LABELS), "maps", [[0], [1]], **o)[:5],
    "class_statistics": lambda f: jv.dataset.class_statistics(f, (IMAGES, LABELS), ["maps"])["maps"][:6],
}


def shifted(f):
    """With answers of both kinds."""
    middle = np.median(np.asarray(head(1)(IMAGES)))

    def moved(images):
        outputs = f(images)
        return outputs - middle * (jnp.arange(outputs.shape[1]) == outputs.shape[1] - 1)

    return moved


@pytest.mark.parametrize("name", STUDIES)
@pytest.mark.slow
def test_a_data_set_for_one_output_has_labels_0_and_1(name):
    found, expected = STUDIES[name](shifted(head(1))), STUDIES[name](shifted(beside_zero(1)))
    for mine, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-5)
    with pytest.raises(ValueError, match="the label 2 for 2 classes"):
        jv.dataset.confusion(head(1), (IMAGES, LABELS + 1))


def test_confidence_and_loss_of_several_labels_are_those_of_each():
    labels = LABELS + 1
    logits = np.asarray(head(0, 1, 2)(IMAGES), np.float64)
    probabilities = 1 / (1 + np.exp(-logits))
    found = jv.dataset.confusion(head(0, 1, 2), (IMAGES, labels), num=7, probability="sigmoid")
    wrong = [i for i in range(7) if logits[i].argmax() != labels[i]]
    np.testing.assert_array_equal(np.sort(found.wrong[:, 2]), wrong)
    np.testing.assert_allclose(found.confidences, probabilities[found.wrong[:, 2]].max(1), rtol=1e-5)
    loss = jv.dataset.ablate_each(head(0, 1, 2), (IMAGES, labels), "maps", [[0]], probability="sigmoid").loss
    np.testing.assert_allclose(loss, -np.log(probabilities[np.arange(7), labels]).mean(), rtol=1e-5)


@pytest.mark.parametrize("logit", [-200.0, -30.0, 0.0, 30.0, 200.0])
def test_logarithms_do_not_round_to_infinity_or_to_zero(logit):
    outputs = np.array([[logit]], np.float32)
    exact = -np.logaddexp(0, -np.float64(logit))
    np.testing.assert_allclose(jv.attribution.log_probabilities(outputs), [[exact]], rtol=1e-5, atol=1e-37)
    np.testing.assert_allclose(jv.attribution.probabilities(outputs), [[np.exp(exact)]], rtol=1e-5, atol=1e-37)


@pytest.mark.usefixtures("unchecked_shapes")
@readers
def test_what_is_no_probability_is_refused(name):
    text = (
        "`probability` must be 'softmax' or 'sigmoid', got 'softplus'. Say 'sigmoid' where each output is a label of "
        "its own."
    )
    with pytest.raises(ValueError, match=exactly(text)):
        READERS[name](head(0, 1), 0, probability="softplus")


@pytest.mark.parametrize("name", [name for name in READERS if name != "log_probability"])
def test_a_softmax_of_one_output_is_refused(name):
    text = "`probability` must be 'sigmoid' for a head of one output, got 'softmax', which is always 1. Leave it out."
    with pytest.raises(ValueError, match=exactly(text)):
        READERS[name](head(1), 0, probability="softmax")


@pytest.mark.usefixtures("unchecked_shapes")
@pytest.mark.parametrize("study", [STUDIES["confusion"], STUDIES["ablate_each"]])
def test_a_study_refuses_the_same(study):
    with pytest.raises(ValueError, match=r"^`probability` must be 'sigmoid' for a head of one output, got 'softmax'"):
        study(head(1), probability="softmax")
    with pytest.raises(ValueError, match=r"^`probability` must be 'softmax' or 'sigmoid', got 1\."):
        study(head(1, 2), probability=1)


def test_a_softmax_of_one_output_is_refused_where_it_is_rendered():
    objective = jv.maximize.log_probability(0, probability="softmax")
    with pytest.raises(ValueError, match=r"^`probability` must be 'sigmoid' for a head of one output"):
        jv.maximize.render(head(1), objective, key=KEY, param=jv.maximize.param.pixels((5, 6, 2)), num_steps=1)


def test_a_score_stands_alone():
    text = "`probability` must be left out where there is a `score`, got 'sigmoid'. Drop one."
    with pytest.raises(ValueError, match=exactly(text)):
        jv.metrics.deletion(head(1), IMAGES, 0, MAPS, probability="sigmoid", score=jnp.tanh)


def test_a_softmax_is_what_is_meant_where_nothing_is_said():
    outputs = np.array([[1.0, 3.0, -2.0]], np.float32)
    expected = np.exp(outputs) / np.exp(outputs).sum()
    for probability in (None, "softmax"):
        np.testing.assert_allclose(jv.attribution.probabilities(outputs, probability), expected, rtol=1e-5)
        np.testing.assert_allclose(jv.attribution.log_probabilities(outputs, probability), np.log(expected), rtol=1e-5)
