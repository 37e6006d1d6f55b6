"""The same networks in PyTorch, with the same weights, for benchmarks against captum."""

from typing import Any

import jax
import numpy as np
import torch  # pyright: ignore[reportMissingImports]
from torch import nn  # pyright: ignore[reportMissingImports]

import models


class Fire(nn.Module):
    """SqueezeNet's block."""

    def __init__(self, channels: int, squeezed: int, expanded: int):
        super().__init__()
        self.squeeze1x1, self.relu = nn.Conv2d(channels, squeezed, 1), nn.ReLU()
        self.expand1x1, self.relu1 = nn.Conv2d(squeezed, expanded, 1), nn.ReLU()
        self.expand3x3, self.relu3 = nn.Conv2d(squeezed, expanded, 3, padding=1), nn.ReLU()

    def forward(self, x: Any) -> Any:
        """The two expansions behind each other."""
        x = self.relu(self.squeeze1x1(x))
        return torch.cat([self.relu1(self.expand1x1(x)), self.relu3(self.expand3x3(x))], 1)


class Block(nn.Module):
    """ResNet's block."""

    def __init__(self, channels: int, maps: int, stride: int):
        super().__init__()
        self.conv1, self.norm1 = nn.Conv2d(channels, maps, 3, stride, 1, bias=False), nn.BatchNorm2d(maps)
        self.conv2, self.norm2 = nn.Conv2d(maps, maps, 3, 1, 1, bias=False), nn.BatchNorm2d(maps)
        self.relu, self.out = nn.ReLU(), nn.ReLU()
        projects = stride != 1 or channels != maps
        self.project = nn.Conv2d(channels, maps, 1, stride, bias=False) if projects else nn.Identity()
        self.project_norm = nn.BatchNorm2d(maps) if projects else nn.Identity()

    def forward(self, x: Any) -> Any:
        """The sum after ReLU."""
        y = self.norm2(self.conv2(self.relu(self.norm1(self.conv1(x)))))
        return self.out(self.project_norm(self.project(x)) + y)


def _squeezenet() -> nn.Module:
    net = nn.Sequential()
    net.add_module("conv1", nn.Conv2d(3, 64, 3, 2))
    net.add_module("relu1", nn.ReLU())
    net.add_module("pool1", nn.MaxPool2d(3, 2))
    channels = 64
    for number, squeezed in zip(range(2, 10), (16, 16, 32, 32, 48, 48, 64, 64), strict=True):
        net.add_module(f"fire{number}", Fire(channels, squeezed, 4 * squeezed))
        channels = 8 * squeezed
        if number in (3, 5):
            net.add_module(f"pool{number}", nn.MaxPool2d(3, 2))
    net.add_module("conv10", nn.Conv2d(512, 1000, 1))
    net.add_module("relu10", nn.ReLU())
    net.add_module("mean", nn.AdaptiveAvgPool2d(1))
    net.add_module("flat", nn.Flatten())
    return net


class _ChannelsLast(nn.Module):
    """Flattens in the order of the JAX network, so that its dense weights fit."""

    def forward(self, x: Any) -> Any:
        return x.permute(0, 2, 3, 1).flatten(1)


def _vgg16() -> nn.Module:
    net, channels = nn.Sequential(), 3
    for stage, (count, maps) in enumerate(((2, 64), (2, 128), (3, 256), (3, 512), (3, 512)), 1):
        for number in range(1, count + 1):
            net.add_module(f"conv{stage}_{number}", nn.Conv2d(channels, maps, 3, padding=1))
            net.add_module(f"relu{stage}_{number}", nn.ReLU())
            channels = maps
        net.add_module(f"pool{stage}", nn.MaxPool2d(2))
    net.add_module("flat", _ChannelsLast())
    for name, size, out in (("fc1", 7 * 7 * 512, 4096), ("fc2", 4096, 4096)):
        net.add_module(name, nn.Linear(size, out))
        net.add_module(f"{name}_relu", nn.ReLU())
    net.add_module("predictions", nn.Linear(4096, 1000))
    return net


def _resnet18() -> nn.Module:
    net, channels = nn.Sequential(), 64
    net.add_module("conv1", nn.Conv2d(3, 64, 7, 2, 3, bias=False))
    net.add_module("norm1", nn.BatchNorm2d(64))
    net.add_module("relu1", nn.ReLU())
    net.add_module("pool1", nn.MaxPool2d(3, 2, 1))
    for stage, maps in enumerate((64, 128, 256, 512), 1):
        for number in (1, 2):
            net.add_module(f"block{stage}_{number}", Block(channels, maps, 2 if number == 1 and stage > 1 else 1))
            channels = maps
    net.add_module("mean", nn.AdaptiveAvgPool2d(1))
    net.add_module("flat", nn.Flatten())
    net.add_module("fc", nn.Linear(512, 1000))
    return net


_BUILD = {"squeezenet": _squeezenet, "vgg16": _vgg16, "resnet18": _resnet18}
_NAMES = {"kernel": "weight", "scale": "weight", "mean": "running_mean", "var": "running_var"}


def to_torch(network: models.Network) -> nn.Module:
    """The PyTorch module that computes what `network` does, from (n, c, h, w)."""
    module = _BUILD[network.name]().eval()
    state = {}
    for path, leaf in jax.tree_util.tree_leaves_with_path(network.state):
        parts = [str(entry.key) for entry in path if isinstance(entry, jax.tree_util.DictKey)]
        array = np.array(leaf)
        if parts[-1] == "kernel":
            array = array.transpose(3, 2, 0, 1) if array.ndim == 4 else array.T
        state[".".join([*parts[:-1], _NAMES.get(parts[-1], parts[-1])])] = torch.from_numpy(np.ascontiguousarray(array))
    missing, unexpected = module.load_state_dict(state, strict=False)
    if unexpected or any(not key.endswith("num_batches_tracked") for key in missing):
        raise ValueError(
            f"`network` must map onto its PyTorch twin, got {missing} missing and {unexpected} unexpected."
        )
    return module
