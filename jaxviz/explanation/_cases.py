"""The classes that a page explains, with titles that tell them apart."""

from collections.abc import Sequence
from typing import NamedTuple

from jaxviz.explanation._steps import Results, targets_of
from jaxviz.explanation._subject import Subject


class Case(NamedTuple):
    """A class of a network and a photo: what one picture of an attribution is of."""

    subject: Subject
    place: int
    target: int
    title: str

    @property
    def label(self) -> str:
        """Of the class."""
        return self.subject.labels[self.target]


def cases(subjects: Sequence[Subject], results: Results) -> list[Case]:
    """All that the attributions are of, each class of a network and photo once."""
    found = [
        Case(subject, place, target, "")
        for subject in subjects
        for targets in [targets_of(subject, results)]
        for place, target in enumerate(targets)
        if target not in targets[:place]
    ]
    one_label = len({case.label for case in found}) == 1
    return [
        case._replace(title=", ".join(filter(None, (heading(subjects, case.subject), "" if one_label else case.label))))
        for case in found
    ]


def heading(subjects: Sequence[Subject], subject: Subject) -> str:
    """The network and the photo, as far as there are several."""
    networks, photos = ({getattr(each, what) for each in subjects} for what in ("network", "name"))
    return ", ".join([subject.network] * (len(networks) > 1) + [subject.name] * (len(photos) > 1))
