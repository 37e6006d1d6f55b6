"""Newer methods and metrics against captum, Quantus and scikit-learn: see tests/golden/make_methods.py."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.ad_checkpoint import checkpoint_name
from safetensors.numpy import load_file

import jaxviz as jv
from jaxviz.metrics._road import fill_in

# In double precision.
pytestmark = pytest.mark.slow

FOLDER = Path(__file__).parents[1] / "golden"
STEP = 3  # of the rows and columns of a large map that were kept
SAMPLES, STEPS, FINE = 6, 20, 400


@pytest.fixture(scope="module", autouse=True)
def double():
    with jax.enable_x64(True):
        yield


@pytest.fixture(scope="module")
def golden(double):
    with np.load(FOLDER / "methods.npz") as arrays:
        return {name: jnp.asarray(array) for name, array in arrays.items()}


def conv(x, kernel, bias, stride=1, padding="SAME"):
    out = jax.lax.conv_general_dilated(x, kernel, (stride,) * 2, padding, dimension_numbers=("NHWC", "HWIO", "NHWC"))
    return out + bias


def small(golden):
    def f(images):
        x = images
        for name in ("1", "2"):
            x = jax.nn.relu(conv(x, golden[f"small.conv{name}.weight"], golden[f"small.conv{name}.bias"]))
            x = checkpoint_name(x, f"relu{name}")
        x = x.reshape(len(x), 4, 2, 5, 2, 8).mean((2, 4)).reshape(len(x), -1)
        x = jax.nn.relu(x @ golden["small.dense1.weight"] + golden["small.dense1.bias"])
        return x @ golden["small.dense2.weight"] + golden["small.dense2.bias"]

    return f


@pytest.fixture(scope="module")
def case(golden):
    """The small network, images, baselines of the same number, targets."""
    return small(golden), golden["small.images"], golden["small.baselines"][:3], golden["small.targets"]


def close(found, golden, name, rtol=1e-9):
    expected = np.asarray(golden[name])
    np.testing.assert_allclose(found, expected, rtol=rtol, atol=rtol * np.abs(expected).max())


@pytest.fixture
def draws(monkeypatch):
    """The random numbers of JAX in place of others, by the number of the sample."""

    def put(**functions):
        monkeypatch.setattr(jax.random, "fold_in", lambda key, number: number)
        monkeypatch.setattr(jax.random, "split", lambda key: (key, key))
        for name, function in functions.items():
            monkeypatch.setattr(jax.random, name, function)

    yield put
    # What was compiled with them is of no other use.
    jax.clear_caches()


def test_the_networks_are_the_same(case, golden):
    f, images, _, _ = case
    close(f(images), golden, "small.logits")


def test_deep_lift(case, golden):
    f, images, baselines, targets = case
    close(jv.attribution.deep_lift(f, images, targets, baseline=baselines), golden, "small.deep_lift")


def test_deep_lift_of_squeezenet_with_mean_pools(golden):
    """Its max-pools overlap, where captum's maps do not add up to the score and ours do."""
    loaded = load_file(FOLDER.parents[1] / "checkpoints" / "squeezenet.safetensors")
    weights = {name: jnp.asarray(array, jnp.float64) for name, array in loaded.items()}

    def relu_conv(x, layer, stride=1, padding="VALID"):
        return jax.nn.relu(conv(x, weights[f"{layer}/kernel"], weights[f"{layer}/bias"], stride, padding))

    def f(x):
        x = relu_conv(x, "conv1", 2)
        for number in range(2, 10):
            fire = f"fire{number}"
            if number in (2, 4, 6):
                x = jax.lax.reduce_window(x, 0.0, jax.lax.add, (1, 3, 3, 1), (1, 2, 2, 1), "VALID") / 9
            x = relu_conv(x, f"{fire}/squeeze1x1")
            wide = relu_conv(x, f"{fire}/expand3x3", 1, "SAME")
            x = jnp.concatenate([relu_conv(x, f"{fire}/expand1x1"), wide], -1)
        return relu_conv(x, "conv10").mean((1, 2))

    with np.load(FOLDER / "images.npz") as arrays:
        images = jnp.asarray(arrays["images"], jnp.float64)
    found = np.asarray(jv.attribution.deep_lift(f, images, golden["squeezenet.targets"]))
    np.testing.assert_allclose(found.sum((1, 2, 3)), golden["squeezenet.deep_lift_sum"], rtol=1e-6)
    np.testing.assert_allclose(np.sqrt((found**2).sum((1, 2, 3))), golden["squeezenet.deep_lift_norm"], rtol=1e-6)
    kept, expected = found[:, ::STEP, ::STEP], np.asarray(golden["squeezenet.deep_lift"])
    assert np.linalg.norm(kept - expected) <= 1e-6 * np.linalg.norm(expected)


def test_expected_gradients(case, golden, draws):
    f, images, _, targets = case
    draws(
        randint=lambda number, *args: golden["small.places"][number],
        uniform=lambda number, *args: golden["small.shares"][number],
    )
    found = jv.attribution.expected_gradients(
        f, images, targets, golden["small.baselines"], key=jax.random.key(0), num_samples=SAMPLES
    )
    close(found, golden, "small.expected_gradients")


@pytest.mark.parametrize("layer", ["relu1", "relu2"])
def test_layers_and_a_unit_of_one(case, golden, layer):
    f, images, baselines, targets = case
    options = {"baseline": baselines, "num_steps": STEPS}
    found = jv.attribution.layer_integrated_gradients(f, images, targets, layer, **options)
    close(found, golden, f"small.layer_{layer}", 1e-6)
    # captum takes differences between the steps, ours are derivatives: the same in the limit.
    found = jv.attribution.layer_conductance(f, images, targets, layer, baseline=baselines, num_steps=FINE)
    expected = np.asarray(golden[f"small.conductance_{layer}"])
    assert np.linalg.norm(found - expected) < 0.01 * np.linalg.norm(expected)
    if layer == "relu2":
        unit = jv.unit_outputs(f, "relu2", [(3, 4, 2)])
        close(jv.integrated_gradients(unit, images, 0, **options), golden, "small.neuron", 1e-6)


@pytest.mark.parametrize("normalize", [False, True])
def test_infidelity(case, golden, draws, normalize):
    f, images, _, targets = case
    span = images.max((1, 2, 3)) - images.min((1, 2, 3))
    draws(normal=lambda number, *args: golden["small.noise"][number] / span[:, None, None, None])
    found = jv.metrics.infidelity(
        f,
        images,
        targets,
        golden["small.attribution"],
        key=jax.random.key(0),
        noise=1.0,
        num_samples=SAMPLES,
        normalize=normalize,
    )
    close(found, golden, "small.infidelity_normalized" if normalize else "small.infidelity")


def test_max_sensitivity(case, golden, draws):
    f, images, _, targets = case
    span = images.max((1, 2, 3)) - images.min((1, 2, 3))
    draws(uniform=lambda number, *args: golden["small.noise"][number] / span[:, None, None, None])
    found = jv.metrics.max_sensitivity(
        lambda x: jv.saliency(f, x, targets), images, key=jax.random.key(0), radius=1.0, num_samples=SAMPLES
    )
    close(found, golden, "small.sensitivity")


def test_concepts_leave_no_more_than_the_factors_of_scikit_learn(golden):
    def f(images):
        return checkpoint_name(images, "maps").mean((1, 2))

    rows = golden["small.rows"].reshape(1, 8, 10, 12)
    found = jv.attribution.concepts(f, rows, "maps", key=jax.random.key(0), num_concepts=4, num_steps=3000)
    # Both find one of several minima.
    np.testing.assert_allclose(found.error, golden["small.factor_error"], rtol=0.03)


def test_sparseness_and_filled_holes(golden):
    maps = jnp.abs(golden["small.attribution"]).sum(-1)
    # Quantus adds 1e-7 to each entry, of some thousandths.
    close(jv.metrics.sparseness(maps), golden, "small.sparseness", 1e-3)
    # Ours is solved to a residual of 1e-5.
    close(fill_in(golden["small.images"][0], golden["small.holes"]), golden, "small.filled", 1e-4)
