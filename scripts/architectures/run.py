"""The networks looked into, the variants trained, and whether the look tells the better one."""

from typing import Any

from models import training
from scripts._harness.run_folder import Step
from scripts.architectures import ablation as _ablation
from scripts.architectures import aliasing as _aliasing
from scripts.architectures.study import Study


def measure(study: Study) -> dict[str, Any]:
    """All that was found, for JSON."""
    looked = study.folder.step("networks", lambda: Step({"networks": _look(study)}, {}))
    return summarize(study, looked.numbers["networks"], _ablation.train(study))


def _look(study: Study) -> list[dict[str, Any]]:
    """What one sees of each network, and how good it is."""
    photos = study.test.images[: study.config.images]
    return [
        {
            "network": network.name,
            "accuracy": round(training.evaluate(network, study.test).accuracy, 5),
            "layers": _aliasing.measure(network, photos),
        }
        for network in study.networks
    ]


def summarize(study: Study, entries: list[dict[str, Any]], variants: list[dict[str, Any]]) -> dict[str, Any]:
    """The networks with their pictures' figures, the variants, and whether the figures tell the better one."""
    best = max(range(len(entries)), key=lambda place: entries[place]["accuracy"])
    last = [entry["layers"][-1] for entry in entries]
    first = [entry["layers"][0] for entry in entries]
    errors = [variant["test_error"] for variant in variants]
    return {
        **study.folder.run,
        "found": entries,
        "better": entries[best]["network"],
        "told_by": {
            "least folded by conv1": min(range(len(entries)), key=lambda place: first[place]["folded"]) == best,
            "least above Nyquist": min(range(len(entries)), key=lambda place: last[place]["above"]) == best,
            "most contrast": max(range(len(entries)), key=lambda place: last[place]["contrast"]) == best,
        },
        "variants": variants,
        "rank_correlation_with_test_error": {
            key: _aliasing.rank_correlation([variant[key] for variant in variants], errors)
            for key in ("folded", "above", "contrast", "parameters")
        },
    }


def headline(numbers: dict[str, Any]) -> str:
    """The networks by accuracy and by what was measured of their pictures."""
    lines = []
    for entry in numbers["found"]:
        first, last = entry["layers"][0], entry["layers"][-1]
        lines.append(
            f"{entry['network']} {entry['accuracy']:.2%}, folded by {first['layer']} {first['folded']:.0%}, above "
            f"Nyquist {last['above']:.0%}, contrast {last['contrast']:.2f}"
        )
    told = ", ".join(name for name, told in numbers["told_by"].items() if told) or "none of the measures"
    return f"{'; '.join(lines)}. The better network is told by: {told}."
