"""What the folder of a study says, in a sentence or two: the numbers beside those of its source."""

from pathlib import Path
from typing import Any

from scripts.reproduce.study import read


def explain(folder: Path) -> str:
    """The class, and what covering the worst place does to it."""
    prediction, occlusion = read(folder, "prediction.json"), read(folder, "occlusion.json")
    lowest = min(min(row) for row in occlusion["probability"])
    return (
        f"{prediction['label']}, {prediction['probability']:.0%}; covering the place that matters most leaves "
        f"{lowest:.0%}."
    )


def train(folder: Path) -> str:
    """Accuracy on the test set."""
    found = read(folder, "training.json")
    return (
        f"Accuracy {found['test_accuracy']:.2%} on {found['test_images']:,} test images after {found['epochs']} epochs."
    )


def occlude_pixels(folder: Path) -> str:
    """The mean probability of the class, and the mean of its lowest under each window."""
    windows = read(folder, "windows.json")["windows"]

    def mean(images: list[dict[str, Any]], key: str) -> float:
        return sum(image[key] for image in images) / len(images)

    lowest = ", ".join(f"{mean(one['images'], 'lowest'):.1%} ({one['window']} px)" for one in windows)
    return f"The probability of {mean(windows[0]['images'], 'probability'):.1%} falls to {lowest} at the worst place."


def invariance(folder: Path) -> str:
    """The areas under the curves of distance, first layer against last, and the lowest of the class probability."""
    found = read(folder, "invariance.json")
    first, last = found["layers"][0], found["layers"][-1]
    areas = [
        f"{entry['label']} {entry['areas'][first]:.2f} and {entry['areas'][last]:.2f}"
        for entry in found["transformations"].values()
    ]
    return f"Area under the distance at {first} and at {last}: {'; '.join(areas)}."


def compression(folder: Path) -> str:
    """What the study itself says first."""
    return read(folder, "compression.json")["headline"]


def correspondence(folder: Path) -> str:
    """Parts against random places: the paper's measure in a late layer, and the one of the other study at the top."""
    found = read(folder, "distances-10.json")
    layers = list(found["layers"].items())
    lines = []
    for (layer, measures), name in ((layers[1], "differing"), (layers[-1], "absolute")):
        parts = ", ".join(
            f"{part.replace('_', ' ')} {of['distance']:.3f} (p {of['p']:.3f}{_against(of['p'])})"
            for part, of in measures[name]["parts"].items()
        )
        lines.append(f"{layer}, {found['measures'][name]}: {parts}, random {measures[name]['random']['mean']:.3f}")
    return f"{len(found['photos'])} dogs. {'; '.join(lines)}."


def _against(p: float) -> str:
    """What a share of random places that are as near says."""
    return ", nearer" if p < 0.05 else ", farther" if p > 0.95 else ""


def occlude(folder: Path) -> str:
    """Probabilities before and after each set of boxes, what an equal area elsewhere does, and the heat maps."""
    regions, heatmap = read(folder, "regions.json"), read(folder, "heatmap.json")
    changes = [
        f"{photo['target'].replace('_', ' ')} {photo['before']['probability']:.0%}, "
        + ", ".join(
            f"{photo['after'][name]['probability']:.1%} without the {name.replace('-', ' ')}{_elsewhere(photo, name)}"
            for name in regions["sets"]
        )
        for photo in regions["photos"]
    ]
    related = ", ".join(f"{photo['correlation']:.2f}" for photo in heatmap["photos"])
    return (
        f"{'; '.join(changes)}. The map of the strongest channel's activation and that of the class probability "
        f"correlate by {related}."
    )


def _elsewhere(photo: dict[str, Any], name: str) -> str:
    elsewhere = photo["after"][name]["elsewhere"]
    return f" ({elsewhere['median']:.1%} without as much elsewhere)" if elsewhere else ""


def attention(folder: Path) -> str:
    """How much of each map is on the object."""
    found = read(folder, "attention.json")
    shares = ", ".join(f"{name.replace('_', ' ')} {share:.0%}" for name, share in found["mean_shares"].items())
    return f"On the object, a box of {found['mean_area']:.0%} of the picture: {shares}, mean of {len(found['photos'])}."


def adversarial(folder: Path) -> str:
    """Success of the patch, a photo and noise at the middle size, and where Grad-CAM looks."""
    found = read(folder, "adversarial.json")
    success, look = found["success"], found["look"]
    middle = len(success["factors"]) // 2
    rates = ", ".join(f"{name} {success[name]['success'][middle]:.0%}" for name in ("patch", "photo", "noise"))
    return (
        f"On {success['area'][middle]:.0%} of the picture, {success['photos']} unseen photos: {rates}. Grad-CAM of the "
        f"target peaks on the patch in {look['grad_cam_peak_in_patch']:.0%}."
    )


def trust(folder: Path) -> str:
    """How alike maps stay when the last layer is redrawn: what passes is low."""
    found = read(folder, "table.json")
    ranks = ", ".join(f"{row['method'].replace('_', ' ')} {row['rank_correlation'][0]:.2f}" for row in found["methods"])
    best = ", ".join(f"{metric} {winner['best'].replace('_', ' ')}" for metric, winner in found["winners"].items())
    return f"Rank correlation with the map of the network whose last layer is redrawn: {ranks}. Best in {best}."


def transfer(folder: Path) -> str:
    """Accuracy of each way."""
    ways = read(folder, "transfer.json")["ways"]
    return "; ".join(f"{way['name']} {way['test']:.1%}" for way in ways) + "."


def generalize(folder: Path) -> str:
    """The best layer of each trunk, by the size of the training set."""
    results = read(folder, "generalize.json")["results"]
    lines = []
    for trunk in dict.fromkeys(result["trunk"] for result in results):
        for count in (15, 30):
            same = [result for result in results if result["trunk"] == trunk and result["count"] == count]
            if same:
                best = max(same, key=lambda result: result["accuracy"])
                lines.append(f"{trunk} trunk, {count} a class: {best['accuracy']:.1%} ({best['layer']})")
    return "; ".join(lines) + "."


def architectures(folder: Path) -> str:
    """Both networks by accuracy and by what was measured of their pictures."""
    found = read(folder, "architectures.json")
    lines = []
    for entry in found["found"]:
        first, last = entry["layers"][0], entry["layers"][-1]
        lines.append(
            f"{entry['network']} {entry['accuracy']:.2%}, folded by {first['layer']} {first['folded']:.0%}, above "
            f"Nyquist {last['above']:.0%}, contrast {last['contrast']:.2f}"
        )
    told = ", ".join(name for name, told in found["told_by"].items() if told) or "none of the measures"
    return f"{'; '.join(lines)}. The better network is told by: {told}."


def strongest(folder: Path) -> str:
    """How much was looked at."""
    layers = read(folder, "strongest.json")["layers"]
    return f"{len(layers)} layers, from {next(iter(layers))} to {list(layers)[-1]}."


def class_statistics(folder: Path) -> str:
    """The most telling channel of the last layer, and accuracy."""
    layers, confused = read(folder, "statistics.json")["most_telling"], read(folder, "confusion.json")
    strengths = [
        f"{layer} {max((rows[0]['effect'] for rows in classes.values()), key=abs):+.1f}"
        for layer, classes in layers.items()
    ]
    worst = confused["most_confused"][0]
    return (
        f"Accuracy {confused['accuracy']:.2%}, most often confused: {worst['is']} taken for {worst['taken_for']} "
        f"({worst['count']} times). Largest effect of a channel, in standard deviations, below 0 where it is weaker on "
        f"the class: {', '.join(strengths)}."
    )


def ablate(folder: Path) -> str:
    """Accuracy before and after, and what most images turn into."""
    found = read(folder, "ablation.json")
    turned = ", ".join(f"{pair['was']} to {pair['is']} ({pair['count']})" for pair in found["taken_for"][:3])
    before, after = found["accuracy"]["before"], found["accuracy"]["after"]
    return f"{before:.1%} before, {after:.1%} after; {found['lost']} images lost, {found['won']} won. Most: {turned}."


def evolution(folder: Path) -> str:
    """Rank correlation of each layer with the trained network, at the first epoch kept."""
    found = read(folder, "settling.json")
    first = found["epochs"][0]
    values = ", ".join(f"{layer} {curve[0]:.2f}" for layer, curve in found["rank_correlation"].items())
    return f"Rank correlation with the trained network after epoch {first}: {values}."


def classes(folder: Path) -> str:
    """Probabilities of the classes, in the picture and in unseen views."""
    found = [read(folder, path.name) for path in sorted(folder.glob("[0-9]*.json"))]
    lines = [
        f"{one['label'].replace('_', ' ')} {one['probability']:.1%} (unseen views {one['held_out']['median']:.1%})"
        for one in found
        if "probability" in one
    ]
    return f"{', '.join(lines)}."


def recognized(folder: Path) -> str:
    """How many classes are recognized."""
    found = read(folder, "recognized.json")
    views = next(found[key] for key in found if key.startswith("median of") and "at least" in key)
    return (
        f"{found['probability at least 0.95']} of {found['classes']} random classes get at least 0.95, and {views} a "
        "median of at least 0.8 in unseen views."
    )


def sweep(folder: Path) -> str:
    """Probability and total variation at the ends of the sweep."""
    found = [read(folder, path.name) for path in folder.glob("weight-*.json")]
    found.sort(key=lambda one: one["weight"])
    lines = [f"{one['weight']:g}: {one['probability']:.0%}, variation {one['total_variation']:.1f}" for one in found]
    return f"Probability and total variation by weight: {'; '.join(lines)}."


def pictures(folder: Path) -> str:
    """How many pictures there are, where they are the result."""
    return f"{len(list(folder.glob('*.png')))} pictures in the folder."
