"""The files beside a page: every picture as pixels and as a drawing, every table as lines of values."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from jaxviz import render
from jaxviz.explanation import _projections
from jaxviz.explanation._cases import Case, heading
from jaxviz.explanation._figures import Figures
from jaxviz.explanation._results import Result
from jaxviz.explanation._steps import Results, name
from jaxviz.explanation._subject import Subject
from jaxviz.explanation._summary import summary


def exports(subjects: Sequence[Subject], results: Results, figures: Figures) -> Iterator[tuple[str, bytes]]:
    """Names and contents of all files but the page, the numbers and the arrays."""
    for subject in subjects:
        clean = results[name(subject, "prediction")].arrays["probabilities"]
        yield f"{subject.prefix}photo.png", render.png(subject.photo)
        title = ", ".join(filter(None, ("Most probable classes", heading(subjects, subject))))
        yield from _drawn(name(subject, "prediction"), render.draw_bars(clean, subject.labels, title=title))
        yield f"{name(subject, 'prediction')}.csv", _classes(subject, results[name(subject, "prediction")])
        for each in figures.of(subject):
            for method, figure in each.attributions.items():
                step = name(subject, method, each.case.place)
                yield from _drawn(step, _framed(figure, each.case))
                if results[step].arrays["attribution"].ndim == 2:
                    yield f"{step}.csv", _map(results[step])
            yield from _drawn(name(subject, "occlusion", each.case.place), _framed(each.occlusion, each.case))
        yield f"{name(subject, 'occlusion')}.csv", _places(subject, results[name(subject, "occlusion")])
        for layer in subject.layers:
            step = name(subject, f"projection-{layer}")
            yield from _drawn(step, _projections.sheet(layer, figures.strips[step]))
            yield f"{step}.csv", _units(results[step])
    yield "summary.png", render.png(summary(figures))


def _framed(figure: render.Figure, case: Case) -> render.Drawing:
    title = f"{figure.title}\n{case.title}" if case.title else figure.title
    return render.draw_framed(figure.picture, title=title, scale=figure.scale)


def _drawn(name: str, drawing: render.Drawing) -> Iterator[tuple[str, bytes]]:
    for kind in ("png", "svg", "pdf"):
        yield f"{name}.{kind}", drawing.encode(kind)


def _classes(subject: Subject, result: Result) -> bytes:
    probabilities = result.arrays["probabilities"]
    order = render.top_classes(probabilities, len(probabilities))
    return _csv(["class", "label", "probability"], ((k, subject.labels[k], _value(probabilities[k])) for k in order))


def _places(subject: Subject, result: Result) -> bytes:
    numbers, covered = result.numbers, result.arrays["probabilities"]
    labels = [subject.labels[target] for target in numbers["targets"]]
    rows = (
        (top, left, numbers["window"], *(_value(covered[row, col, target]) for target in numbers["targets"]))
        for row, top in enumerate(numbers["rows"])
        for col, left in enumerate(numbers["cols"])
    )
    return _csv(["row", "column", "window", *(f"probability of {label}" for label in labels)], rows)


def _map(result: Result) -> bytes:
    rows = result.arrays["attribution"]
    header = ["row", *(f"column {col}" for col in range(rows.shape[1]))]
    return _csv(header, ([number, *map(_value, row)] for number, row in enumerate(rows)))


def _units(result: Result) -> bytes:
    keys = ("row", "col", "channel", "activation")
    return _csv(list(keys), ([unit[key] for key in keys] for unit in result.numbers["units"]))


def _value(value: np.floating) -> str:
    return f"{float(value):.6g}"


def _csv(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> bytes:
    file = io.StringIO()
    csv.writer(file, lineterminator="\n").writerows([header, *rows])
    return file.getvalue().encode()
