"""Writes networks in torchvision's and timm's layouts as torch saves them, and torchvision.npz: what torch computes.

Run from the project's root in an environment of its own (two cores: 5 seconds):

    pip install torch==2.13.0 safetensors==0.8.0 numpy
    python tests/golden/make_torchvision.py

Expected: five files, 0.5 MB together. The structure is torchvision's, its names among it; all widths are divided. Each
file is written in another way that torch has: as a zip and as a plain file, in several dtypes, contiguous and not, and
with tensors that share a storage.
"""

from collections import OrderedDict
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn

HERE = Path(__file__).parent
CLASSES = 10


def pool(*args):
    return nn.MaxPool2d(*args)


class AlexNet(nn.Module):
    def __init__(self, divisor):
        super().__init__()
        a, b, c, d, e, units = (n // divisor for n in (64, 192, 384, 256, 256, 4096))
        self.features = nn.Sequential(
            *(nn.Conv2d(3, a, 11, 4, 2), nn.ReLU(), pool(3, 2)),
            *(nn.Conv2d(a, b, 5, padding=2), nn.ReLU(), pool(3, 2)),
            *(nn.Conv2d(b, c, 3, padding=1), nn.ReLU()),
            *(nn.Conv2d(c, d, 3, padding=1), nn.ReLU()),
            *(nn.Conv2d(d, e, 3, padding=1), nn.ReLU(), pool(3, 2)),
        )
        self.avgpool = nn.AdaptiveAvgPool2d((6, 6))
        self.classifier = nn.Sequential(
            *(nn.Dropout(), nn.Linear(e * 36, units), nn.ReLU()),
            *(nn.Dropout(), nn.Linear(units, units), nn.ReLU()),
            nn.Linear(units, CLASSES),
        )

    def forward(self, x):
        x = self.features(x)
        return self.classifier(torch.flatten(self.avgpool(x), 1)), x


class VGG16(nn.Module):
    def __init__(self, divisor):
        super().__init__()
        layers, channels, units = [], 3, 4096 // divisor
        for count, maps in ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512)):
            for _ in range(count):
                layers += [nn.Conv2d(channels, maps // divisor, 3, padding=1), nn.ReLU()]
                channels = maps // divisor
            layers.append(pool(2, 2))
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d((7, 7))
        self.classifier = nn.Sequential(
            *(nn.Linear(channels * 49, units), nn.ReLU(), nn.Dropout()),
            *(nn.Linear(units, units), nn.ReLU(), nn.Dropout()),
            nn.Linear(units, CLASSES),
        )

    def forward(self, x):
        x = self.features(x)
        return self.classifier(torch.flatten(self.avgpool(x), 1)), x


class Block(nn.Module):
    def __init__(self, channels, maps, stride, bottleneck):
        super().__init__()
        grown = maps * 4 if bottleneck else maps
        sizes = [(channels, maps, 1, 1), (maps, maps, 3, stride), (maps, grown, 1, 1)]
        sizes = sizes if bottleneck else [(channels, maps, 3, stride), (maps, maps, 3, 1)]
        self.count = len(sizes)
        for number, (before, after, size, step) in enumerate(sizes, 1):
            setattr(self, f"conv{number}", nn.Conv2d(before, after, size, step, size // 2, bias=False))
            setattr(self, f"bn{number}", nn.BatchNorm2d(after))
        self.downsample = None
        if stride != 1 or channels != grown:
            self.downsample = nn.Sequential(nn.Conv2d(channels, grown, 1, stride, bias=False), nn.BatchNorm2d(grown))

    def forward(self, x):
        y = x
        for number in range(1, self.count + 1):
            y = getattr(self, f"bn{number}")(getattr(self, f"conv{number}")(y))
            y = y.relu() if number < self.count else y
        return (y + (self.downsample(x) if self.downsample else x)).relu()


class ResNet(nn.Module):
    def __init__(self, divisor, counts, bottleneck):
        super().__init__()
        channels = 64 // divisor
        self.conv1 = nn.Conv2d(3, channels, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.maxpool = pool(3, 2, 1)
        for stage, count in enumerate(counts, 1):
            maps, blocks = 64 * 2 ** (stage - 1) // divisor, []
            for number in range(count):
                blocks.append(Block(channels, maps, 2 if stage > 1 and number == 0 else 1, bottleneck))
                channels = maps * 4 if bottleneck else maps
            setattr(self, f"layer{stage}", nn.Sequential(*blocks))
        self.fc = nn.Linear(channels, CLASSES)

    def forward(self, x):
        x = self.maxpool(self.bn1(self.conv1(x)).relu())
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(x.mean((2, 3))), x


def randomize(model, dtype=torch.float32):
    """Weights that keep signals at their size, and that a file of `dtype` holds exactly."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(module.weight)
        if isinstance(module, nn.BatchNorm2d):
            for tensor, low, high in (
                (module.weight, 0.3, 0.7),
                (module.running_mean, -1, 1),
                (module.running_var, 0.5, 2),
            ):
                nn.init.uniform_(tensor, low, high)
        if getattr(module, "bias", None) is not None:
            nn.init.uniform_(module.bias, 0, 0.5)
    model.load_state_dict({key: tensor.to(dtype).to(tensor.dtype) for key, tensor in model.state_dict().items()})
    return model.eval()


def to_timm(state):
    """What timm makes of torchvision's VGG16: dense layers become convolutions."""
    names = {"classifier.0": "pre_logits.fc1", "classifier.3": "pre_logits.fc2", "classifier.6": "head.fc"}
    made = {}
    for key, tensor in state.items():
        layer, _, kind = key.rpartition(".")
        if kind == "weight" and layer in ("classifier.0", "classifier.3"):
            side = 7 if layer == "classifier.0" else 1
            tensor = tensor.reshape(len(tensor), -1, side, side)
        made[f"{names.get(layer, layer)}.{kind}"] = tensor
    return made


def shared(state):
    """The same tensors as parts of one storage."""
    whole, made, start = torch.cat([tensor.flatten() for tensor in state.values()]), OrderedDict(), 0
    for key, tensor in state.items():
        made[key] = whole[start : start + tensor.numel()].view(tensor.shape)
        start += tensor.numel()
    return made


def cast(state, dtype):
    return {key: tensor.to(dtype) if tensor.is_floating_point() else tensor for key, tensor in state.items()}


def main():
    torch.manual_seed(0)
    models = {
        "vgg16": randomize(VGG16(64), torch.bfloat16),
        "alexnet": randomize(AlexNet(64), torch.float16),
        "resnet18": randomize(ResNet(32, (2, 2, 2, 2), bottleneck=False)),
        "resnet50": randomize(ResNet(32, (3, 4, 6, 3), bottleneck=True), torch.bfloat16),
    }
    states = {name: model.state_dict() for name, model in models.items()}
    torch.save(states["vgg16"], HERE / "vgg16_torchvision.pth")
    save_file(to_timm(cast(states["vgg16"], torch.bfloat16)), HERE / "vgg16_timm.safetensors")
    torch.save(
        shared(cast(states["alexnet"], torch.float16)), HERE / "alexnet.pth", _use_new_zipfile_serialization=False
    )
    models["resnet18"].to(memory_format=torch.channels_last)
    torch.save(models["resnet18"].state_dict(), HERE / "resnet18.pth")
    torch.save(cast(states["resnet50"], torch.bfloat16), HERE / "resnet50.pth")
    images = np.random.default_rng(0).normal(size=(1, 224, 224, 3))
    out = {}
    for name, model in models.items():
        with torch.no_grad():
            # In double precision, so that the rounding is ours alone.
            logits, features = model.double()(torch.from_numpy(images.transpose(0, 3, 1, 2).copy()))
        out[f"{name}_logits"] = logits.numpy().astype(np.float32)
        out[f"{name}_features"] = features.numpy().transpose(0, 2, 3, 1).astype(np.float32)
        print(name, f"logits of {logits.std():.2f}, {(features > 0).double().mean():.0%} of the features alive")
    np.savez_compressed(HERE / "torchvision.npz", **out)


if __name__ == "__main__":
    main()
