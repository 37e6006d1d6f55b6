"""The same attributions by captum, and by pytorch-grad-cam where captum has none."""

from collections.abc import Callable
from typing import Any

import numpy as np

import models

_LOOPS = ("smoothgrad", "integrated_gradients", "expected_gradients", "layer_conductance", "score_cam", "ablation_cam")
_CAMS = ("grad_cam_pp", "layer_cam", "score_cam", "hires_cam", "xgrad_cam", "ablation_cam")
_NONE = ("recipro_cam", "rise", "eigen_cam")


def batch_sizes(method: str, num_images: int) -> tuple[int | None, ...]:
    """How many images at a time the peer is tried with; for a batch the most, which is best there."""
    if method not in _LOOPS:
        return (None,)
    return (1, 8, 16) if num_images == 1 else (16,)


def build(
    method: str, network: models.Network, images: np.ndarray, layer: str, target: int, size: int | None
) -> Callable[[], Any] | None:
    """A call of the peer's method on the network's PyTorch twin; None where no peer has it."""
    import captum.attr as attr  # pyright: ignore[reportMissingImports]
    import torch  # pyright: ignore[reportMissingImports]

    from scripts.benchmark.peers import to_torch

    module = to_torch(network)
    tensor = torch.from_numpy(images.transpose(0, 3, 1, 2).copy())
    inner = module.get_submodule(layer)
    if method in _NONE:
        return None
    if method in _CAMS:
        return _class_activation(method, module, tensor, inner, target, size)

    def smooth() -> Any:
        tunnel = attr.NoiseTunnel(attr.Saliency(module))
        deviation = 0.15 * float(tensor.max() - tensor.min())
        return tunnel.attribute(
            tensor, nt_samples=50, nt_samples_batch_size=size, stdevs=deviation, target=target, abs=False
        )

    calls: dict[str, Callable[[], Any]] = {
        "saliency": lambda: attr.Saliency(module).attribute(tensor, target, abs=False),
        "guided": lambda: attr.GuidedBackprop(module).attribute(tensor, target),
        "deconvnet": lambda: attr.Deconvolution(module).attribute(tensor, target),
        "gradient_x_input": lambda: attr.InputXGradient(module).attribute(tensor, target),
        "smoothgrad": smooth,
        "integrated_gradients": lambda: attr.IntegratedGradients(module).attribute(
            tensor, target=target, n_steps=50, internal_batch_size=size
        ),
        # In chunks by hand: captum expands all samples at once.
        "expected_gradients": lambda: [
            attr.GradientShap(module).attribute(tensor, tensor, n_samples=size or 50, stdevs=0.0, target=target)
            for _ in range(-(-50 // (size or 50)))
        ],
        "deep_lift": lambda: attr.DeepLift(module).attribute(tensor, target=target),
        "layer_conductance": lambda: attr.LayerConductance(module, inner).attribute(
            tensor, target=target, n_steps=50, internal_batch_size=size
        ),
        "grad_cam": lambda: attr.LayerGradCam(module, inner).attribute(tensor, target, relu_attributions=True),
        "guided_grad_cam": lambda: attr.GuidedGradCam(module, inner).attribute(tensor, target),
        "project": lambda: attr.NeuronDeconvolution(module, inner).attribute(tensor, (0, 6, 6)),
    }
    return calls[method]


def _class_activation(
    method: str, module: Any, tensor: Any, inner: Any, target: int, size: int | None
) -> Callable[[], Any] | None:
    try:
        import pytorch_grad_cam as peer  # pyright: ignore[reportMissingImports]
        from pytorch_grad_cam.utils.model_targets import (  # pyright: ignore[reportMissingImports]
            ClassifierOutputTarget,
        )
    except (ImportError, RuntimeError):  # a torchvision of another torch raises the latter
        return None
    kinds = {"grad_cam_pp": peer.GradCAMPlusPlus, "layer_cam": peer.LayerCAM, "score_cam": peer.ScoreCAM}
    kinds |= {"hires_cam": peer.HiResCAM, "xgrad_cam": peer.XGradCAM, "ablation_cam": peer.AblationCAM}
    cam = kinds[method](model=module, target_layers=[inner])
    if size is not None:
        cam.batch_size = size
    targets = [ClassifierOutputTarget(target)] * len(tensor)
    return lambda: cam(input_tensor=tensor, targets=targets)
