"""The steps of a page, in the order in which they are measured."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

from jaxviz.explanation import _attributions, _occlusion, _prediction, _projections
from jaxviz.explanation._results import Programs, Result
from jaxviz.explanation._subject import Subject

Results = Mapping[str, Result]


class Step(NamedTuple):
    """One step: its name among the results, whose it is, and the method or layer that it is of."""

    name: str
    subject: Subject
    kind: Literal["prediction", "attribution", "projection", "occlusion"]
    of: str = ""
    place: int = 0


def steps(subjects: Sequence[Subject]) -> list[Step]:
    """All that a page is made of."""
    return [step for subject in subjects for step in _of(subject)]


def _of(subject: Subject) -> Iterator[Step]:
    yield Step(name(subject, "prediction"), subject, "prediction")
    for method in subject.methods:
        for place in range(len(subject.targets)):
            yield Step(name(subject, method, place), subject, "attribution", method, place)
    for layer in subject.layers:
        yield Step(name(subject, f"projection-{layer}"), subject, "projection", layer)
    yield Step(name(subject, "occlusion"), subject, "occlusion")


def name(subject: Subject, what: str, place: int | None = None) -> str:
    """Of a result: with the class, where several are explained."""
    if place is None or len(subject.targets) == 1:
        return f"{subject.prefix}{what}"
    target = subject.targets[place]
    label = "most_probable" if target is None else subject.labels[target].replace(" ", "_")
    return f"{subject.prefix}{what}-{label}"


def measure(step: Step, results: Results, programs: Programs) -> Result:
    """What the step finds; it may read the results of those before it.

    Args:
        step: one of `steps(...)`.
        results: of the earlier ones, by their names.
        programs: those of the run.
    """
    subject = step.subject
    if step.kind == "prediction":
        return _prediction.measure(subject, programs)
    if step.kind == "projection":
        return _projections.measure(subject, step.of, programs)
    targets = targets_of(subject, results)
    if step.kind == "occlusion":
        return _occlusion.measure(subject, list(dict.fromkeys(targets)), programs)
    return _attributions.measure(subject, step.of, targets[step.place], programs)


def targets_of(subject: Subject, results: Results) -> list[int]:
    """The classes that are explained, now that the most probable one is known."""
    top = results[name(subject, "prediction")].numbers["top"][0]["class"]
    return [top if target is None else target for target in subject.targets]
