"""Every study, in the order in which they run."""

import difflib

from scripts._reproduce import _measured
from scripts._reproduce._needs import Need, accelerator, dataset, hub, photos, weights
from scripts._reproduce._study import Study

_ZF = "Zeiler and Fergus 2014"
_SQUEEZENET, _IMAGENET = weights("squeezenet"), photos("imagenet")


def _train(name: str, data: str, reported: str, *more: Need) -> Study:
    figures = ("training.png", "confusion.png")
    return Study(
        f"train-{name}", f"Train {name}", ("scripts.train", name), reported, _measured.train, figures,
        (dataset(data), *more),
    )  # fmt: skip


STUDIES = (
    Study(
        "explain",
        "Explain a photo",
        ("scripts.explain", "chelsea"),
        f"Covering the object makes the probability of its class drop ({_ZF}, section 4.2).",
        _measured.explain,
        ("summary.png",),
        (_SQUEEZENET,),
    ),
    _train("mnist_cnn1", "mnist", "97.2% after 5 epochs."),
    _train("mnist_cnn2", "mnist", "98.7% after 5 epochs."),
    _train("mnist_cnn3", "mnist", "97.9% after 10 epochs."),
    _train("cifar_small", "cifar10", "16 epochs, no accuracy given."),
    _train("cifar_wide", "cifar10", "81% after 13 epochs.", accelerator()),
    Study(
        "invariance",
        "Invariance",
        ("scripts.invariance",),
        "Small changes have a dramatic effect in the first layer and a lesser one at the top; the output does not "
        f"survive rotation ({_ZF}, figure 5).",
        _measured.invariance,
        ("invariance.png",),
        (_SQUEEZENET, _IMAGENET),
    ),
    Study(
        "invariance-vgg16",
        "Invariance of VGG16",
        ("scripts.invariance", "--network", "vgg16", "--weights", "hub"),
        "The same, for VGG16.",
        _measured.invariance,
        ("invariance.png",),
        (hub("vgg16", "timm/vgg16.tv_in1k"), _IMAGENET),
    ),
    Study(
        "correspondence",
        "Correspondence",
        ("scripts.correspondence",),
        f"Same part 0.067, random places 0.107 ({_ZF}, table 1); a study of it 0.50 and 1.01.",
        _measured.correspondence,
        ("distances-5.png", "distances-10.png"),
        (_SQUEEZENET, photos("dogs")),
    ),
    Study(
        "occlude",
        "Occlusion of regions",
        ("scripts.occlude",),
        "Where the strongest feature map falls, the probability of the class falls too, so the projection shows what "
        f"the map needs ({_ZF}, figure 6).",
        _measured.occlude,
        ("heatmap.png", "regions-telling-parts.png", "regions-other-parts.png"),
        (_SQUEEZENET, _IMAGENET),
    ),
    Study(
        "attention",
        "Attention of five photos",
        ("scripts.attention",),
        "Grad-CAM lies on the object (Selvaraju et al. 2017, section 4.1).",
        _measured.attention,
        ("attention.png",),
        (_SQUEEZENET, _IMAGENET),
    ),
    Study(
        "adversarial",
        "Adversarial patch",
        ("scripts.adversarial",),
        "A patch in a corner of a scene makes networks see its class, a photo of the class does so far less (Brown et "
        "al. 2017, figure 2).",
        _measured.adversarial,
        ("patch.png", "success.png", "looks.png"),
        (_SQUEEZENET, _IMAGENET),
    ),
    Study(
        "trust",
        "Which maps to trust",
        ("scripts.trust",),
        "The gradient and Grad-CAM change with the weights, guided backprop hardly does (Adebayo et al. 2018, figure "
        "2).",
        _measured.trust,
        ("similarity.png", "curves.png", "cascade.png"),
        (_SQUEEZENET, _IMAGENET),
    ),
    Study(
        "transfer",
        "Transfer to flowers",
        ("scripts.transfer",),
        "89% on a frozen trunk in under 10 epochs, 48% from scratch in 25.",
        _measured.transfer,
        ("transfer.png",),
        (_SQUEEZENET, dataset("tf_flowers")),
    ),
    Study(
        "generalize",
        "Generalization to Caltech-101",
        ("scripts.generalize",),
        f"83.8% with 15 and 86.5% with 30 photos a class; from scratch 22.8% and 46.5% ({_ZF}, table 4).",
        _measured.generalize,
        ("generalize.png",),
        (_SQUEEZENET, dataset("caltech101")),
    ),
)


def chosen(names: tuple[str, ...]) -> tuple[Study, ...]:
    """The studies of these names, all for none.

    Raises:
        ValueError: for a name that no study has.
    """
    known = [study.name for study in STUDIES]
    for name in names:
        if name not in known:
            close = difflib.get_close_matches(name, known, 1)
            hint = f" Did you mean {close[0]}?" if close else ""
            raise ValueError(f"`--only` must name studies, such as {', '.join(known[:3])}, got {name!r}.{hint}")
    return tuple(study for study in STUDIES if not names or study.name in names)
