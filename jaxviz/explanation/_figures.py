"""The pictures of all steps, drawn once for the page, the files beside it and the summary."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from jaxviz import render
from jaxviz.explanation import _attributions, _occlusion, _projections
from jaxviz.explanation._cases import Case, cases
from jaxviz.explanation._projections import Strips
from jaxviz.explanation._steps import Results, name
from jaxviz.explanation._subject import Subject


class Shown(NamedTuple):
    """A case and the pictures of it: the attributions by name, and the occlusion map."""

    case: Case
    probability: float
    attributions: Mapping[str, render.Figure]
    occlusion: render.Figure


class Figures(NamedTuple):
    """All pictures.

    Attributes:
        shown: those of each case.
        strips: those of single units, by the name of their step.
    """

    shown: list[Shown]
    strips: dict[str, Strips]

    def of(self, subject: Subject) -> list[Shown]:
        """The cases of one network and photo."""
        return [each for each in self.shown if each.case.subject is subject]


def draw(subjects: Sequence[Subject], results: Results) -> Figures:
    """Draw the results of all steps."""
    groups = itertools.groupby(cases(subjects, results), key=lambda case: case.subject.prefix)
    strips = {
        step: _projections.strips(subject, results[step])
        for subject in subjects
        for layer in subject.layers
        for step in [name(subject, f"projection-{layer}")]
    }
    return Figures([each for _, mine in groups for each in _shown(list(mine), results)], strips)


def _shown(mine: Sequence[Case], results: Results) -> Iterator[Shown]:
    """The cases of one network and photo; each method has one scale for them."""
    subject = mine[0].subject
    clean = results[name(subject, "prediction")].arrays["probabilities"]
    covered = _occlusion.figures(subject, results[name(subject, "occlusion")], clean)
    of = {
        method: _attributions.figures(subject, [results[name(subject, method, case.place)] for case in mine])
        for method in subject.methods
    }
    for place, case in enumerate(mine):
        attributions = {method: figures[place] for method, figures in of.items()}
        yield Shown(case, float(clean[case.target]), attributions, covered[place])
