"""The steps put together on one page."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from jaxviz import render
from jaxviz._core.files import dumps, file_name
from jaxviz.attribution import METHODS, Method
from jaxviz.explanation import _occlusion, _prediction, _projections
from jaxviz.explanation._cases import heading
from jaxviz.explanation._figures import Figures, Shown
from jaxviz.explanation._results import Result
from jaxviz.explanation._steps import Results, name
from jaxviz.explanation._subject import Subject

Spell = Callable[[Mapping[str, Any]], str]

_MOST = 3  # labels to be listed one by one


def page(
    subjects: Sequence[Subject], results: Results, figures: Figures, facts: Mapping[str, str], spell: Spell
) -> render.Page:
    """The page of all steps.

    Args:
        subjects: what is explained.
        results: of all steps, by their names.
        figures: what `draw` made of them.
        facts: for the foot of the page.
        spell: how to make a section again, of the options that it depends on.
    """
    first = subjects[0]
    labels = list(dict.fromkeys(each.case.label for each in figures.shown))
    sections = [_predictions(subjects, results, spell)]
    if first.methods:
        sections.append(_attributions_of(figures.shown, labels, results, spell))
    if first.layers:
        sections.append(_projections_of(subjects, results, figures, spell))
    sections.append(_occlusions(subjects, results, figures, spell))
    entries = [entry for subject in subjects for entry in _found(subject, "prediction", results).numbers["targets"]]
    doubts = dict.fromkeys(_prediction.doubt(entry, len(first.labels)) for entry in entries)
    said = ". ".join(_said(subjects, subject, results) for subject in subjects)
    parts = [f"what speaks for {_listed(labels)}"] if first.methods else []
    parts += ["what single units respond to"] if first.layers else []
    parts += ["what changes when a part of the photo is covered"]
    summary = f"{said}. This page shows {_and(parts)}."
    return render.Page(_title(labels, entries), " ".join(filter(None, (summary, *doubts))), sections, facts)


def _predictions(subjects: Sequence[Subject], results: Results, spell: Spell) -> render.Section:
    found = {name(s, "prediction"): _found(s, "prediction", results) for s in subjects}
    return _section(
        "Prediction",
        "The photo as the network sees it, and how its probability is shared among the most probable classes.",
        [_prediction.block(s, each, heading(subjects, s)) for s, each in zip(subjects, found.values(), strict=True)],
        found,
        spell({}),
    )


def _attributions_of(shown: Sequence[Shown], labels: Sequence[str], results: Results, spell: Spell) -> render.Section:
    of, first = _listed(labels), shown[0].case.subject
    scales = " Maps of one photo and network have one color scale." if len(first.targets) > 1 else ""
    names = [name(case.subject, method, case.place) for case, _, methods, _ in shown for method in methods]
    layers = {"layers": [first.cam_layer]} if first.layers else {}
    return _section(
        f"What speaks for {of}",
        f"Each picture is another answer to the same question, which pixels or places make the score of {of} "
        f"large; trust what several of them agree on.{scales}",
        _galleries(shown),
        {each: results[each] for each in names},
        spell({**_aimed(first), **layers, "methods": first.methods}),
    )


def _projections_of(subjects: Sequence[Subject], results: Results, figures: Figures, spell: Spell) -> render.Section:
    first = subjects[0]
    found = {name(s, f"projection-{layer}"): (s, layer) for s in subjects for layer in s.layers}
    rules = {rule for step in found for rule in results[step].numbers["rules"]}
    by = "by a deconvnet and by guided backpropagation" if "deconvnet" in rules else "by the gradient"
    return _section(
        "What the strongest units see",
        "For each layer, the units that the photo excites most: the part of the photo that the unit sees, and "
        f"what in it the unit responds to, projected down {by} (mid-gray is zero).",
        [
            _projections.block(results[step], figures.strips[step], _joined(heading(subjects, s), layer))
            for step, (s, layer) in found.items()
        ],
        {step: results[step] for step in found},
        spell({"layers": first.layers, "units": first.units}),
    )


def _occlusions(subjects: Sequence[Subject], results: Results, figures: Figures, spell: Spell) -> render.Section:
    first = subjects[0]
    found = {name(s, "occlusion"): _found(s, "occlusion", results) for s in subjects}
    clean = [_found(s, "prediction", results).arrays["probabilities"] for s in subjects]
    color = _occlusion.color_word(_occlusion.color(first))
    return _section(
        "What if a place is covered",
        f"A {color} square of {first.window}×{first.window} pixels covers one place after the other; point at a "
        "place, touch it or move there with the arrow keys to see the probabilities with that place covered. A "
        "click, or Enter, keeps it.",
        [
            _occlusion.block(s, each, probabilities, _headed(figures.of(s), heading(subjects, s)))
            for s, each, probabilities in zip(subjects, found.values(), clean, strict=True)
        ],
        found,
        spell({**_aimed(first), "window": first.window, "stride": first.stride}),
    )


def _aimed(subject: Subject) -> dict[str, Any]:
    """The option that explains the same classes, where they were asked for."""
    targets = [subject.labels[target] for target in subject.targets if target is not None]
    return {"target": targets} if targets else {}


def _title(labels: Sequence[str], entries: Sequence[Mapping[str, Any]]) -> str:
    if len(labels) > _MOST:
        return f"{len(labels)} classes explained"
    # Why asks for the reason of what is so.
    likely = {entry["label"] for entry in entries if not _prediction.unlikely(entry)}
    unlikely = [label for label in labels if label not in likely]
    why = f"Why {_and([label for label in labels if label in likely])}?" if likely else ""
    return _joined(why, f"What would speak for {_and(unlikely)}?" if unlikely else "", by=" ")


def _said(subjects: Sequence[Subject], subject: Subject, results: Results) -> str:
    best = _found(subject, "prediction", results).numbers["top"][0]
    of = f" for {subject.name}" if len({each.name for each in subjects}) > 1 else ""
    return f"{subject.network} says {best['label']}{of}, {render.percent(best['probability'])}"


def _galleries(shown: Sequence[Shown]) -> list[render.Block]:
    """Of one case all methods together; of several a line for each method."""
    first, methods = shown[0], {name: METHODS[name] for name in shown[0].attributions}
    if len(shown) == 1:
        return [render.Gallery([_explained(first.attributions[name], method) for name, method in methods.items()])]
    return [
        render.Gallery(
            [dataclasses.replace(each.attributions[name], title=each.case.title) for each in shown],
            method.title,
            method.reading,
            columns=len(shown),
        )
        for name, method in methods.items()
    ]


def _explained(figure: render.Figure, method: Method) -> render.Figure:
    """With how to read it."""
    words = (method.reading, method.warning, method.verdict, figure.caption)
    return dataclasses.replace(figure, caption=" ".join(filter(None, words)))


def _headed(shown: Sequence[Shown], title: str) -> list[render.Figure]:
    """The occlusion maps, with the network and photo that they are of."""
    figures = [each.occlusion for each in shown]
    if not title:
        return figures
    return [dataclasses.replace(each, title=f"{title}: {each.title[0].lower()}{each.title[1:]}") for each in figures]


def _found(subject: Subject, what: str, results: Results) -> Result:
    return results[name(subject, what)]


def _listed(labels: Sequence[str]) -> str:
    if len(labels) > _MOST:
        return "each class"
    return _and(labels)


def _and(parts: Sequence[str]) -> str:
    if len(parts) < 3:
        return " and ".join(parts)
    return f"{', '.join(parts[:-1])}, and {parts[-1]}"


def _joined(*parts: str, by: str = ": ") -> str:
    return by.join(part for part in parts if part)


def _section(
    title: str, reading: str, blocks: Sequence[render.Block], results: Results, command: str
) -> render.Section:
    numbers = [result.numbers for result in results.values()]
    cost = [
        (words, f"{render.number(sum(entry['seconds'][what] for entry in numbers), 2)} s")
        for what, words in (("compile", "compile, or load compiled"), ("run", "run"))
    ]
    passes = {way: sum(entry["passes"][way] for entry in numbers) for way in ("forward", "backward")}
    cost.append(("passes", ", ".join(f"{count:,} {way}" for way, count in passes.items() if count)))
    names = ", ".join(f"{file_name(each)}.json" for each in results)
    data = "\n".join(dumps(entry) for entry in numbers)
    if len(blocks) > 1 and not isinstance(blocks[0], render.Gallery | render.Strips):
        blocks = [render.Beside(blocks)]
    return render.Section(title, reading, blocks, cost, command, names, data)
