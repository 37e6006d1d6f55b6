"""Every number that README and documentation give as a result is one of a committed JSON, and has its claim here."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from scripts._harness import marks
from scripts.benchmark import table as _table
from scripts.reproduce import table as _reproduced
from scripts.reproduce.run import command
from scripts.reproduce.studies import STUDIES as REPRODUCED

ROOT = Path(__file__).parents[1]
PAGES = ("README.md", "docs/speed.md", "docs/studies.md", "docs/how_to/microscope.md")
TEXT = "\n".join((ROOT / page).read_text("utf-8") for page in PAGES)
SPEED = re.compile(r"(<!-- benchmark[^>]* -->).*?(<!-- /benchmark -->)", re.DOTALL)


def found(name):
    return json.loads((ROOT / ".assets" / f"{name}.json").read_text("utf-8"))


def percent(value, digits=1):
    return f"{value:.{digits}%}"


def accuracy():
    one, other = found("accuracy")["squeezenet"], found("accuracy")["efficientnet_lite0"]
    assert other["photos"] == one["photos"]
    yield f"{percent(one['top1'])} / {percent(one['top5'])} top-1 / top-5 on {one['photos']} ImageNet photos"
    yield f"{percent(other['top1'])} / {percent(other['top5'])} of the same photos"


def train():
    for entry in found("architectures")["found"]:
        yield f"`{entry['network']}` {percent(entry['accuracy'], 2)}"
    yield f"`mnist_cnn3` {percent(found('class_statistics')['accuracy'], 2)}"
    yield f"`cifar_small` {percent(found('ablate')['accuracy']['before'], 2)}"


def wide():
    before, after = (percent(share, 2) for share in found("wide-ablation")["accuracy"].values())
    yield f"`cifar_wide` {percent(found('wide-training')['test_accuracy'], 2)}"
    yield f"in eight bits a weight {before}"
    yield f"{before} becomes {after}"
    rows = found("wide-first")["rows"]
    windows = [one["images"] for one in found("wide-windows")["windows"]]
    plain = np.mean([image["probability"] for image in windows[0]])
    lowest = [percent(np.mean([image["lowest"] for image in images])) for images in windows]
    yield f"the probability of {percent(plain)} falls to {', '.join(lowest[:-1])} and {lowest[-1]} at the worst place"
    yield f"of the first {len(rows):,} images {sum(was != now for *_, was, now in rows)} get another class"


def transfer():
    ways = {way["name"]: way for name in ("transfer-320", "transfer") for way in found(name)["ways"]}
    dense, *scratch = "frozen trunk, dense head, 320 px", "all from scratch, 96 px", "all from scratch, 320 px"
    for name, words in ((dense, " of test flowers"), *((name, "") for name in scratch)):
        low, high = (f"{100 * end:.1f}" for end in ways[name]["mean_interval"])
        yield f"{percent(ways[name]['mean'])} ({low} to {high}){words}"


def generalize():
    shares = {(one["trunk"], one["layer"], one["count"]): one["accuracy"] for one in found("generalize")["results"]}
    trained, random = (
        [percent(shares[trunk, "fire9", count]) for count in (15, 30)] for trunk in ("trained", "random")
    )
    yield f"on `fire9` {trained[0]} with 15 photos a class, {trained[1]} with 30"
    yield f"with random weights {random[0]}, {random[1]}"
    yield "(Zeiler and Fergus: 83.8%, 86.5%)"  # of their paper, table 4


def architectures():
    first, second = (entry["layers"][0]["folded"] for entry in found("architectures")["found"])
    assert second == 0
    yield f"the first layer's stride folds {percent(first, 0)} of its energy in one, nothing in the other"


def trust():
    ranks = {one["method"]: one["rank_correlation"][0] for one in found("trust")["methods"]}
    stay = (
        "for deconvnet (rank correlation {:.2f}), Eigen-CAM ({:.2f}), guided backprop ({:.2f}) and Grad-CAM++ ({:.2f})"
    )
    kept = ("deconvnet", "eigen_cam", "guided", "grad_cam_pp")
    # For the others they do not.
    assert all(rank < 0.6 for name, rank in ranks.items() if name not in (*kept, "edges"))
    yield stay.format(*(ranks[name] for name in kept))
    yield f"less for the gradient ({ranks['saliency']:.2f}), least for Grad-CAM ({ranks['grad_cam']:.2f})"
    least = min(rank for name, rank in ranks.items() if name != "random")
    assert ranks["grad_cam"] == pytest.approx(least, abs=0.005)
    means = {one["method"]: one["metrics"] for one in found("trust")["methods"]}
    best = {metric: winner["best"] for metric, winner in found("trust")["winners"].items()}
    assert best["road"] == "integrated_gradients"
    assert best["mosaic"] == "guided_grad_cam"
    road, edges = (means[name]["road"]["mean"] for name in ("integrated_gradients", "edges"))
    yield f"integrated gradients point at what is used best (ROAD {road:.2f}; edges of the photo {edges:.2f})"
    own = means["guided_grad_cam"]["mosaic"]["mean"]
    yield f"finds its own image in a mosaic best ({own:.2f}; chance is a quarter)"


def adversarial():
    success = found("adversarial-success")["success"]
    middle = len(success["factors"]) // 2
    patch, photo = (success[name]["success"][middle] for name in ("patch", "photo"))
    assert photo == 0
    yield (
        f"on {percent(success['area'][middle], 0)} of a photo: {percent(patch, 0)} of {success['photos']} unseen photos"
    )


def correspondence():
    step = found("correspondence")
    logits, late = step["layers"]["logits"]["absolute"], step["layers"]["fire9"]
    nose, right, left = (logits["parts"][part] for part in ("nose", "right_eye", "left_eye"))
    assert nose["p"] == right["p"]
    yield (
        f"in the logits of {len(step['photos'])} dogs for noses and right eyes ({nose['distance']:.2f} and "
        f"{right['distance']:.2f}, at random places {logits['random']['mean']:.2f}; p = {nose['p']:.3f}), not for left "
        f"eyes ({left['distance']:.2f}, p = {left['p']:.2f})"
    )
    assert all(part["p"] > 0.95 for measure in ("differing", "absolute") for part in late[measure]["parts"].values())
    yield "in fire9 the parts differ more than random places"


def occlude():
    words = []
    for photo, name in zip(found("occlude")["photos"], ("shark", "eagle", "rifle"), strict=True):
        telling = photo["after"]["telling-parts"]
        elsewhere = telling["elsewhere"]
        # That it holds more than an equal area elsewhere.
        assert elsewhere["as_low"] <= 0.05 * elsewhere["draws"]
        digits = [0 if value > 0.1 else 1 for value in (telling["probability"], elsewhere["median"])]
        words.append(
            f"{name} {percent(photo['before']['probability'], 0)} to {percent(telling['probability'], digits[0])} "
            f"({percent(elsewhere['median'], digits[1])})"
        )
    yield ", ".join(words)
    _, eagle, rifle = (photo["after"]["other-parts"]["probability"] for photo in found("occlude")["photos"])
    yield f"as much of the eagle's wings leaves {percent(eagle)}, of the rifle's barrel {percent(rifle)}"


def attention():
    step = found("attention")
    shares = {name: percent(share, 0) for name, share in step["mean_shares"].items()}
    yield (
        f"guided Grad-CAM has {shares['guided_grad_cam']} of its energy in boxes of {percent(step['mean_area'], 0)} of "
        f"the picture, Grad-CAM {shares['grad_cam']}, the gradient {shares['saliency']}"
    )


def recognized():
    step = found("recognized")
    sure = step["probability at least 0.95"]
    views, each = (step[f"{kind} of 8 held-out views at least 0.8"] for kind in ("median", "each"))
    yield (
        f"{sure} of {step['classes']} random classes with a probability of at least 0.95; in unseen views, {views} "
        f"with a median of at least 0.8, and {each} with 0.8 in each"
    )


def sweep():
    weights = found("sweep")["weights"]
    assert 0.2 < weights[-1]["total_variation"] / weights[0]["total_variation"] < 0.3
    assert weights[-1]["probability"] > weights[0]["probability"] - 0.005
    yield f"with a weight of {weights[-1]['weight']:g}, a quarter of the total variation"


def microscope():
    site = found("microscope")
    assert (site["network"], site["data"], site["without"]) == ("squeezenet", "photos", ["pictures"])
    yield f"SqueezeNet's {site['units']:,}\nunits over {site['images']} photos, without pictures"
    removed, pages = (site["seconds"][step] / 60 for step in ("each unit removed", "pages"))
    yield f"{site['whole'] / 60:.0f} minutes on two cores, {removed:.0f} of them for the removals and {pages:.0f} for"
    yield f"{site['bytes'] / 1e6:.1f} MB in {site['files']:,} files"


def invariance():
    areas = {name: one["areas"] for name, one in found("invariance")["transformations"].items()}
    shift, blur = areas["vertical translation"], areas["blur"]
    yield (
        f"of a vertical shift, the logits move {shift['logits']:.2f} of their norm, the first layer "
        f"{shift['conv1']:.2f}; of blur {blur['logits']:.2f} and {blur['conv1']:.2f}"
    )


def compression():
    step = found("compression")
    before = np.mean([photo["probability"] for photo in step["photos"]])
    mean, place = step["mean"], step["qualities"].index(30)
    yield (
        f"at a quality of {step['qualities'][place]} the class has half of its probability, "
        f"{mean['probability'][place]:.2f} of {before:.2f}, and Grad-CAM a rank correlation of "
        f"{mean['rank_correlation_of_grad_cam'][place]:.2f} with that of the photo"
    )


def class_statistics():
    step = found("class_statistics")
    best = min(step["most_telling"]["conv2"].values(), key=lambda one: one["effect"])
    assert step["most_telling"]["conv2"]["1"] == best
    assert all(abs(one["effect"]) <= -best["effect"] for one in step["most_telling"]["conv2"].values())
    yield f"one of conv2 is {-best['effect']:.1f} standard deviations weaker on a 1 than on the others"
    first, second = step["most_confused"][:2]
    assert first["count"] == second["count"]
    yield (
        f"the accuracy is {percent(step['accuracy'], 2)}, and {first['is']} is taken for {first['taken_for']} and for "
        f"{second['taken_for']} most often, {first['count']} times each"
    )


def ablate():
    step = found("ablate")
    halves = {}
    for layer, curve in step["curves"].items():
        half = curve["removed"].index(curve["of"] // 2)
        orders = (
            curve["least_missed_first"][half],
            np.mean(curve["random"], 0)[half],
            curve["most_missed_first"][half],
        )
        halves[layer] = [percent(value) for value in orders]
    before, after = (percent(step["accuracy"][name], 2) for name in ("before", "after"))
    total = sum(curve["of"] for curve in step["curves"].values())
    yield f"the accuracy of {before} falls to {after} without 10 of {total}"
    yield "without half of conv1 to {}, {} or {}: least missed first, at random, most missed first".format(
        *halves["conv1"]
    )
    yield "in conv2 the order tells less: {}, {}, {}".format(*halves["conv2"])


def evolution():
    step = found("evolution")
    early = step["epochs"].index(2)
    ranks = step["rank_correlation"]
    yield (
        f"{ranks['conv1'][early]:.2f} in the first layer, {ranks['conv3'][early]:.2f} in the last convolution and "
        f"{ranks['predictions'][early]:.2f} in the output is the rank correlation with the trained network after 2 "
        f"epochs of {step['epochs'][-1]}"
    )


def both():
    """The table of SqueezeNet and EfficientNet-Lite0."""

    def row(what, *cells):
        return f"| {what} | {' | '.join(cells)} |"

    def pairs(name):
        return [found(prefix + name) for prefix in ("", "lite-")]

    attention = pairs("attention")
    yield "energy on the object, in boxes of {} and {} of the picture".format(
        *(percent(step["mean_area"], 0) for step in attention)
    )
    for method, title in (("guided_grad_cam", "guided Grad-CAM"), ("grad_cam", "Grad-CAM"), ("saliency", "gradient")):
        yield row(title, *(percent(step["mean_shares"][method], 0) for step in attention))
    for kind in ("telling", "other"):
        cells = []
        for step in pairs("occlude"):
            parts = [photo["after"][f"{kind}-parts"]["probability"] for photo in step["photos"]]
            before = [photo["before"]["probability"] for photo in step["photos"]]
            words = zip(("shark", "eagle", "rifle"), before, parts, strict=True)
            cells.append(", ".join(f"{name} {percent(was)} to {percent(now)}" for name, was, now in words))
        yield row(f"probability without the {kind} parts", *cells)
    for layer, title in (("logits", "outputs"), ("late", "last maps")):
        cells = []
        for step, late in zip(pairs("correspondence"), ("fire9", "head"), strict=True):
            measured = step["layers"][late if layer == "late" else layer]["absolute"]
            parts = [measured["parts"][part] for part in ("nose", "right_eye", "left_eye")]
            said = ", ".join(f"{part['distance']:.2f} (p {part['p']:.3f})" for part in parts)
            cells.append(f"{said}; random {measured['random']['mean']:.2f}")
        yield row(f"distance of nose, right and left eye in the {title}", *cells)
    for kind in ("vertical translation", "rotation", "blur"):
        areas = [step["transformations"][kind]["areas"] for step in pairs("invariance")]
        yield row(f"{kind}: first layer, output", *(f"{area['conv1']:.2f}, {area['logits']:.2f}" for area in areas))
    cells = []
    for step in pairs("compression"):
        before = np.mean([photo["probability"] for photo in step["photos"]])
        curve = zip(step["qualities"], step["mean"]["probability"], strict=True)
        cells.append(str(max(quality for quality, mean in curve if mean < before / 2)))
    yield row("JPEG quality that halves the probability", *cells)
    steps, cells = pairs("adversarial-success"), []
    for step in steps:
        success, look = step["success"], step["look"]
        middle = len(success["factors"]) // 2
        assert success["photo"]["success"][middle] == 0
        cells.append(f"{percent(success['patch']['success'][middle], 0)}; {percent(look['grad_cam_peak_in_patch'], 0)}")
    yield row("a patch on 8% decides the class of; Grad-CAM peaks on it in", *cells)
    dense = [step["ways"][0] for step in pairs("transfer")]
    assert {way["name"] for way in dense} == {"frozen trunk, dense head, 320 px"}
    spans = [[f"{100 * end:.1f}" for end in way["mean_interval"]] for way in dense]
    cells = [f"{percent(way['mean'])} ({low} to {high})" for way, (low, high) in zip(dense, spans, strict=True)]
    yield row("test flowers, a dense head on the frozen trunk", *cells)
    names = ("deconvnet", "guided", "saliency", "grad_cam")
    cells = []
    for step in pairs("trust"):
        ranks = {one["method"]: one["rank_correlation"][0] for one in step["methods"]}
        cells.append(f"{', '.join(f'{ranks[name]:.2f}' for name in names)} ({len(step['images'])} photos)")
    yield row("maps with the last layer redrawn: deconvnet, guided backprop, gradient, Grad-CAM", *cells)
    cells = []
    for step, layer in zip(pairs("generalize"), ("fire9", "head"), strict=True):
        shares = {one["count"]: one for one in step["results"] if (one["trunk"], one["layer"]) == ("trained", layer)}
        folds = len(shares[15]["folds"])
        cells.append(f"{percent(shares[15]['accuracy'])}, {percent(shares[30]['accuracy'])} ({folds} folds)")
    yield row("Caltech-101, a linear softmax on the last maps, 15 and 30 photos a class", *cells)
    lowest = min(one["held_out"]["lowest"] for one in found("lite-classes").values())
    assert lowest > 0.99


STUDIES = (
    *(
        accuracy,
        train,
        wide,
        transfer,
        generalize,
        architectures,
        trust,
        adversarial,
        correspondence,
        occlude,
        attention,
        both,
    ),
    *(recognized, sweep, microscope, invariance, compression, class_statistics, ablate, evolution),
)


@pytest.mark.parametrize("study", STUDIES, ids=lambda study: study.__name__)
def test_the_readme_says_what_was_measured(study):
    for claim in study():
        assert claim in TEXT


def test_every_result_of_the_pages_is_one_of_these():
    text = SPEED.sub("", TEXT)
    for claim in (claim for study in STUDIES for claim in study()):
        text = text.replace(claim, "")
    # What is no result: code, addresses, the Python that is needed, the license.
    text = re.sub(r"```.*?```|`[^`]*`|\]\([^)]*\)|Python 3\.\d+|Apache-2\.0|section \d\.\d", "", text, flags=re.DOTALL)
    assert not re.findall(r"\d+(?:\.\d+)?%|\d+\.\d+", text)


@pytest.mark.parametrize("page", ["README.md", "docs/speed.md"])
def test_the_tables_of_speed_are_those_of_the_committed_results(page, tmp_path):
    text, copy = (ROOT / page).read_text("utf-8"), tmp_path / "page.md"
    copy.write_text(SPEED.sub(r"\1\n\2", text), "utf-8")
    _table.write(ROOT / "scripts" / "benchmark" / "results", copy)
    assert copy.read_text("utf-8") == text


def test_the_page_of_all_studies_is_that_of_one_committed_run_of_them(tmp_path):
    page, file = ROOT / "docs" / "reproduced.md", tmp_path / "table.json"
    rows = found("reproduce")
    assert [(row["study"], row["command"]) for row in rows] == [(study.title, command(study)) for study in REPRODUCED]
    assert {row["state"] for row in rows} == {"done", "missing"}
    copy = tmp_path / "page.md"
    copy.write_text(marks.replaced(page.read_text("utf-8"), "reproduce", lambda _: "")[0], "utf-8")
    file.write_bytes((ROOT / ".assets" / "reproduce.json").read_bytes())
    _reproduced.write(tmp_path, copy)
    assert copy.read_text("utf-8") == page.read_text("utf-8")
