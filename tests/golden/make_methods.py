"""Writes methods.npz: what captum, Quantus and scikit-learn say, for newer methods and metrics.

Run from the project's root in an environment of its own (two cores: a minute):

    pip install torch==2.13.0 captum==0.9.0 quantus==0.6.0 scikit-learn==1.9.1 safetensors==0.8.0 numpy
    python tests/golden/make_methods.py

All draws are made here and handed to the peers in place of their own, so that one can be given the same. Of maps as
large as SqueezeNet's image every STEP-th row and column is kept, and the norm and the sum of the whole.
"""

import contextlib
from pathlib import Path
from unittest import mock

import numpy as np
import quantus
import torch
from captum.attr import DeepLift, GradientShap, LayerConductance, LayerIntegratedGradients, NeuronIntegratedGradients
from captum.metrics import infidelity, sensitivity_max
from make_captum import HERE, STEP, load_model, to_nhwc
from sklearn.decomposition import NMF
from torch import nn

SAMPLES, STEPS, FINE = 6, 20, 400


class Small(nn.Module):
    """As VGG: convolutions, ReLUs, a max-pool, two dense layers."""

    def __init__(self):
        super().__init__()
        self.conv1, self.relu1 = nn.Conv2d(3, 6, 3, padding=1), nn.ReLU()
        self.conv2, self.relu2 = nn.Conv2d(6, 8, 3, padding=1), nn.ReLU()
        self.pool, self.dense1, self.relu3, self.dense2 = (
            nn.AvgPool2d(2),
            nn.Linear(8 * 4 * 5, 12),
            nn.ReLU(),
            nn.Linear(12, 4),
        )

    def forward(self, x):
        x = self.pool(self.relu2(self.conv2(self.relu1(self.conv1(x)))))
        return self.dense2(self.relu3(self.dense1(x.permute(0, 2, 3, 1).flatten(1))))


@contextlib.contextmanager
def given_draws(places, shares):
    """captum's GradientShap with these baselines and places on the way, in the order of its expanded batch."""
    with (
        mock.patch("numpy.random.choice", return_value=places),
        mock.patch("numpy.random.uniform", return_value=shares),
    ):
        yield


def main():
    rng = np.random.default_rng(0)
    torch.manual_seed(0)
    out = {}
    small = Small().double().eval()
    for name, tensor in small.state_dict().items():
        array = tensor.numpy()
        out[f"small.{name}"] = array.transpose(2, 3, 1, 0) if array.ndim == 4 else array.T
    images = rng.normal(size=(3, 8, 10, 3))
    baselines = rng.normal(size=(5, 8, 10, 3))
    x, starts = (torch.from_numpy(part.transpose(0, 3, 1, 2).copy()) for part in (images, baselines))
    targets = torch.tensor([0, 3, 1])
    out |= {"small.images": images, "small.baselines": baselines, "small.targets": targets.numpy()}
    out["small.logits"] = small(x).detach().numpy()

    out["small.deep_lift"] = to_nhwc(DeepLift(small).attribute(x, starts[:3], targets))
    places, shares = rng.integers(0, 5, (SAMPLES, 3)), rng.uniform(size=(SAMPLES, 3))
    out |= {"small.places": places, "small.shares": shares}
    with given_draws(places.T.reshape(-1), shares.T.reshape(-1)):
        found = GradientShap(small).attribute(x, starts, n_samples=SAMPLES, stdevs=0.0, target=targets)
    out["small.expected_gradients"] = to_nhwc(found)
    for name in ("relu1", "relu2"):
        layer = getattr(small, name)
        found = LayerConductance(small, layer).attribute(x, starts[:3], targets, n_steps=FINE, method="riemann_middle")
        out[f"small.conductance_{name}"] = to_nhwc(found)
        found = LayerIntegratedGradients(small, layer).attribute(x, starts[:3], targets, n_steps=STEPS)
        out[f"small.layer_{name}"] = to_nhwc(found)
    found = NeuronIntegratedGradients(small, small.relu2).attribute(x, (2, 3, 4), starts[:3], n_steps=STEPS)
    out["small.neuron"] = to_nhwc(found)

    attribution = to_nhwc(NeuronIntegratedGradients(small, small.dense2).attribute(x, (1,), n_steps=STEPS))
    noise = 0.1 * rng.normal(size=(SAMPLES, *images.shape))
    torch_noise = torch.from_numpy(noise.transpose(0, 1, 4, 2, 3).copy())
    out |= {"small.attribution": attribution, "small.noise": noise}

    def perturb(inputs, baselines=None):
        # captum repeats each image as often as there are samples.
        moved = torch_noise.transpose(0, 1).reshape(-1, *inputs.shape[1:])
        return moved, inputs - moved

    for name, normalize in (("infidelity", False), ("infidelity_normalized", True)):
        found = infidelity(
            small,
            perturb,
            x,
            torch.from_numpy(attribution.transpose(0, 3, 1, 2).copy()),
            target=targets,
            n_perturb_samples=SAMPLES,
            normalize=normalize,
        )
        out[f"small.{name}"] = found.detach().numpy()

    def explain(inputs, target):
        with torch.enable_grad():
            one = (inputs[0] if isinstance(inputs, tuple) else inputs).detach().requires_grad_()
            return torch.autograd.grad(small(one).gather(1, target[:, None]).sum(), one)

    def moved(inputs):
        return inputs + torch_noise.transpose(0, 1).reshape(-1, *inputs.shape[1:])

    found = sensitivity_max(explain, x, moved, n_perturb_samples=SAMPLES, target=targets)
    out["small.sensitivity"] = found.numpy()
    maps = np.abs(attribution).sum(-1)
    gini = quantus.Sparseness(abs=False, normalise=False, disable_warnings=True)
    out["small.sparseness"] = np.array(
        [gini.evaluate_batch(a_batch=maps[i : i + 1], x_batch=maps[i : i + 1]) for i in range(3)]
    )[:, 0]
    holes = rng.uniform(size=(8, 10)) < 0.4
    filled = quantus.functions.perturb_func.noisy_linear_imputation(
        images[0].transpose(2, 0, 1), np.flatnonzero(holes), noise=0.0
    )
    out |= {"small.holes": holes, "small.filled": np.asarray(filled).reshape(3, 8, 10).transpose(1, 2, 0)}

    model = load_model().double()
    # captum's rule for max-pools that overlap does not add up (9.95 of 28.15 here), so the pools take means.
    for pool in ("pool1", "pool3", "pool5"):
        setattr(model, pool, nn.AvgPool2d(3, 2))
    photos = torch.from_numpy(np.load(HERE / "images.npz")["images"].transpose(0, 3, 1, 2).copy()).double()
    targets = model(photos).argmax(1)
    lifted = DeepLift(model).attribute(photos, 0.0, targets)
    whole = to_nhwc(lifted)
    out |= {"squeezenet.targets": targets.numpy(), "squeezenet.deep_lift": whole[:, ::STEP, ::STEP]}
    out["squeezenet.deep_lift_norm"] = np.linalg.norm(whole.reshape(len(whole), -1), axis=1)
    out["squeezenet.deep_lift_sum"] = whole.sum((1, 2, 3))
    rows = np.random.default_rng(1).gamma(0.4, 1.0, (80, 5)) @ np.random.default_rng(2).gamma(0.4, 1.0, (5, 12))
    rows += np.random.default_rng(3).uniform(0, 0.3, rows.shape)
    factors = NMF(4, init="nndsvda", max_iter=20000, tol=1e-9).fit(rows)
    left = rows - factors.transform(rows) @ factors.components_
    out |= {"small.rows": rows, "small.factor_error": np.array(np.linalg.norm(left) / np.linalg.norm(rows))}
    kinds = {"f": np.float32, "i": np.int32, "b": bool}
    keep = {
        name: a.astype(np.float64 if name.startswith("small.") and a.dtype.kind == "f" else kinds[a.dtype.kind])
        for name, a in out.items()
    }
    np.savez_compressed(Path(HERE) / "methods.npz", **keep)
    logits = model(photos)
    print(
        "DeepLIFT adds up to",
        out["squeezenet.deep_lift_sum"],
        "of",
        (logits - model(0 * photos)).detach().numpy()[range(2), targets],
    )


if __name__ == "__main__":
    main()
