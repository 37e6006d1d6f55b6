"""Statistics, confusions and ablations against loops over all images."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.ad_checkpoint import checkpoint_name

import jaxviz as jv
from jaxviz.dataset import _ablate_each
from tests.dataset import sets

IMAGES, LABELS = sets.integers(60)
SCAN = jv.dataset.Scan(batch_size=16, devices=1)
MAPS = sets.maps(IMAGES)


def logits(maps):
    return maps.sum((1, 2)) @ sets.DENSE


def matrix(labels, predicted):
    counts = np.zeros((sets.NUM_CLASSES, sets.NUM_CLASSES), int)
    for label, guess in zip(labels, predicted, strict=True):
        counts[label, guess] += 1
    return counts


def off(channels):
    maps = MAPS.copy()
    maps[..., channels] = 0
    return logits(maps).argmax(1)


def test_statistics_are_those_of_their_definitions():
    found = jv.dataset.class_statistics(sets.network(), (IMAGES, LABELS), ["maps"], scan=SCAN)["maps"]
    values = MAPS.mean((1, 2))
    for label in range(sets.NUM_CLASSES):
        own, rest = values[label == LABELS], values[label != LABELS]
        assert found.counts[label] == len(own)
        np.testing.assert_allclose(found.mean[label], own.mean(0), rtol=1e-5)
        np.testing.assert_allclose(found.std[label], own.std(0), rtol=1e-4)
        np.testing.assert_allclose(found.maps[label], MAPS[label == LABELS].mean(0), rtol=1e-5)
        within = np.sqrt((own.var(0) * len(own) + rest.var(0) * len(rest)) / len(values))
        effect = (own.mean(0) - rest.mean(0)) / within
        np.testing.assert_allclose(found.effect[label], effect, rtol=1e-3, atol=1e-6)
        assert found.ranking[label].tolist() == sorted(range(4), key=lambda channel: -abs(effect[channel]))


def test_a_large_offset_does_not_drown_the_spread():
    f = lambda x: checkpoint_name(x + 1000.0, "far").mean((1, 2))  # noqa: E731
    found = jv.dataset.class_statistics(f, (IMAGES, LABELS % 2), ["far"], scan=SCAN)["far"]
    own = IMAGES[LABELS % 2 == 0].mean((1, 2))
    np.testing.assert_allclose(found.std[0], own.std(0), rtol=1e-3)


def test_a_class_without_images_and_a_channel_that_is_silent():
    f = lambda x: checkpoint_name(x * jnp.array([1.0, 0.0]), "half").mean((1, 2)) @ jnp.ones((2, 3))  # noqa: E731
    found = jv.dataset.class_statistics(f, (IMAGES, LABELS % 2), ["half"], scan=SCAN)["half"]
    assert np.isnan(found.mean[2]).all()
    assert np.isnan(found.effect[2]).all()
    assert found.effect[0, 1] == 0
    assert found.ranking[0].tolist() == [0, 1]


def test_confusions_are_counted_and_the_most_certain_kept():
    found = jv.dataset.confusion(sets.network(), (IMAGES, LABELS), num=3, scan=SCAN)
    scores = logits(MAPS)
    predicted = scores.argmax(1)
    expected = matrix(LABELS, predicted)
    np.testing.assert_array_equal(found.matrix, expected)
    assert found.accuracy == (predicted == LABELS).mean()
    np.testing.assert_allclose(found.class_accuracy, np.diag(expected) / expected.sum(1))
    probabilities = np.exp(scores - scores.max(1, keepdims=True))
    confidence = (probabilities / probabilities.sum(1, keepdims=True)).max(1)
    pairs = found.most_confused(100)
    assert [pair.count for pair in pairs] == sorted((pair.count for pair in pairs), reverse=True)
    assert sum(pair.count for pair in pairs) == (predicted != LABELS).sum()
    for pair in pairs:
        members = np.flatnonzero((LABELS == pair.label) & (predicted == pair.predicted))
        assert pair.count == len(members) == expected[pair.label, pair.predicted]
        assert len(pair.indices) == min(3, pair.count)
        np.testing.assert_allclose(pair.confidences, np.sort(confidence[members])[::-1][:3], rtol=1e-5)
        np.testing.assert_allclose(confidence[list(pair.indices)], pair.confidences, rtol=1e-5)


def test_an_ablation_is_what_a_network_without_the_channels_says():
    found = jv.dataset.ablate(sets.network(), (IMAGES, LABELS), {"maps": [1, 3]}, num_changed=9, scan=SCAN)
    before, after = logits(MAPS).argmax(1), off([1, 3])
    np.testing.assert_array_equal(found.before, matrix(LABELS, before))
    np.testing.assert_array_equal(found.after, matrix(LABELS, after))
    np.testing.assert_array_equal(found.taken, matrix(before, after))
    assert found.accuracy == ((before == LABELS).mean(), (after == LABELS).mean())
    changed = [(n, LABELS[n], before[n], after[n]) for n in range(60) if before[n] != after[n]]
    assert len(changed) > 9
    np.testing.assert_array_equal(found.changed, changed[:9])
    assert found.num_lost == ((before == LABELS) & (after != LABELS)).sum()
    assert found.num_won == ((before != LABELS) & (after == LABELS)).sum()
    assert [row[0] for row in found.lost.tolist()] == [n for n, label, was, _ in changed[:9] if label == was]


def test_channels_of_several_layers_are_off_at_once():
    found = jv.dataset.ablate(sets.network(), (IMAGES, LABELS), {"vector": [0], "maps": [1]}, scan=SCAN)
    np.testing.assert_array_equal(found.after, matrix(LABELS, off([0, 1])))


def test_an_ablation_computes_what_both_networks_share_once():
    kernel = jnp.ones((3, 3, 2, 2))

    def f(x):
        for _ in range(3):
            x = sets.conv(x, kernel)
        return checkpoint_name(sets.conv(x, kernel), "late").mean((1, 2))

    x = jnp.zeros((4, 8, 8, 2))
    flops = {
        name: jax.jit(g).lower(x).compile().cost_analysis()["flops"]
        for name, g in {
            "whole": f,
            "both": lambda x: (f(x), jv.edit(f, {"late": lambda act: act * jnp.array([1.0, 0.0])})(x)),
        }.items()
    }
    assert flops["both"] < 1.1 * flops["whole"]


def test_channels_are_ranked_as_single_ablations_rank_them():
    found = jv.dataset.rank_channels(sets.network(), (IMAGES, LABELS), "maps", scan=SCAN)
    rows = []
    for channel in range(4):
        maps = MAPS.copy()
        maps[..., channel] = 0
        scores = logits(maps)
        shifted = scores - scores.max(1, keepdims=True)
        losses = np.log(np.exp(shifted).sum(1)) - shifted[np.arange(60), LABELS]
        right = scores.argmax(1) == LABELS
        rows.append((right.mean(), -losses.mean(), channel, [right[label == LABELS].mean() for label in range(3)]))
    np.testing.assert_allclose(found.accuracies, [row[0] for row in rows])
    np.testing.assert_allclose(found.losses, [-row[1] for row in rows], rtol=1e-5)
    np.testing.assert_allclose(found.class_accuracies, [row[3] for row in rows])
    assert found.ranking.tolist() == [row[2] for row in sorted(rows)]
    assert found.accuracy == (logits(MAPS).argmax(1) == LABELS).mean()
    some = jv.dataset.rank_channels(sets.network(), (IMAGES, LABELS), "maps", channels=[3, 0], scan=SCAN)
    assert some.accuracies.tolist() == found.accuracies[[3, 0]].tolist()
    assert some.ranking.tolist() == [channel for channel in found.ranking if channel in (0, 3)]


def test_sets_of_channels_are_left_out_together():
    sets_ = [[0], [3, 1], [0, 1, 2, 3]]
    found = jv.dataset.ablate_each(sets.network(), (IMAGES, LABELS), "maps", sets_, scan=SCAN)
    np.testing.assert_array_equal(found.accuracies, [(off(chosen) == LABELS).mean() for chosen in sets_])
    assert found.accuracy == (logits(MAPS).argmax(1) == LABELS).mean()
    np.testing.assert_allclose(found.losses[-1], np.log(3), rtol=1e-6)  # nothing is left


def test_nothing_but_the_part_above_the_layer_is_in_the_loop_over_channels():
    """Not what lies below it, and not what goes around it."""
    kernel = jnp.ones((3, 3, 2, 2))

    def f(x):
        around = sets.conv(sets.conv(x, kernel), kernel)
        x = checkpoint_name(sets.conv(sets.conv(x, kernel), kernel), "layer")
        return (sets.conv(x, kernel) + around).mean((1, 2))

    study = _ablate_each._Study(2, "layer", ((0,), (1,)))
    arguments = (jnp.zeros((2, 5, 6, 2)), jnp.zeros(2, int), jnp.ones(2, bool))
    jaxpr = jax.make_jaxpr(lambda *arguments: study.batch(f, *arguments))(*arguments)
    (loop,) = [eqn for eqn in jaxpr.jaxpr.eqns if eqn.primitive.name == "scan"]
    inside = str(loop.params["jaxpr"]).count("conv_general_dilated[")
    assert inside == 1
    assert str(jaxpr).count("conv_general_dilated[") == 1 + 4


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda f, data: jv.dataset.ablate(f, data, {}), "`channels` must name at least one layer, got none."),
        (
            lambda f, data: jv.dataset.ablate(f, data, {"map": [0]}),
            "`layer` must be one of maps, vector, logits, got 'map'.",
        ),
        (
            lambda f, data: jv.dataset.ablate(f, data, {"maps": [4]}),
            "`channels` must be different ones in 0..3 of 'maps'",
        ),
        (lambda f, data: jv.dataset.rank_channels(f, data, "maps", channels=[]), "`channels` must be different ones"),
        (lambda f, data: jv.dataset.ablate_each(f, data, "maps", []), "`sets` must hold at least one set"),
        (
            lambda f, data: jv.dataset.class_statistics(f, data, []),
            "`layers` must be different names, at least one, got [].",
        ),
        (lambda f, data: jv.dataset.confusion(f, data, num=0), "`num` must be at least 1, got 0."),
    ],
)
def test_what_does_not_fit_is_refused(call, text):
    with pytest.raises(ValueError, match="^" + re.escape(text)):
        call(sets.network(), (IMAGES, LABELS))
