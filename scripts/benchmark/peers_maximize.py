"""Gradient ascent as lucent does it, in PyTorch: a loop of steps, each with hooks, augmentations, Adam.

The same numbers are varied, the same colors, augmentations and objective are used as by `jaxviz.maximize`.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch  # pyright: ignore[reportMissingImports]
from torch import nn  # pyright: ignore[reportMissingImports]

import models
from jaxviz.maximize.param import COLORS
from scripts.benchmark.peers import to_torch


class Ascent:
    """A channel of a layer for each picture of a batch.

    Args:
        network: what is shown the pictures.
        layer: a child of the PyTorch module.
        channels: one per picture.
        cut: whether what is above the layer is left out, which lucent cannot do.
        frozen: whether gradients of the parameters are left out, which lucent does not do.
    """

    def __init__(self, network: models.Network, layer: str, channels: Sequence[int], *, cut: bool, frozen: bool):
        self.module = to_torch(network).requires_grad_(not frozen)
        self.spec, self.channels = network.spec, torch.tensor(list(channels))
        names = [name for name, _ in self.module.named_children()]
        self.found: dict[str, Any] = {}
        self.module.get_submodule(layer).register_forward_hook(lambda _, __, out: self.found.update(out=out))
        if cut:
            self.module = nn.Sequential(*list(self.module.children())[: names.index(layer) + 1])
        self.mean = torch.tensor(self.spec.mean)[:, None, None]
        self.std = torch.tensor(self.spec.std)[:, None, None]
        self.colors = torch.from_numpy(COLORS)
        self.random = np.random.default_rng(0)

    def __call__(self, start: np.ndarray, size: int, steps: int, *, shaken: bool) -> np.ndarray:
        """Pixels in [0, 1] after some steps from a spectrum (n, 2, 3, rows, cols)."""
        numbers = torch.from_numpy(start.copy()).requires_grad_(True)
        frequency = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None])
        scale = torch.from_numpy((size / np.maximum(frequency, 1 / size) / 4).astype(np.float32))
        optimizer = torch.optim.Adam([numbers], lr=0.05)
        for _ in range(steps):
            optimizer.zero_grad()
            pixels = self.draw(numbers, scale, size)
            self.module(self.normalize(self.shake(pixels) if shaken else pixels))
            act = self.found["out"]
            loss = -act.mean((2, 3))[torch.arange(len(act)), self.channels].sum()
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            return self.draw(numbers, scale, size).permute(0, 2, 3, 1).numpy()

    def draw(self, numbers: Any, scale: Any, size: int) -> Any:
        """From the spectrum to pixels."""
        values = torch.fft.irfft2(torch.complex(numbers[:, 0], numbers[:, 1]) * scale, s=(size, size))
        return torch.sigmoid(torch.einsum("nchw,kc->nkhw", values, self.colors))

    def normalize(self, pixels: Any) -> Any:
        """To the network's own range."""
        pixels = pixels.flip(1) if self.spec.bgr else pixels
        return (pixels * self.spec.scale - self.mean) / self.std

    def shake(self, pixels: Any) -> Any:
        """The augmentations of lucid: a margin, a shift, a zoom and a turn in one lookup, a shift; the size stays."""
        size = pixels.shape[-1]
        images = self._shift(nn.functional.pad(pixels, [12] * 4, value=0.5), 8)
        factor = 1 + (self.random.integers(11) - 5) / 50
        angle = math.radians(self.random.choice([*range(-10, 11), 0, 0, 0, 0, 0]))
        cos, sin = math.cos(angle) / factor, math.sin(angle) / factor
        matrix = torch.tensor([[cos, -sin, 0.0], [sin, cos, 0.0]], dtype=torch.float32).expand(len(images), 2, 3)
        grid = nn.functional.affine_grid(matrix, list(images.shape), align_corners=False)
        images = self._shift(nn.functional.grid_sample(images - 0.5, grid, align_corners=False) + 0.5, 4)
        margin = (images.shape[-1] - size) // 2
        return images[..., margin : margin + size, margin : margin + size]

    def _shift(self, images: Any, distance: int) -> Any:
        row, col = self.random.integers(0, distance + 1, 2)
        height, width = images.shape[2] - distance, images.shape[3] - distance
        return images[..., row : row + height, col : col + width]
