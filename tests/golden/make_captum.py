"""Writes captum.npz: what captum says about images.npz, for SqueezeNet 1.1 written in torch.

Run from the project's root in an environment of its own (two cores: 20 seconds):

    pip install torch==2.13.0 captum==0.9.0 safetensors==0.8.0 numpy
    python tests/golden/make_captum.py

Expected: top classes 285 and 967; 0.8 MB. Full maps would take 9 MB, so that of each image-sized map every STEP-th row
and column is kept (an odd step, so that all phases of the strides are seen), and the norm of the whole.
"""

from pathlib import Path

import numpy as np
import torch
from captum.attr import (
    Deconvolution,
    GuidedBackprop,
    IntegratedGradients,
    LayerGradCam,
    NeuronDeconvolution,
    NeuronGuidedBackprop,
    Saliency,
)
from safetensors.numpy import load_file
from torch import nn

STEP = 3
POINTS = 8  # of the integrated gradients
HERE = Path(__file__).parent
FIRES = {
    "fire2": (64, 16, 64),
    "fire3": (128, 16, 64),
    "fire4": (128, 32, 128),
    "fire5": (256, 32, 128),
    "fire6": (256, 48, 192),
    "fire7": (384, 48, 192),
    "fire8": (384, 64, 256),
    "fire9": (512, 64, 256),
}


class Fire(nn.Module):
    def __init__(self, channels, squeezed, expanded):
        super().__init__()
        self.squeeze1x1, self.squeezed = nn.Conv2d(channels, squeezed, 1), nn.ReLU()
        self.expand1x1, self.expanded1 = nn.Conv2d(squeezed, expanded, 1), nn.ReLU()
        self.expand3x3, self.expanded3 = nn.Conv2d(squeezed, expanded, 3, padding=1), nn.ReLU()

    def forward(self, x):
        x = self.squeezed(self.squeeze1x1(x))
        return torch.cat([self.expanded1(self.expand1x1(x)), self.expanded3(self.expand3x3(x))], 1)


class SqueezeNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.relu1, self.pool1 = nn.Conv2d(3, 64, 3, 2), nn.ReLU(), nn.MaxPool2d(3, 2)
        for name, sizes in FIRES.items():
            setattr(self, name, Fire(*sizes))
        self.pool3, self.pool5 = nn.MaxPool2d(3, 2), nn.MaxPool2d(3, 2)
        self.conv10, self.relu10 = nn.Conv2d(512, 1000, 1), nn.ReLU()

    def forward(self, x):
        x = self.pool1(self.relu1(self.conv1(x)))
        x = self.pool3(self.fire3(self.fire2(x)))
        x = self.pool5(self.fire5(self.fire4(x)))
        x = self.fire9(self.fire8(self.fire7(self.fire6(x))))
        return self.relu10(self.conv10(x)).mean((2, 3))


def load_model():
    """SqueezeNet with the project's weights."""
    state = {}
    for key, array in load_file(HERE.parents[1] / "checkpoints/squeezenet.safetensors").items():
        kernel = key.endswith("kernel")
        name = key.replace("/", ".").replace("kernel", "weight")
        state[name] = torch.from_numpy(np.ascontiguousarray(array.transpose(3, 2, 0, 1) if kernel else array))
    model = SqueezeNet().eval()
    model.load_state_dict(state)
    return model


def to_nhwc(x):
    return x.detach().numpy().transpose(0, 2, 3, 1)


def main():
    torch.manual_seed(0)
    # Double precision: in single, a ReLU or a max-pool somewhere on the way to the points of the integrated
    # gradients stands so close to its edge that rounding decides, and two right results differ by 3e-4.
    model = load_model().double()
    images = torch.from_numpy(np.load(HERE / "images.npz")["images"].transpose(0, 3, 1, 2).copy()).double()
    logits = model(images)
    targets = logits.argmax(1)
    out = {"logits": logits.detach().numpy(), "targets": targets.numpy()}

    def keep(name, maps):
        maps = to_nhwc(maps)
        out[name] = maps[:, ::STEP, ::STEP]
        out[name + "_norm"] = np.linalg.norm(maps.reshape(len(maps), -1), axis=1)

    keep("saliency", Saliency(model).attribute(images, targets, abs=False))
    keep("guided", GuidedBackprop(model).attribute(images, targets))
    keep("deconvnet", Deconvolution(model).attribute(images, targets))
    integrated, gap = IntegratedGradients(model).attribute(
        images,
        0.0,
        targets,
        n_steps=POINTS,
        method="gausslegendre",
        internal_batch_size=10,
        return_convergence_delta=True,
    )
    keep("integrated_gradients", integrated)
    out["completeness_gap"] = gap.numpy()
    for layer in ("fire5", "fire9"):
        cam = LayerGradCam(model, getattr(model, layer)).attribute(images, targets, relu_attributions=True)
        out[f"grad_cam_{layer}"] = cam[:, 0].detach().numpy()

    # The strongest unit of each image in some layers: where it is, its activation, its projections (of 1).
    for layer, module in {
        "pool1": model.pool1,
        "fire3": model.fire3,
        "fire5": model.fire5,
        "fire9": model.fire9,
        "conv10": model.relu10,
    }.items():
        taken = []
        handle = module.register_forward_hook(lambda *args, taken=taken: taken.append(args[2]))
        model(images)
        handle.remove()
        activation = to_nhwc(taken[0])
        units = np.array([np.unravel_index(a.argmax(), a.shape) for a in activation])
        out[f"units_{layer}"] = units
        out[f"activations_{layer}"] = activation.max((1, 2, 3))
        # NeuronDeconvolution takes one unit for a whole batch.
        for rule, method in {"deconvnet": NeuronDeconvolution, "guided": NeuronGuidedBackprop}.items():
            down = method(model, module)
            parts = [
                down.attribute(images[i : i + 1], (int(unit[2]), int(unit[0]), int(unit[1])))
                for i, unit in enumerate(units)
            ]
            keep(f"project_{rule}_{layer}", torch.cat(parts))
    small = {"f": np.float32, "i": np.int32}
    np.savez_compressed(HERE / "captum.npz", **{name: a.astype(small[a.dtype.kind]) for name, a in out.items()})
    print("targets", targets.tolist(), "gap", gap.tolist(), "of", logits.max(1).values.tolist())


if __name__ == "__main__":
    main()
