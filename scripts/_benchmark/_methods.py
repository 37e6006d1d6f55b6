"""Gradient attributions of a batch, each as one compiled program, beside captum's."""

from typing import Any

import jax
import numpy as np

import jaxviz as jv
import models
from scripts._benchmark._timing import has_captum, peak_megabytes, time_it


def methods(config: Any, network: models.Network) -> dict[str, Any]:
    """Each method compiled as one program, parameters as arguments, and captum's."""
    images = jax.random.normal(jax.random.key(0), (config.batch, *network.input_shape)) * 60
    target = 281
    ours = {
        "forward": jax.jit(lambda f, x: f(x)),
        "saliency": jax.jit(lambda f, x: jv.saliency(f, x, target)),
        "guided": jax.jit(lambda f, x: jv.saliency(f, x, target, rule="guided")),
        "deconvnet": jax.jit(lambda f, x: jv.saliency(f, x, target, rule="deconvnet")),
        "jax.grad": jax.jit(lambda f, x: jax.grad(lambda x: f(x)[:, target].sum())(x)),
    }
    times = {name: time_it(lambda call=call: call(network, images), config.repeats) for name, call in ours.items()}
    if has_captum():
        import captum.attr  # pyright: ignore[reportMissingImports]
        import torch  # pyright: ignore[reportMissingImports]

        from scripts._benchmark._peers import to_torch

        module = to_torch(network)
        tensor = torch.from_numpy(np.array(images).transpose(0, 3, 1, 2).copy())
        peers = {
            "captum forward": lambda: module(tensor).detach(),
            "captum saliency": lambda: captum.attr.Saliency(module).attribute(tensor, target, abs=False),
            "captum guided": lambda: captum.attr.GuidedBackprop(module).attribute(tensor, target),
            "captum deconvnet": lambda: captum.attr.Deconvolution(module).attribute(tensor, target),
        }
        for name, call in peers.items():
            with torch.set_grad_enabled(name != "captum forward"):
                times[name] = time_it(call, config.repeats)
    return {"times": times, "peak_megabytes": peak_megabytes()}
