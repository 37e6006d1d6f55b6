"""What must hold for every study: a new one inherits these tests by a row in the table."""

import jax
import numpy as np
import pytest

import jaxviz as jv
from tests.dataset import sets

IMAGES, LABELS = sets.integers(45)
IMAGES = IMAGES + np.random.default_rng(3).normal(size=IMAGES.shape).astype(np.float32)
EARLIER = jax.tree.map(lambda leaf: leaf + 0.3, sets.rounding())

STUDIES = {
    "strongest": lambda f, data, scan: jv.dataset.strongest(f, data, ["maps"], num=4, score="norm", scan=scan)["maps"],
    "class_statistics": lambda f, data, scan: jv.dataset.class_statistics(f, data, ["maps", "vector"], scan=scan),
    "confusion": lambda f, data, scan: jv.dataset.confusion(f, data, num=2, scan=scan),
    "ablate": lambda f, data, scan: jv.dataset.ablate(
        f, data, {"maps": [0, 2], "vector": [1]}, num_changed=5, scan=scan
    ),
    "rank_channels": lambda f, data, scan: jv.dataset.rank_channels(f, data, "maps", scan=scan),
    "settling": lambda f, data, scan: jv.dataset.settling(f, data, ["maps", "vector"], {1: EARLIER, 3: f}, scan=scan),
}
studies = pytest.mark.parametrize("study", STUDIES)

compiled = []
jax.monitoring.register_event_duration_secs_listener(
    lambda event, _, **__: compiled.append(event) if "backend_compile_duration" in event else None
)


@pytest.fixture(scope="module")
def alone():
    """What one device finds in one go."""
    scan = jv.dataset.Scan(batch_size=4, devices=1)
    return {name: study(sets.rounding(), (IMAGES, LABELS), scan) for name, study in STUDIES.items()}


def same(found, expected):
    for one, other in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        np.testing.assert_array_equal(one, other)


@studies
@pytest.mark.slow
def test_eight_devices_find_the_same_to_the_last_bit(study, alone):
    scan = jv.dataset.Scan(batch_size=4, devices=8)
    same(STUDIES[study](sets.rounding(), (IMAGES, LABELS), scan), alone[study])


@studies
def test_an_interrupted_study_goes_on_and_finds_the_same(study, alone, tmp_path):
    class Interrupted(Exception):
        pass

    def stop(done, total):
        if done > total / 2:
            raise Interrupted

    options = {"batch_size": 4, "devices": 1, "resume": tmp_path, "save_every": 2}
    with pytest.raises(Interrupted):
        STUDIES[study](sets.rounding(), (IMAGES, LABELS), jv.dataset.Scan(**options, progress=stop))
    seen = []
    scan = jv.dataset.Scan(**options, progress=lambda done, total: seen.append(done))
    same(STUDIES[study](sets.rounding(), (IMAGES, LABELS), scan), alone[study])
    assert 0 < seen[0] < 45


@studies
def test_examples_that_cannot_be_read_are_left_out_on_demand(study):
    broken = sets.Items(IMAGES, LABELS, corrupt=(3, 12, 13, 14, 15, 44))  # the fourth batch is gone altogether
    f = sets.rounding()
    with pytest.raises(ValueError, match=r"^`dataset` must hold examples that can be read, got OSError: .* at 3\."):
        STUDIES[study](f, broken, jv.dataset.Scan(batch_size=4, devices=1))
    found = STUDIES[study](f, broken, jv.dataset.Scan(batch_size=4, devices=1, skip_corrupt=True))
    good = np.array([index for index in range(45) if index not in broken.corrupt])
    expected = STUDIES[study](f, (IMAGES[good], LABELS[good]), jv.dataset.Scan(batch_size=4, devices=1))
    if study == "strongest":
        expected = expected._replace(indices=good[expected.indices])
    if study == "confusion":
        expected.wrong[:, 2] = good[expected.wrong[:, 2]]
    if study == "ablate":
        expected.changed[:, 0] = good[expected.changed[:, 0]]
    leaves = [jax.tree.leaves(strip(*of)) for of in ((found, broken.corrupt), (expected, ()))]
    for one, other in zip(*leaves, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)


def strip(found, skipped):
    """Without the numbers of the examples that were left out, which must be right."""
    if isinstance(found, dict):
        return {name: strip(one, skipped) for name, one in found.items()}
    if hasattr(found, "skipped"):
        assert found.skipped == skipped
        return found._replace(skipped=())
    return found


@studies
def test_other_weights_take_no_other_program(study, alone):
    other = jax.tree.map(lambda leaf: 2 * leaf, sets.rounding())
    compiled.clear()
    STUDIES[study](other, (IMAGES[:9], LABELS[:9]), jv.dataset.Scan(batch_size=4, devices=1))
    assert not compiled


@studies
def test_a_number_that_is_not_finite_is_named(study):
    images = IMAGES.copy()
    images[17] = np.inf
    with pytest.raises(FloatingPointError, match="got NaN or infinity for example 17"):
        STUDIES[study](sets.rounding(), (images, LABELS), jv.dataset.Scan(batch_size=4, devices=1))


@pytest.mark.parametrize("study", [name for name in STUDIES if name not in ("strongest", "settling")])
def test_labels_are_asked_for_where_they_are_needed(study):
    f, scan = sets.rounding(), jv.dataset.Scan(batch_size=4, devices=1)
    with pytest.raises(ValueError, match="`dataset` must hold labels, got none at 0"):
        STUDIES[study](f, (IMAGES, None), scan)
    with pytest.raises(ValueError, match="got ValueError: the label 3 for 3 classes at 7"):
        STUDIES[study](f, (IMAGES, np.where(np.arange(45) == 7, 3, LABELS)), scan)
    with pytest.raises(ValueError, match=r"`f` must return an array of shape \(4, k\)"):
        STUDIES[study](lambda x: x, (IMAGES, LABELS), scan)
