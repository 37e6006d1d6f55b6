import re

import numpy as np
import pytest

import jaxviz as jv
from tests.dataset import sets

IMAGES, LABELS = sets.integers()


def naive(maps, num, score):
    """Per channel the images from the highest score on, the first of equal ones first, by sorting them all."""
    found = []
    for channel in range(maps.shape[-1]):
        of = {"max": lambda m: m.max(), "mean": lambda m: m.mean(), "norm": lambda m: np.sqrt((m**2).sum())}[score]
        scores = [of(single[..., channel]) for single in maps]
        best = sorted(range(len(maps)), key=lambda index: (-scores[index], index))[:num]
        for index in best:
            single = maps[index, ..., channel]
            row, col = np.unravel_index(single.argmax(), single.shape)
            found.append((channel, index, scores[index], single.max(), row, col))
    return found


def rows(result):
    return [
        (channel, result.indices[c, k], result.scores[c, k], result.activations[c, k], *result.positions[c, k])
        for c, channel in enumerate(result.channels)
        for k in range(result.indices.shape[1])
    ]


@pytest.mark.parametrize("score", ["max", "mean", "norm"])
def test_it_finds_what_sorting_finds_and_ties_go_by_index(score):
    maps = sets.maps(IMAGES)
    assert len(np.unique(maps.max((1, 2))[:, 0])) < len(IMAGES) / 2  # there are ties to settle
    found = rows(jv.dataset.strongest(sets.network(), (IMAGES, LABELS), ["maps"], num=7, score=score)["maps"])
    np.testing.assert_allclose(found, naive(maps, 7, score), rtol=1e-6)


@pytest.mark.parametrize(("batch_size", "devices"), [(1, 8), (7, 1), (16, 3), (64, 2)])
def test_batches_and_devices_change_nothing(batch_size, devices):
    scan = jv.dataset.Scan(batch_size=batch_size, devices=devices)
    found = rows(jv.dataset.strongest(sets.network(), (IMAGES, None), ["maps"], num=9, scan=scan)["maps"])
    np.testing.assert_array_equal(found, naive(sets.maps(IMAGES), 9, "max"))


def test_several_layers_in_one_pass_and_chosen_channels():
    alone = {
        name: jv.dataset.strongest(sets.network(), (IMAGES, None), [name], num=3)[name] for name in ("maps", "vector")
    }
    together = jv.dataset.strongest(sets.network(), (IMAGES, None), ["maps", "vector"], num=3)
    for name in alone:
        assert rows(together[name]) == rows(alone[name])
    chosen = jv.dataset.strongest(sets.network(), (IMAGES, None), ["maps"], num=3, channels=[3, 1])["maps"]
    assert rows(chosen) == [row for c in (3, 1) for row in rows(alone["maps"]) if row[0] == c]
    assert not together["vector"].positions.any()


def test_preprocessing_runs_on_the_batches():
    found = jv.dataset.strongest(
        sets.network(),
        (IMAGES.astype(np.int8), None),
        ["maps"],
        num=3,
        scan=jv.dataset.Scan(preprocess=lambda x: x / 1.0),
    )["maps"]
    assert rows(found) == rows(jv.dataset.strongest(sets.network(), (IMAGES, None), ["maps"], num=3)["maps"])


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"layers": ["map"]}, "`layer` must be one of maps, vector, logits, got 'map'. Did you mean 'maps'?"),
        ({"channels": [0, 4]}, "`channels` must be different ones in 0..3 of 'maps', got 4."),
        ({"channels": [1, 1]}, "`channels` must be different ones in 0..3 of 'maps', got [1, 1]."),
        ({"score": "sum"}, "`score` must be one of max, mean, norm, got 'sum'."),
        ({"num": 51}, "`num` must be at most 50, the number of images, got 51."),
        ({"num": 0}, "`num` must be at least 1, got 0."),
        ({"scan": jv.dataset.Scan(devices=9)}, "`devices` must be in 1..8, the devices there are, got 9."),
        ({"scan": jv.dataset.Scan(batch_size=0)}, "`batch_size` must be at least 1, got 0."),
        ({"dataset": (IMAGES[:0], None)}, "`dataset` must hold at least one example, got none."),
        ({"dataset": (IMAGES, LABELS[:3])}, "`dataset` must hold a label per image, got 3 for 50 images."),
    ],
)
def test_what_does_not_fit_is_refused(options, text):
    arguments = {"layers": ["maps"], "dataset": (IMAGES, LABELS), **options}
    with pytest.raises(ValueError, match="^" + re.escape(text)):
        jv.dataset.strongest(sets.network(), **arguments)


def test_images_of_another_kind_are_refused():
    with pytest.raises(TypeError, match="`dataset` must hold floating-point images, got int8"):
        jv.dataset.strongest(sets.network(), (IMAGES.astype(np.int8), None), ["maps"])["maps"]
    with pytest.raises(TypeError, match="`dataset` must be a pair of arrays or have len"):
        jv.dataset.strongest(sets.network(), iter(IMAGES), ["maps"])["maps"]
