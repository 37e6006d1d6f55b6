"""Every study, in the order in which they run."""

import difflib

from scripts.reproduce.needs import Need, accelerator, dataset, hub, photos, weights
from scripts.reproduce.study import Study

_ZF = "Zeiler and Fergus 2014"
_SQUEEZENET, _IMAGENET = weights("squeezenet"), photos("imagenet")


def _train(name: str, data: str, reported: str, *more: Need) -> Study:
    figures = ("training.png", "confusion.png")
    return Study(
        f"train-{name}", f"Train {name}", ("scripts.train", name), reported, figures,
        (dataset(data), *more),
    )  # fmt: skip


_SQUEEZENETS = (
    Study(
        "explain",
        "Explain a photo",
        ("scripts.explain", "chelsea"),
        f"Covering the object makes the probability of its class drop ({_ZF}, section 4.2).",
        ("summary.png",),
        (_SQUEEZENET,),
    ),
    _train("mnist_cnn1", "mnist", "97.2% after 5 epochs."),
    _train("mnist_cnn2", "mnist", "98.7% after 5 epochs."),
    _train("mnist_cnn3", "mnist", "97.9% after 10 epochs."),
    _train("cifar_small", "cifar10", "16 epochs, no accuracy given."),
    _train("cifar_wide", "cifar10", "81% after 13 epochs.", accelerator()),
    Study(
        "architectures",
        "Architecture selection",
        ("scripts.architectures", "--train", "4000", "--seeds", "1"),
        "The projections show aliasing where the first layer strides far, and the network without it is better "
        f"({_ZF}, section 4.1).",
        ("architectures.png", "pictures.png"),
        (weights("mnist_cnn1"), weights("mnist_cnn2"), dataset("mnist")),
    ),
    Study(
        "strongest-squeezenet",
        "Strongest patches, SqueezeNet",
        ("scripts.strongest", "squeezenet"),
        f"Corners and colors in layer 2, textures in 3, parts in 4, whole objects in 5 ({_ZF}, figure 2).",
        ("conv1.png", "fire5.png", "fire9.png"),
        (_SQUEEZENET, _IMAGENET),
    ),
    Study(
        "strongest-cifar_small",
        "Strongest patches, CIFAR-10",
        ("scripts.strongest", "cifar_small"),
        "The same figure, on CIFAR-10; no number given.",
        ("conv1.png", "conv2.png", "conv3.png"),
        (weights("cifar_small"), dataset("cifar10")),
    ),
    Study(
        "class_statistics",
        "Class activation statistics",
        ("scripts.class_statistics", "mnist_cnn3"),
        "Mean and spread of the activations of three layers for all ten digits; no number given.",
        ("statistics.png", "effects.png", "confusion.png"),
        (weights("mnist_cnn3"), dataset("mnist")),
    ),
    Study(
        "ablate",
        "Filter ablation",
        ("scripts.ablate", "cifar_small"),
        "Ten filters off at once: which classes are taken for which.",
        ("ablation.png", "curve.png", "changed.png"),
        (weights("cifar_small"), dataset("cifar10")),
    ),
    Study(
        "occlude_pixels",
        "A window on every pixel",
        ("scripts.occlude_pixels", "cifar_wide"),
        f"Windows of 3, 5, 7 and 9 pixels on 20 images of CIFAR-10, after {_ZF}, section 4.2; no number given.",
        ("windows.png",),
        (weights("cifar_wide"), dataset("cifar10")),
    ),
    Study(
        "evolution",
        "Feature evolution",
        ("scripts.evolution", "cifar_small"),
        f"The lower layers converge within a few epochs, the upper ones much later ({_ZF}, figure 4).",
        ("evolution.png", "settling.png"),
        (*(weights(f"cifar_small-epoch-{epoch:02}") for epoch in (1, 2, 4, 6, 10, 16)), dataset("cifar10")),
    ),
    Study(
        "invariance",
        "Invariance",
        ("scripts.invariance",),
        "Small changes have a dramatic effect in the first layer and a lesser one at the top; the output does not "
        f"survive rotation ({_ZF}, figure 5).",
        ("invariance.png",),
        (_SQUEEZENET, _IMAGENET),
    ),
    Study(
        "invariance-vgg16",
        "Invariance of VGG16",
        ("scripts.invariance", "--network", "vgg16", "--weights", "hub"),
        "The same, for VGG16.",
        ("invariance.png",),
        (hub("vgg16", "timm/vgg16.tv_in1k"), _IMAGENET),
    ),
    Study(
        "compression",
        "JPEG",
        ("scripts.compression",),
        "No source; how much compression an answer bears.",
        ("compression.png",),
        (_SQUEEZENET, _IMAGENET),
    ),
    Study(
        "correspondence",
        "Correspondence",
        ("scripts.correspondence",),
        f"Same part 0.067, random places 0.107 ({_ZF}, table 1); a study of it 0.50 and 1.01.",
        ("distances-5.png", "distances-10.png"),
        (_SQUEEZENET, photos("dogs")),
    ),
    Study(
        "occlude",
        "Occlusion of regions",
        ("scripts.occlude",),
        "Where the strongest feature map falls, the probability of the class falls too, so the projection shows what "
        f"the map needs ({_ZF}, figure 6).",
        ("heatmap.png", "areas.png", "regions-telling-parts.png", "regions-other-parts.png"),
        (_SQUEEZENET, _IMAGENET),
    ),
    Study(
        "attention",
        "Attention of five photos",
        ("scripts.attention",),
        "Grad-CAM lies on the object (Selvaraju et al. 2017, section 4.1).",
        ("attention.png",),
        (_SQUEEZENET, _IMAGENET),
    ),
    Study(
        "adversarial",
        "Adversarial patch",
        ("scripts.adversarial",),
        "A patch in a corner of a scene makes networks see its class, a photo of the class does so far less (Brown et "
        "al. 2017, figure 2).",
        ("patch.png", "success.png", "looks.png"),
        (_SQUEEZENET, _IMAGENET),
    ),
    Study(
        "trust",
        "Which maps to trust",
        # The 19 methods and 30 photos that the command takes by itself are most of an hour.
        (
            *("scripts.trust", "--num-images", "6", "--methods", "saliency", "integrated_gradients", "deconvnet"),
            *("guided", "guided_grad_cam", "grad_cam", "grad_cam_pp", "eigen_cam", "edges", "random"),
        ),
        "The gradient and Grad-CAM change with the weights, guided backprop hardly does (Adebayo et al. 2018, figure "
        "2).",
        ("scores.png", "similarity.png", "curves.png", "cascade.png"),
        (_SQUEEZENET, _IMAGENET),
    ),
    Study(
        "transfer",
        "Transfer to flowers",
        ("scripts.transfer", "--scratch-size", "96"),
        "89% on a frozen trunk in under 10 epochs, 48% from scratch in 25.",
        ("transfer.png",),
        (_SQUEEZENET, dataset("tf_flowers")),
    ),
    Study(
        "generalize",
        "Generalization to Caltech-101",
        # Five folds, the command's default, need five random trunks, each with its features of all photos.
        (
            *("scripts.generalize", "--layers", "fire3", "fire5", "fire7", "fire9"),
            *("--counts", "15", "30", "--folds", "2", "--strengths", "0.1", "0.03", "0.01"),
        ),
        f"83.8% with 15 and 86.5% with 30 photos a class; from scratch 22.8% and 46.5% ({_ZF}, table 4).",
        ("generalize.png",),
        (_SQUEEZENET, dataset("caltech101")),
    ),
    Study(
        "maximize-classes",
        "What classes ask for",
        ("scripts.maximize", "classes"),
        "Images of the great white shark, the bald eagle and the assault rifle that one recognizes.",
        ("classes.png",),
        (_SQUEEZENET,),
    ),
    Study(
        "maximize-recognized",
        "Are the class images recognized",
        ("scripts.recognized",),
        "No number given.",
        ("recognized.png",),
        (_SQUEEZENET,),
    ),
    Study(
        "maximize-filters",
        "What filters ask for",
        ("scripts.maximize", "filters"),
        "Pictures of filters from the first to the last convolution; no number given.",
        ("conv1.png", "fire5.png", "fire9.png"),
        (_SQUEEZENET,),
    ),
    Study(
        "maximize-filters-vgg16",
        "What filters of VGG16 ask for",
        ("scripts.maximize", "filters", "--weights", "hub", "--network", "vgg16"),
        "The same, for VGG16 and its dense layers.",
        ("conv1_1.png", "conv5_3.png", "predictions.png"),
        (hub("vgg16", "timm/vgg16.tv_in1k"),),
    ),
    Study(
        "maximize-sweep",
        "Weights of total variation",
        ("scripts.maximize", "sweep"),
        "Weights from 0.125 to 16, two classes in one image; chosen by eye.",
        ("sweep.png", "two.png"),
        (_SQUEEZENET,),
    ),
    Study(
        "maximize-photo",
        "What a filter saw, and what it asks for",
        ("scripts.maximize", "photo", "chelsea"),
        "Wanted and not done.",
        ("fire3.png", "fire6.png", "fire9.png"),
        (_SQUEEZENET,),
    ),
)

# The same with the network that answers better: what holds on both networks, on one, on none?
_BESIDE = {
    "invariance": (),
    "compression": (),
    # A part of one photo is nearer to the edge of what this network sees.
    "correspondence": ("--size", "30"),
    "occlude": (),
    "attention": (),
    "adversarial": (),
    # All methods take hours.
    "trust": ("--num-images", "6", "--methods", "saliency", "guided", "deconvnet", "grad_cam"),
    "transfer": ("--scratch-epochs", "0"),
    "generalize": ("--counts", "15", "30", "--folds", "2", "--strengths", "0.1", "0.03", "0.01"),
    "maximize-classes": (),
}


def _beside(study: Study) -> Study:
    network, (module, *words) = "efficientnet_lite0", study.arguments
    command = words[:1] if module == "scripts.maximize" else []
    arguments = (module, *command, "--network", network, *_BESIDE[study.name])
    needs = tuple(weights(network) if need is _SQUEEZENET else need for need in study.needs)
    return study._replace(
        name=f"{study.name}-{network}", title=f"{study.title}, EfficientNet-Lite0", arguments=arguments, needs=needs
    )


STUDIES = tuple(
    each for study in _SQUEEZENETS for each in ((study, _beside(study)) if study.name in _BESIDE else (study,))
)
"""All of them, those on both networks side by side."""


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
