"""A page on one picture, for a README, a slide or a notebook."""

from collections.abc import Mapping, Sequence

import numpy as np

from jaxviz import render
from jaxviz.attribution import METHODS
from jaxviz.explanation._figures import Figures, Shown
from jaxviz.explanation._projections import Strips
from jaxviz.explanation._steps import name

_COLS = 5
# The ones to show first, where there is not room for all.
_PREFERRED = ("smoothgrad", "guided", "grad_cam")


def summary(figures: Figures) -> np.ndarray:
    """A row for each case: the photo, three attributions and the occlusion map; of one case single units below."""
    shown = figures.shown
    known = shown[0].attributions
    names = sorted(known, key=lambda name: name not in _PREFERRED)[: _COLS - 2]
    names = [name for name in known if name in names]
    rows = [
        [each.case.subject.photo, *(each.attributions[name].picture for name in names), each.occlusion.picture]
        for each in shown
    ]
    titles = _titles(names, shown)
    first = shown[0]
    label = first.case.label
    if len(shown) > 1:
        sides = [
            f"{(each.case.title or label).replace(chr(44) + chr(32), chr(10))}\n{render.percent(each.probability)}"
            for each in shown
        ]
        return _sheet(rows, sides, titles, label if len({each.case.title for each in shown}) == 1 else "")
    sheets = [_sheet(rows, [""], titles, f"{first.case.subject.network}: {label}, {render.percent(first.probability)}")]
    subject = first.case.subject
    if subject.layers:
        sheets.append(_units({layer: figures.strips[name(subject, f"projection-{layer}")] for layer in subject.layers}))
    return np.concatenate(sheets)


def _titles(names: Sequence[str], shown: Sequence[Shown]) -> list[str]:
    photos = {each.case.subject.name for each in shown}
    return [photos.pop() if len(photos) == 1 else "photo", *(METHODS[name].title for name in names), "Occlusion"]


def _units(projections: Mapping[str, Strips]) -> np.ndarray:
    # As many of each layer as fit, more of the deep ones.
    share = [len(part) for part in np.array_split(range(_COLS), len(projections))][::-1]
    units = [
        (f"{layer}, channel {unit['channel']}", figures)
        for (layer, strips), count in zip(projections.items(), share, strict=True)
        for unit, figures in strips[:count]
    ]
    titles = [figure.title for figure in units[0][1][:2]]
    rows = [[figures[index].picture for _, figures in units] for index in range(2)]
    return _sheet(rows, titles, [title for title, _ in units], "What the strongest units respond to")


def _sheet(rows: Sequence[Sequence[np.ndarray]], sides: Sequence[str], cols: Sequence[str], title: str) -> np.ndarray:
    spare = max(_COLS - len(cols), 0)
    return render.grid(
        [[*row, *[None] * spare] for row in rows], rows=sides, cols=[*cols, *[""] * spare], title=title, cell=1.1
    )
