"""The networks by name."""

import dataclasses
import difflib
import functools
from collections.abc import Callable
from pathlib import Path

from flax import nnx

from models.cifar import CifarSmall, CifarWide
from models.mnist import MnistCNN1, MnistCNN2, MnistCNN3
from models.network import Network, Spec
from models.resnet import ResNet18
from models.squeezenet import SqueezeNet
from models.vgg import VGG16
from models.weights import fill, read

CHECKPOINTS = Path(__file__).parents[1] / "checkpoints"


@dataclasses.dataclass(frozen=True)
class Entry:
    """How a network is made: its architecture, what it expects, and the checksum of its committed weights, if any."""

    module: Callable[..., nnx.Module]
    spec: Callable[[], Spec]
    sha256: str | None = None


def names() -> list[str]:
    """The names that `load` and `initialize` know."""
    return list(_NETWORKS)


def load(name: str, weights: str | Path | None = None) -> Network:
    """A network with its weights.

    Args:
        name: one of `names()`.
        weights: a safetensors file, keyed by the paths of the parameters (`fire2/squeeze1x1/kernel`). None reads the
            committed one, without a network.

    Returns:
        The network, a callable pytree.

    Raises:
        ValueError: an unknown name, or a file that is truncated, of another network, or not finite.
        FileNotFoundError: no such file, or no weights are committed for that network.
    """
    entry = _entry(name)
    if weights is None and entry.sha256 is None:
        raise FileNotFoundError(
            f"`weights` must be given for {name}, whose weights are too large to commit. Give a safetensors file, or "
            f"take models.initialize({name!r}) for random ones."
        )
    path = Path(weights) if weights else CHECKPOINTS / f"{name}.safetensors"
    arrays = read(path, None if weights else entry.sha256)
    graphdef, state = nnx.split(nnx.eval_shape(lambda: entry.module(rngs=nnx.Rngs(0))))
    return Network(fill(state, arrays, str(path)), graphdef, entry.spec())


def initialize(name: str, seed: int = 0) -> Network:
    """A network with random weights, by the initializers of its layers.

    Raises:
        ValueError: an unknown name.
    """
    entry = _entry(name)
    return Network.of(entry.module(rngs=nnx.Rngs(seed)), entry.spec())


@functools.cache
def imagenet_labels() -> tuple[str, ...]:
    """The first WordNet lemma of each of the 1000 ImageNet classes, spaces as underscores."""
    return tuple((Path(__file__).parent / "imagenet_labels.txt").read_text().split())


def _entry(name: str) -> Entry:
    if name not in _NETWORKS:
        close = difflib.get_close_matches(name, _NETWORKS, 1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        raise ValueError(f"`name` must be one of {', '.join(_NETWORKS)}, got {name!r}.{hint}")
    return _NETWORKS[name]


def _imagenet(name: str) -> Spec:
    """What the networks of torchvision expect."""
    return Spec(name, (224, 224, 3), imagenet_labels(), mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))


def _squeezenet() -> Spec:
    mean = (103.939, 116.779, 123.68)
    return Spec("squeezenet", (227, 227, 3), imagenet_labels(), mean, scale=255.0, bgr=True, resize=240, any_size=True)


def _mnist(name: str) -> Spec:
    """White digits on black, and black is zero."""
    return Spec(name, (28, 28, 1), tuple("0123456789"), mean=(0.0,), resize=28)


def _cifar(name: str) -> Spec:
    """Mean and standard deviation are those of the training pixels."""
    labels = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
    return Spec(name, (32, 32, 3), labels, mean=(0.4914, 0.4822, 0.4465), std=(0.2470, 0.2435, 0.2616), resize=32)


_NETWORKS = {
    "squeezenet": Entry(SqueezeNet, _squeezenet, "2f3a80c5bbc3b172f6765639edad8f3b0db22dc574c46e65be0ffbb9e68094a3"),
    "vgg16": Entry(VGG16, lambda: _imagenet("vgg16")),
    "resnet18": Entry(ResNet18, lambda: _imagenet("resnet18")),
    "mnist_cnn1": Entry(MnistCNN1, lambda: _mnist("mnist_cnn1")),
    "mnist_cnn2": Entry(MnistCNN2, lambda: _mnist("mnist_cnn2")),
    "mnist_cnn3": Entry(MnistCNN3, lambda: _mnist("mnist_cnn3")),
    "cifar_small": Entry(CifarSmall, lambda: _cifar("cifar_small")),
    "cifar_wide": Entry(CifarWide, lambda: _cifar("cifar_wide")),
}
