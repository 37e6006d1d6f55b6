"""Every public method, and what must hold for all of them: a new method inherits the suite by adding a row.

A row is a function of a network, a batch of images and a target for each, whose outputs have the batch axis first.
"""

import re
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.ad_checkpoint import checkpoint_name

import jaxviz as jv
from tests import networks, public
from tests.quick import jit

KEY = jax.random.key(7)
UNITS = np.array([[0, 1, 2], [3, 3, 1], [2, 2, 3]])
BOXES = np.array([[0, 0, 3, 4], [2, 5, 9, 11], [4, 4, 5, 5]])

# Batch sizes that do not divide the number of samples, steps, channels, units and boxes.
METHODS = {
    "saliency": jv.saliency,
    "guided": lambda f, x, t: jv.saliency(f, x, t, rule="guided"),
    "gradient_x_input": jv.gradient_x_input,
    "smoothgrad": lambda f, x, t: jv.smoothgrad(f, x, t, key=KEY, num_samples=5, batch_size=4),
    "integrated_gradients": lambda f, x, t: jv.integrated_gradients(f, x, t, num_steps=5, batch_size=4),
    "completeness_gap": lambda f, x, t: jv.metrics.completeness_gap(f, x, t, 0.1 * x, baseline=0.3),
    "deep_lift": lambda f, x, t: jv.attribution.deep_lift(f, x, t, baseline=0.1),
    "expected_gradients": lambda f, x, t: jv.attribution.expected_gradients(
        f, x, t, networks.images(3), key=KEY, num_samples=5, batch_size=4
    ),
    "layer_integrated_gradients": lambda f, x, t: jv.attribution.layer_integrated_gradients(
        f, x, t, "last", num_steps=5, batch_size=4
    ),
    "layer_conductance": lambda f, x, t: jv.attribution.layer_conductance(f, x, t, "last", num_steps=5, batch_size=4),
    "grad_cam": lambda f, x, t: jv.grad_cam(f, x, t, "last"),
    "grad_cam_pp": lambda f, x, t: jv.attribution.grad_cam_pp(f, x, t, "last"),
    "layer_cam": lambda f, x, t: jv.attribution.layer_cam(f, x, t, "last"),
    "hires_cam": lambda f, x, t: jv.attribution.hires_cam(f, x, t, "last"),
    "xgrad_cam": lambda f, x, t: jv.attribution.xgrad_cam(f, x, t, "last"),
    "eigen_cam": lambda f, x, t: jv.attribution.eigen_cam(f, x, "last"),
    "ablation_cam": lambda f, x, t: jv.attribution.ablation_cam(f, x, t, "last", batch_size=6),
    "recipro_cam": lambda f, x, t: jv.attribution.recipro_cam(f, x, t, "last", batch_size=6),
    "score_cam": lambda f, x, t: jv.attribution.score_cam(f, x, t, "last", batch_size=6),
    "rise": lambda f, x, t: jv.attribution.rise(f, x, t, key=KEY, num_masks=7, cells=3, batch_size=4).map,
    "guided_grad_cam": lambda f, x, t: jv.guided_grad_cam(f, x, t, "last"),
    "project": lambda f, x, t: jv.project(f, x, "last", UNITS, batch_size=2),
    "occlude_regions": lambda f, x, t: jv.occlude_regions(f, x, BOXES, batch_size=4),
}
# Public functions that are no row, by where such a table for them is.
ELSEWHERE = {
    "tests/transforms": (
        *("after", "bind", "edit", "incremental", "layers", "matches", "max_pool_with_switches", "per_example"),
        *("channels_last", "receptive_field", "rewrite", "tap", "tap_gradients", "unit_outputs", "unpool", "upto"),
        "with_rule",
    ),
    "tests/core/test_cpu_kernels.py": ("fast_on_cpu",),
    # One image, and a window that slides.
    "tests/attribution/test_occlusion.py": ("occlusion", "occlusion_grid"),
    # Of all images together, and of examples.
    "tests/attribution/test_concepts.py": ("concept_importance", "concepts", "tcav"),
    # Whole numbers: the units of an activation.
    "tests/attribution/test_oracles.py": ("strongest_units",),
    "tests/test_probability.py": ("log_probabilities", "probabilities"),
    "tests/dataset": (
        *("ablate", "ablate_each", "activation_sample", "allgather_bytes", "class_statistics", "confusion"),
        "measure_each",
        *("correspondence", "evolution", "fingerprint", "rank_channels", "settling", "strongest"),
    ),
    "tests/robustness": (
        *("adversarial_patch", "blur", "brightness", "enlargement", "fgsm", "horizontal_translation", "invariance"),
        *("paste_patch", "pgd", "rotation", "standard_transformations", "vertical_translation"),
    ),
    # Numbers for maps, or other networks.
    "tests/metrics": (
        *("cascade", "confidence_interval", "deletion", "energy_in", "infidelity", "insertion", "max_sensitivity"),
        *("permuted", "pointing_game", "randomized", "rank_correlation", "redrawn", "road", "sparseness", "ssim"),
    ),
    "tests/explanation": ("explain",),
    "tests/microscope": ("build", "is_free"),
}
# Their own tests are in tests/attribution; here all but what no other row stands for is slow.
LATER = (
    *("deep_lift", "expected_gradients", "layer_integrated_gradients", "layer_conductance", "hires_cam", "xgrad_cam"),
    *("eigen_cam", "ablation_cam", "recipro_cam", "rise"),
)
TARGETED = [name for name in METHODS if name not in ("project", "occlude_regions", "eigen_cam")]

OF_UNITS = ("layer_integrated_gradients", "layer_conductance")
LAYERED = [name for name in METHODS if "cam" in name or "layer" in name or name == "project"]

methods = pytest.mark.parametrize("method", METHODS)
fewer = pytest.mark.parametrize(
    "method", [pytest.param(name, marks=pytest.mark.slow if name in LATER else []) for name in METHODS]
)

# Those whose every test takes seconds, and those that go down the same way as another.
SELDOM = (*LATER, "gradient_x_input", "integrated_gradients", "completeness_gap", "grad_cam_pp", "layer_cam")


def few_of(names):
    """One way of each kind in the quick tests, the others in the slow ones."""
    return pytest.mark.parametrize(
        "method", [pytest.param(name, marks=pytest.mark.slow if name in SELDOM else []) for name in names]
    )


compiled = []
jax.monitoring.register_event_duration_secs_listener(
    lambda event, _, **__: compiled.append(event) if event == "/jax/core/compile/backend_compile_duration" else None
)


def inputs(count=2):
    return networks.images(count), jnp.arange(count) % 5


def twin(family):
    """The plain function with the layer "last" where this kind of model has it."""

    def name(x):
        return checkpoint_name(x, "last")

    def f(x):
        x = networks.pool(jax.nn.relu(networks.conv(x, networks.PARAMS["first"])))
        x = jax.nn.relu(networks.conv(x, networks.PARAMS["blocks"][0]))
        x = networks.conv(x, networks.PARAMS["blocks"][1])
        if family in ("linen", "nnx"):  # module outputs, before the ReLU
            x = jax.nn.relu(name(x))
        else:
            x = name(jax.nn.relu(x))
        return x.mean((1, 2)) @ networks.PARAMS["dense"]

    return f


def close(actual, expected):
    # Convolutions of other batch sizes sum in another order.
    np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-5 * max(1.0, float(jnp.abs(expected).max())))


@pytest.fixture(scope="module")
def eager():
    """Each method's result for the plain function, which is no trivial one."""
    f, (x, t) = networks.FAMILIES["plain"](), inputs()
    found = {name: method(f, x, t) for name, method in METHODS.items()}
    for name, result in found.items():
        assert jnp.isfinite(result).all(), name
        assert (jnp.abs(result) > 1e-3).any(), name
    return found


def test_every_public_function_is_a_row_or_has_a_table_elsewhere():
    elsewhere = [name for names in ELSEWHERE.values() for name in names]
    assert sorted(public.FUNCTIONS.keys() - METHODS.keys()) == sorted(elsewhere)
    for place, names in ELSEWHERE.items():
        files = [Path(place)] if place.endswith(".py") else Path(place).glob("test_*.py")
        text = "".join(file.read_text() for file in files)
        assert [name for name in names if not re.search(rf"\b{name}\b", text)] == []


@fewer
def test_jit_equals_eager_with_the_network_as_an_argument(method, eager):
    f, (x, t) = networks.FAMILIES["plain"](), inputs()
    close(jit(METHODS[method])(f, x, t), eager[method])


@few_of(METHODS)
def test_vmap_equals_a_loop(method):
    f, (x, t) = networks.FAMILIES["plain"](), inputs()

    def single(image, target):
        return METHODS[method](f, image[None], target[None])[0]

    each = jnp.stack([jit(single)(image, target) for image, target in zip(x, t, strict=True)])
    close(jit(jax.vmap(single))(x, t), each)


# The families whose program is least like the plain one.
QUICK = ("scan", "nnx")


@few_of(METHODS)
@pytest.mark.parametrize(
    "family",
    [
        pytest.param(family, marks=pytest.mark.slow if family not in QUICK else [])
        for family in networks.FAMILIES
        if family != "plain"
    ],
)
def test_every_kind_of_model_gives_the_same(method, family, eager):
    f, (x, t) = networks.FAMILIES[family](), inputs()
    same_layer = method not in LAYERED or family in ("scan", "checkpoint")
    expected = eager[method] if same_layer else jit(lambda x, t: METHODS[method](twin(family), x, t))(x, t)
    if family == "equinox" and method in OF_UNITS:
        expected = jnp.moveaxis(expected, -1, 1)  # in the layer's own axes, of which the channels are first
    close(jit(lambda x, t: METHODS[method](f, x, t))(x, t), expected)


@few_of([name for name in METHODS if name not in LAYERED])
def test_an_equinox_module_that_holds_functions_works_outside_of_jit(method, eager):
    f, (x, t) = networks.FAMILIES["equinox"](), inputs()
    assert any(callable(leaf) for leaf in jax.tree.leaves(f))
    close(METHODS[method](f, x, t), eager[method])


@methods
@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16])
@pytest.mark.slow
def test_half_precision_is_kept(method, dtype):
    f, (x, t) = networks.FAMILIES["plain"](), inputs()
    f, x = jax.tree.map(lambda leaf: leaf.astype(dtype), (f, x))
    # A difference of sums over all pixels would be nothing but rounding.
    expected = jnp.float32 if method == "completeness_gap" else dtype
    assert jax.eval_shape(METHODS[method], f, x, t).dtype == expected


@few_of(METHODS)
def test_a_second_call_neither_traces_nor_compiles(method):
    f, (x, t) = networks.FAMILIES["plain"](), inputs()
    traced = []

    @jit
    def jitted(f, x, t):
        traced.append(1)
        return METHODS[method](f, x, t)

    other = jax.tree.map(lambda leaf: 2 * leaf, f)
    for call in (jitted, METHODS[method]):
        call(f, x, t)
        compiled.clear()
        call(other, x, t)
        assert not compiled
    assert traced == [1]


@few_of(TARGETED)
def test_a_target_that_does_not_exist_is_refused_or_gives_nan(method):
    f, (x, _) = networks.FAMILIES["plain"](), inputs()
    with pytest.raises(ValueError, match=r"^`target` must be in 0\.\.4, got -1\. It is the index of"):
        METHODS[method](f, x, np.array([2, -1]))
    for wrong in (-1, 5):
        out = jit(METHODS[method])(f, x, jnp.array([2, wrong]))
        assert jnp.isfinite(out[0]).all()
        assert jnp.isnan(out[1]).all()


@few_of(TARGETED)
@pytest.mark.parametrize("where", ["above", "below"])
def test_an_output_that_is_nan_is_not_explained_by_numbers(method, where):
    """A class has weights of NaN above the ReLUs, or NaN is added below them: a ReLU would make zeros of both."""
    x, _ = inputs()
    params = networks.PARAMS | {"added": jnp.nan if where == "below" else 0.0}
    if where == "above":
        params["dense"] = params["dense"].at[:, 3].set(jnp.nan)
    plain = networks.FAMILIES["plain"]().func
    found = METHODS[method](jax.tree_util.Partial(lambda params, x: plain(params, x + params["added"]), params), x, 3)
    assert jnp.isnan(found.reshape(len(x), -1)).any(1).all()


@pytest.mark.parametrize("method", TARGETED)
def test_one_target_for_all_is_a_target_for_each(method):
    f, (x, _) = networks.FAMILIES["plain"](), inputs()
    np.testing.assert_array_equal(METHODS[method](f, x, 3), METHODS[method](f, x, np.array([3, 3])))


@methods
@pytest.mark.slow
def test_a_result_can_be_differentiated(method):
    f, (x, t) = networks.FAMILIES["plain"](), inputs()

    def curved(x):
        return f(x) ** 2  # a network of ReLUs alone has no second derivative

    gradient = jit(jax.grad(lambda x: (METHODS[method](curved, x, t) ** 2).sum()))(x)
    assert jnp.isfinite(gradient).all()
    assert jnp.abs(gradient).max() > 0
