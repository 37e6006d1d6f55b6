"""Correspondence analysis: whether covering the same part does the same to the features of every image."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.ad_checkpoint import checkpoint_name

import jaxviz as jv
from tests import networks

KEY = jax.random.key(5)
PARTS = {"eye": [(3, 3), (4, 4), (3, 5)], "nose": [(8, 4), (8.4, 5), (9, 4)]}
RNG = np.random.default_rng(0)
IMAGES = RNG.integers(-3, 4, (3, 12, 13, 2)).astype(np.float32)
KERNEL = RNG.integers(-2, 3, (3, 3, 2, 4)).astype(np.float32)


def whole(x):
    """A network of whole numbers, in which nothing is rounded."""
    x = checkpoint_name(jax.nn.relu(networks.conv(x, KERNEL)), "maps")
    return checkpoint_name(x.sum((1, 2)), "sums")


def naive_maps(image):
    padded = np.pad(image, ((1, 1), (1, 1), (0, 0)))
    out = np.zeros((*image.shape[:2], 4))
    for row, col in np.ndindex(image.shape[:2]):
        out[row, col] = (padded[row : row + 3, col : col + 3, :, None] * KERNEL).sum((0, 1, 2))
    return np.maximum(out, 0)


def naive_signs(image, box, baseline):
    covered = image.copy()
    top, left, bottom, right = box
    covered[top:bottom, left:right] = baseline
    eps = naive_maps(image) - naive_maps(covered)
    return {"maps": np.sign(eps).ravel(), "sums": np.sign(eps.sum((0, 1)))}


def naive_distances(first, second):
    """Entry by entry."""
    changed = differing = total = 0
    for a, b in zip(first, second, strict=True):
        changed += a != 0 or b != 0
        differing += a != b
        total += abs(a - b)
    return {
        "differing": differing / len(first),
        "absolute": total / len(first),
        "differing_changed": differing / changed if changed else 0,
        "absolute_changed": total / changed if changed else 0,
    }


@pytest.fixture(scope="module")
def found():
    # A batch that holds one draw of three images, and draws that leave no remainder out.
    options = {"size": (3, 4), "baseline": np.array([1.0, -2.0]), "num_draws": 6, "batch_size": 7}
    return jv.dataset.correspondence(whole, jnp.asarray(IMAGES), ("maps", "sums"), PARTS, key=KEY, **options)


def test_boxes_are_centered_on_the_parts(found):
    assert found["maps"].parts == ("eye", "nose")
    assert found["maps"].boxes[0].tolist() == [[2, 1, 5, 5], [3, 2, 6, 6], [2, 3, 5, 7]]
    assert found["maps"].boxes[1, 1].tolist() == [7, 3, 10, 7]


@pytest.mark.parametrize("layer", ["maps", "sums"])
def test_distances_are_those_of_a_loop_over_entries(found, layer):
    for boxes, values in [
        *((boxes, (lambda m, i=i: found[layer].pairs[m][i])) for i, boxes in enumerate(found[layer].boxes)),
        *((boxes, (lambda m, i=i: found[layer].random[m][i])) for i, boxes in enumerate(found[layer].random_boxes)),
    ]:
        baseline = [1.0, -2.0]
        signs = [naive_signs(image, box, baseline)[layer] for image, box in zip(IMAGES, boxes, strict=True)]
        pairs = [naive_distances(*pair) for pair in itertools.combinations(signs, 2)]
        for measure in ("differing", "absolute", "differing_changed", "absolute_changed"):
            expected = [pair[measure] for pair in pairs]
            actual = values(measure)
            np.testing.assert_allclose(actual, expected if np.ndim(actual) else np.mean(expected), rtol=1e-6)


def test_a_zero_sign_agrees_with_zero_alone():
    def f(x):
        return checkpoint_name(x.reshape(len(x), -1), "flat")

    # Covered: the middle pixel, whose three entries are +, 0, - or so.
    images = jnp.zeros((3, 1, 3, 3)).at[:, 0, 1].set(jnp.array([[1.0, 0.0, -1.0], [1.0, 1.0, 1.0], [0.0, 0.0, 0.0]]))
    found = jv.dataset.correspondence(f, images, ["flat"], {"middle": [(0, 1)] * 3}, key=KEY, size=1, num_draws=2)[
        "flat"
    ]
    assert found.pairs["differing"].tolist() == [[2 / 9, 2 / 9, 3 / 9]]
    assert found.pairs["absolute"].tolist() == [[3 / 9, 2 / 9, 3 / 9]]
    assert found.pairs["differing_changed"].tolist() == [[2 / 3, 1, 1]]
    assert found.pairs["absolute_changed"].tolist() == [[1, 1, 1]]
    # At a random place all is zero before and after: no sign differs, and no entry counts as changed.
    assert found.random["differing_changed"].tolist() == [0, 0]
    assert found.p_values["differing"].tolist() == [1.0]


def test_nothing_changes_beyond_the_reach_of_a_part():
    """Sums that are rounded otherwise in the original than in the covered image would have signs there."""
    f, x = networks.FAMILIES["plain"](), networks.images(3)
    parts = {"corner": [(0, 0)] * 3}
    found = jv.dataset.correspondence(f, x, ["first"], parts, key=KEY, size=1, num_draws=9, batch_size=9)["first"]
    # A pixel in the corner reaches 2x2 places of a 3x3 convolution, of 4 channels.
    assert 0 < found.pairs["differing"].max() <= 2 * 2 * 4 / (9 * 11 * 4)
    assert found.random["differing"].max() <= 2 * 9 / (9 * 11)


def test_standard_errors_and_p_values(found):
    for layer in ("maps", "sums"):
        for measure, pairs in found[layer].pairs.items():
            for part, values in enumerate(pairs):
                by_pair = dict(zip(itertools.combinations(range(3), 2), values, strict=True))
                left_out = [np.mean([v for pair, v in by_pair.items() if i not in pair]) for i in range(3)]
                expected = np.sqrt(2 / 3 * sum((v - np.mean(left_out)) ** 2 for v in left_out))
                np.testing.assert_allclose(found[layer].standard_errors[measure][part], expected, atol=1e-12)
                # Equal means may be rounded otherwise.
                smaller = sum(draw <= values.mean() + 1e-12 for draw in found[layer].random[measure])
                assert found[layer].p_values[measure][part] == (1 + smaller) / 7


def test_random_boxes_touch_no_part_and_are_of_the_same_size():
    from jaxviz.dataset._part_boxes import boxes_of, random_boxes

    boxes = boxes_of(PARTS, (3, 12, 13), (3, 4))
    drawn = random_boxes(KEY, boxes, (12, 13), 500)
    allowed = [set() for _ in range(3)]
    for image, top, left in itertools.product(range(3), range(10), range(10)):
        inside = {(row, col) for row in range(top, top + 3) for col in range(left, left + 4)}
        parts = {(row, col) for t, first, b, r in boxes[:, image] for row in range(t, b) for col in range(first, r)}
        if not inside & parts:
            allowed[image].add((top, left, top + 3, left + 4))
    for image in range(3):
        assert {tuple(box) for box in drawn[:, image].tolist()} == allowed[image]
    assert (drawn[:, 0] != drawn[:, 1]).any()


def test_a_part_that_corresponds_is_told_from_random_places():
    f = jax.tree_util.Partial(lambda x: checkpoint_name(x.mean((1, 2)), "mean"))
    images = jax.random.normal(jax.random.key(1), (5, 16, 16, 8))
    places = RNG.integers(3, 13, (5, 2))
    for number, (row, col) in enumerate(places):
        images = images.at[number, row - 1 : row + 1, col - 1 : col + 1].set(jnp.where(jnp.arange(8) % 2, 5.0, -5.0))
    found = jv.dataset.correspondence(f, images, ["mean"], {"mark": places}, key=KEY, size=2, num_draws=99)["mean"]
    assert found.distances["absolute"][0] == 0
    assert found.p_values["absolute"][0] == 0.01
    assert abs(found.random["absolute"].mean() - 1) < 0.1  # signs by chance


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"images": jnp.asarray(IMAGES[:2])}, "`images` must be three or more, got 2."),
        ({"parts": {}}, "`parts` must hold at least one, got none."),
        ({"parts": {"eye": [(3, 3), (4, 4)]}}, "(row, col) for each of 3 images, got shape (2, 2) for 'eye'."),
        (
            {"parts": {"eye": [(3, 3), (4, 4), (0, 3)]}},
            "must have room for a box of 3x3 in images of 12x13, got 'eye' of image 2 at [0, 3].",
        ),
        ({"size": 12, "parts": {"all": [(6, 6)] * 3}}, "`size` must leave a place beside the parts, got 12x12 and"),
        ({"layers": ["nowhere"]}, "nowhere"),
        ({"baseline": np.zeros(3)}, "`baseline` must broadcast to `images` of (12, 13, 2), got (3,)."),
        ({"num_draws": 0}, "`num_draws` must be at least 1, got 0."),
    ],
)
def test_bad_input_is_refused(arguments, message):
    arguments = {"images": jnp.asarray(IMAGES), "parts": PARTS, "layers": ["maps"], "key": KEY, "size": 3} | arguments
    with pytest.raises(ValueError) as error:  # noqa: PT011
        jv.dataset.correspondence(whole, **arguments)
    assert message in str(error.value)


def test_draws_that_are_equal_to_a_part_count_as_such(monkeypatch):
    """Exact ties, in another order of the pairs and with other denominators, against whole numbers and fractions."""
    from fractions import Fraction

    from jaxviz.dataset._correspondence import MEASURES, _summary

    rng = np.random.default_rng(0)
    entries, pairs, draws = 7 * 11 * 13, 45, 50
    shares = rng.integers(1, 40, (2, pairs))
    part = np.stack([np.full(pairs, entries), rng.integers(40, 80, pairs), *shares], -1)
    shuffled = np.stack([rng.permutation(part) for _ in range(draws)])
    shuffled[::3, :, 1:] *= 3  # the same fractions of what changed, over other denominators
    shuffled[1::3, 0, 2:] += 1  # the least that a draw can be larger by
    counts = np.concatenate([part[None], shuffled]).astype(np.float64)
    nothing = np.zeros((1, 10, 4), int)
    found = _summary(("part",), nothing, nothing, counts, 10)

    def mean(row, measure):
        over = 0 if measure in ("differing", "absolute") else 1
        of = 2 if measure.startswith("differing") else 3
        return sum(Fraction(int(pair[of]), int(pair[over])) for pair in row) / pairs

    for measure in MEASURES:
        smaller = sum(mean(row, measure) <= mean(counts[0], measure) for row in counts[1:])
        assert found.p_values[measure].tolist() == [(1 + smaller) / (1 + draws)]
