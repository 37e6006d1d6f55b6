"""What every public function says of an empty batch, of a second input in a closure, and of data that are no images."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.ad_checkpoint import checkpoint_name

import jaxviz as jv
from jaxviz._core.grown import grown, mixed
from jaxviz.robustness import Transformation
from tests import networks
from tests.test_methods import BOXES, KEY, METHODS

X = networks.images(3)
KERNEL = np.random.default_rng(3).normal(size=(11, 3, 4)).astype(np.float32)
ROWS = np.random.default_rng(4).uniform(0.5, 1.5, (3, 4)).astype(np.float32)
CONTRAST = {"contrast": Transformation(lambda image, amount: amount * image, np.array([0.5, 1.0]), 1.0)}
PARTS = {"eye": np.full((3, 2), 4)}


def plain(x):
    x = checkpoint_name(jax.nn.relu(x), "maps")
    return jnp.sin(jnp.einsum("nhwc,wck->nk", x, KERNEL) / 60)


def with_rows(x, rows):
    """A function of images and a second input, a row for each."""
    return plain(x) * rows


def of_maps(x, rows):
    """The same where the maps depend on both."""
    return plain(jnp.sin(9 * x * rows[:, None, None, :3]))


def held(x):
    return with_rows(x, ROWS)


# All that call `f` on more images than they were given, or on others; images and targets are for `jax.vmap`.
GROWING = {
    "smoothgrad": lambda f, x: jv.smoothgrad(f, x, 1, key=KEY, num_samples=4),
    "integrated_gradients": lambda f, x: jv.integrated_gradients(f, x, 1, num_steps=4),
    "score_cam": lambda f, x: jv.attribution.score_cam(f, x, 1, "maps"),
    "project": lambda f, x: jv.project(f, x, "maps", [(0, 1, 2)]),
    "deletion": lambda f, x: jv.metrics.deletion(f, x, 1, x[..., 0], num_steps=4).values,
    "insertion": lambda f, x: jv.metrics.insertion(f, x, 1, x[..., 0], num_steps=4).values,
    "invariance": lambda f, x: jv.robustness.invariance(f, x, 1, ["maps"], CONTRAST).probabilities["contrast"],
}
# They read images in an order of their own, and have no rows for them.
OF_ITS_OWN = ("invariance", "adversarial_patch")
# Their results are for all images together.
TOGETHER = {
    "invariance, as many as given": lambda f, x: jv.robustness.invariance(f, x, 1, ["maps"], CONTRAST, batch_size=3),
    "adversarial_patch": lambda f, x: jv.robustness.adversarial_patch(
        f, x, 1, key=KEY, size=2, bounds=(0, 1), num_steps=2
    ),
    "adversarial_patch, as many as given": lambda f, x: jv.robustness.adversarial_patch(
        f, x, 1, key=KEY, size=2, bounds=(0, 1), num_steps=2, batch_size=3
    ),
    "correspondence": lambda f, x: jv.dataset.correspondence(f, x, ["maps"], PARTS, key=KEY, size=2, num_draws=2)[
        "maps"
    ],
}


def text_of(given, found, name):
    mapped = "jax.vmap(lambda image, row: method(lambda x: f(x, row), image[None], ...)[0])(images, rows)."
    said = "say so: jaxviz.bind(f, ..., jaxviz.per_example(rows))."
    return (
        f"`f` must take any number of images, got one that takes the {given} given but not {found}, as which they are "
        "computed. Where it holds an array with a row for each image, "
        f"{f'map over both: {mapped}' if name.startswith(OF_ITS_OWN) else said}"
    )


@pytest.mark.parametrize("name", [*GROWING, *TOGETHER])
def test_a_second_input_in_a_closure_is_named(name):
    counts = {"project": 1, "invariance": 6, "adversarial_patch": 8, "deletion": 15, "insertion": 15, "score_cam": 9}
    counts |= {"invariance, as many as given": 6, "adversarial_patch, as many as given": 6, "correspondence": 9}
    with pytest.raises(ValueError, match=f"^{re.escape(text_of(3, counts.get(name, 12), name))}") as error:
        (GROWING | TOGETHER)[name](held, X)
    # That of JAX is still there; what broadcasts has none.
    assert (error.value.__cause__ is None) == (name == "project")


@pytest.mark.parametrize("name", GROWING)
@pytest.mark.slow
def test_the_way_out_is_one(name):
    method = GROWING[name]

    def single(image, row):
        return method(lambda x: with_rows(x, row), image[None])[0]

    found = jax.vmap(single)(X, jnp.asarray(ROWS))
    np.testing.assert_allclose(found[1], single(X[1], ROWS[1]), atol=1e-5)
    assert jnp.abs(found[1]).max() > 1e-3


@pytest.mark.parametrize("name", GROWING)
def test_rows_that_are_marked_go_along_with_their_images(name):
    method = GROWING[name]
    if name.startswith(OF_ITS_OWN):
        with pytest.raises(ValueError, match=r"^`f` must hold no per_example arrays here, got some: this method reads"):
            method(jv.bind(of_maps, ..., jv.per_example(ROWS)), X)
        return
    found = method(jv.bind(of_maps, ..., jv.per_example(ROWS)), X)
    # One row for all images, whose noise is drawn at once.
    alike = method(lambda x: of_maps(x, ROWS[-1:]), X)
    np.testing.assert_allclose(found[-1], alike[-1], atol=1e-5)
    assert jnp.abs(found).max() > 1e-3


def test_rows_that_are_marked_are_none_of_a_data_set():
    with pytest.raises(ValueError, match=r"^`f` must hold no per_example arrays here"):
        jv.dataset.confusion(
            jv.bind(with_rows, ..., jv.per_example(ROWS)), (X, np.zeros(3, int)), scan=jv.dataset.Scan(batch_size=3)
        )


def test_rows_that_are_marked_go_along_with_the_pairs_of_a_correspondence():
    marked = TOGETHER["correspondence"](jv.bind(of_maps, ..., jv.per_example(ROWS)), X).distances
    mapped = TOGETHER["correspondence"](lambda x: of_maps(x, np.tile(ROWS, (len(x) // 3, 1))), X).distances
    jax.tree.map(lambda one, other: np.testing.assert_allclose(one, other, atol=1e-6), marked, mapped)


def test_an_occlusion_map_takes_a_second_input_as_it_is():
    found = jv.occlusion(held, X, window=3, stride=3)
    for image, row, mine in zip(X, ROWS, found, strict=True):
        expected = jv.occlusion(lambda x, row=row: with_rows(x, row), image, window=3, stride=3)
        np.testing.assert_allclose(mine, expected, atol=1e-5)


@pytest.mark.parametrize("wrap", [grown, mixed])
def test_an_error_that_has_nothing_to_do_with_the_number_stays_as_it_is(wrap):
    def broken(x):
        raise TypeError("of its own")

    with pytest.raises(TypeError, match=r"^of its own$"):
        wrap(broken, 2)(jnp.ones((4, 1, 1, 1)))
    # Nor is one refused whose outputs have no rows.
    assert wrap(lambda x: x.sum(), 2)(jnp.ones((4, 1, 1, 1))) == 4


METHODS_OF_BATCHES = METHODS | {
    "fgsm": lambda f, x, t: jv.robustness.fgsm(f, x, t, epsilon=0.1, bounds=(0, 1)),
    "pgd": lambda f, x, t: jv.robustness.pgd(f, x, t, key=KEY, epsilon=0.1, bounds=(0, 1)),
    "adversarial_patch": lambda f, x, t: jv.robustness.adversarial_patch(f, x, t, key=KEY, size=2, bounds=(0, 1)),
    "paste_patch": lambda f, x, t: jv.robustness.paste_patch(x, jnp.zeros((2, 2, 3)), key=KEY),
    "invariance": lambda f, x, t: jv.robustness.invariance(f, x, t, ["last"], CONTRAST),
    "correspondence": lambda f, x, t: jv.dataset.correspondence(f, x, ["last"], PARTS, key=KEY, size=2)["last"],
    "deletion": lambda f, x, t: jv.metrics.deletion(f, x, t, x[..., 0]),
    "insertion": lambda f, x, t: jv.metrics.insertion(f, x, t, x[..., 0]),
    "occlusion": lambda f, x, t: jv.occlusion(f, x, window=2, stride=2),
}


@pytest.mark.parametrize("name", METHODS_OF_BATCHES)
def test_an_empty_batch_is_refused(name):
    text = "`images` must hold at least one pixel of one image, got (0, 9, 11, 3). Leave an empty batch out."
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        METHODS_OF_BATCHES[name](networks.FAMILIES["plain"](), X[:0], np.zeros(0, int))


def test_an_empty_image_is_refused():
    with pytest.raises(
        ValueError, match=r"^`images` must hold at least one pixel, got \(0, 11, 3\)\. Leave an empty one"
    ):
        jv.occlude_regions(networks.FAMILIES["plain"](), X[0, :0], BOXES)


@pytest.mark.usefixtures("unchecked_shapes")
@pytest.mark.parametrize(
    ("call", "shape", "way_out"),
    [
        (lambda x: jv.occlude_regions(plain, x, BOXES), (9, 11), "Add the axis that is missing, image[..."),
        (lambda x: jv.occlusion(plain, x, window=(2, 2), stride=2), (9, 11), "Add the axis that is missing, image[..."),
        (lambda x: jv.occlusion(plain, x, window=2, stride=2), (9,), "Add the axis that is missing, image[..., None]"),
        (lambda x: jv.incremental(plain, x), (9,), "Add the axis that is missing, image[..., None] for a gray image"),
    ],
)
def test_what_is_no_image_is_told_what_an_image_has(call, shape, way_out):
    with pytest.raises(
        ValueError, match=rf"^`images` must have shape \(h, w, c\).*{re.escape(f'got {shape}. {way_out}')}"
    ):
        call(jnp.ones(shape))


BASELINES = {
    "integrated_gradients": lambda b: jv.integrated_gradients(plain, X, 0, baseline=b, num_steps=2),
    "completeness_gap": lambda b: jv.metrics.completeness_gap(plain, X, 0, X, baseline=b),
    "deletion": lambda b: jv.metrics.deletion(plain, X, 0, X[..., 0], baseline=b, num_steps=2),
    "occlusion of a batch": lambda b: jv.occlusion(plain, X, window=3, stride=3, baseline=b),
    "occlusion": lambda b: jv.occlusion(plain, X[0], window=3, stride=3, baseline=b),
    "occlude_regions": lambda b: jv.occlude_regions(plain, X[0], [(0, 0, 2, 2)], baseline=b),
    "correspondence": lambda b: (
        jv.dataset.correspondence(plain, X, ["maps"], PARTS, key=KEY, size=2, baseline=b, num_draws=2)["maps"].distances
    ),
}


@pytest.mark.parametrize("name", BASELINES)
@pytest.mark.slow
def test_a_baseline_is_a_number_a_pixel_or_an_image(name):
    batch = name in ("integrated_gradients", "completeness_gap", "deletion", "occlusion of a batch")
    for baseline in (0.5, np.arange(3.0)):
        found, expected = BASELINES[name](baseline), BASELINES[name](np.broadcast_to(baseline, X.shape[1:]))
        jax.tree.map(lambda mine, other: np.testing.assert_allclose(mine, other, atol=1e-5), found, expected)
    if batch:
        BASELINES[name](np.zeros(X.shape))
    for shape in [(11, 3), (1, 3), (9, 11), (11,), (4,), (9, 11, 1, 3)]:
        with pytest.raises(ValueError, match=rf"^`baseline` must broadcast to .* got {re.escape(str(shape))}\. Give a"):
            BASELINES[name](np.zeros(shape))


def test_the_forms_of_a_baseline_are_told():
    text = (
        "`baseline` must broadcast to `images` of (3, 9, 11, 3), got (11, 3). Give a number, or an array of shape (3,) "
        "for one pixel, (9, 11, 3) for one image, or (3, 9, 11, 3) for one image each."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        BASELINES["deletion"](np.zeros((11, 3)))


@pytest.mark.usefixtures("unchecked_shapes")
@pytest.mark.parametrize("dtype", [float, int])
def test_one_hot_targets_are_told_the_way_out(dtype):
    text = (
        "`target` must be one int, or one per image, got shape (3, 4) for 3 images. Take the indices of one-hot rows: "
        "target.argmax(-1)."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        jv.saliency(plain, X, np.eye(4, dtype=dtype)[:3])


@pytest.mark.usefixtures("unchecked_shapes")
@pytest.mark.parametrize(
    ("target", "got"), [("cat", "'cat'"), (["cat", "dog", "cat"], "'cat'"), (None, "None"), (0.5, "float64")]
)
def test_targets_that_are_no_numbers_are_named(target, got):
    text = (
        f"`target` must be integers, got {got}. Use the index of an output: logits.argmax(-1), or labels.index(label)."
    )
    with pytest.raises(TypeError, match=f"^{re.escape(text)}$"):
        jv.saliency(plain, X, target)
