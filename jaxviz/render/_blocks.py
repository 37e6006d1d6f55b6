"""What a page is made of: values that hold pictures and words, and no markup."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float, Int, UInt8

from jaxviz.render._bars import top_classes
from jaxviz.render._scale import Scale


@dataclasses.dataclass(frozen=True)
class Figure:
    """A picture with its words.

    Args:
        picture: uint8, `(height, width, 3)`.
        title: what it is, a few words.
        alt: what there is to see, for those who do not see it.
        caption: a sentence below, or nothing.
        scale: what colored it, for its color bar.
        file: where the whole of it lies, relative to the page, for a link; or nothing.
    """

    picture: UInt8[np.ndarray, "h w 3"]
    title: str
    alt: str
    caption: str = ""
    scale: Scale | None = None
    file: str = ""


@dataclasses.dataclass(frozen=True)
class Prediction:
    """A photo beside the most probable classes.

    Args:
        photo: what the network saw.
        bars: (label, probability in [0, 1]), in the order to show.
    """

    template: ClassVar[str] = "prediction.html.j2"
    photo: Figure
    bars: Sequence[tuple[str, float]]


@dataclasses.dataclass(frozen=True)
class Gallery:
    """Figures side by side, as many to a line as fit.

    Args:
        figures: the figures.
        title: a line above, or nothing.
        caption: a sentence below the title, or nothing.
        columns: how many to a line, where that is part of what they say; the line is scrolled where it is too long.
    """

    template: ClassVar[str] = "gallery.html.j2"
    figures: Sequence[Figure]
    title: str = ""
    caption: str = ""
    columns: int = 0


@dataclasses.dataclass(frozen=True)
class Strips:
    """Strips of pictures that belong together, such as a unit's patch and its projections.

    Args:
        strips: (title, figures).
        title: a line above.
        caption: a sentence below the title, or nothing.
    """

    template: ClassVar[str] = "strips.html.j2"
    strips: Sequence[tuple[str, Sequence[Figure]]]
    title: str = ""
    caption: str = ""


@dataclasses.dataclass(frozen=True)
class Covering:
    """A sliding-window occlusion to point at: the page shows the probabilities with that place covered.

    Args:
        figures: heat maps over the photo, of the photo's size: one, or one for each of several classes.
        photo: the photo alone, shown small with the place covered.
        corners: first rows and first columns of the covered places, in pixels.
        window: height and width of a covered place, in pixels.
        labels: one per class.
        clean: probabilities of the whole photo; at least two classes.
        covered: probabilities with every place covered.
        color: what the places are covered with, `#rrggbb`.
        num: how many classes to show, the most probable ones.
        also: classes to show in any case, as the last of them.
    """

    template: ClassVar[str] = "covering.html.j2"
    figures: Sequence[Figure]
    photo: UInt8[np.ndarray, "h w 3"]
    corners: tuple[Int[np.ndarray, " rows"], Int[np.ndarray, " cols"]]
    window: tuple[int, int]
    labels: Sequence[str]
    clean: Float[np.ndarray, " k"]
    covered: Float[np.ndarray, "rows cols k"]
    color: str = "#808080"
    num: int = 5
    also: Sequence[int] = ()

    def data(self) -> dict[str, Any]:
        """What the page's script needs: the shown classes everywhere, and the best of the others at every place."""
        # One class stays over for the bar of the others.
        shown = top_classes(self.clean, min(self.num, len(self.clean) - 1))
        missing = [k for k in self.also if k not in shown]
        replaced = [k for k in reversed(shown) if k not in self.also][: len(missing)]
        shown = [*(k for k in shown if k not in replaced), *missing][: len(self.clean) - 1]
        others = np.array(self.covered, dtype=float)
        others[..., shown] = -1.0
        best = others.argmax(axis=-1)
        rest = np.array(self.clean, dtype=float)
        rest[shown] = -1.0
        other = int(rest.argmax())
        return {
            "size": [int(n) for n in self.photo.shape[:2]],
            "corners": [np.asarray(first).tolist() for first in self.corners],
            "window": [int(n) for n in self.window],
            "labels": [self.labels[k] for k in shown],
            "clean": _rounded(self.clean[shown]),
            "covered": _rounded(self.covered[..., shown]),
            "names": {int(k): self.labels[k] for k in np.union1d(best, other)},
            "other": {"clean": [other, *_rounded(self.clean[[other]])], "class": best.tolist()},
            "otherProbability": _rounded(others.max(axis=-1)),
        }


@dataclasses.dataclass(frozen=True)
class Plate:
    """One figure as wide as the page, or as wide as it is.

    Args:
        figure: the figure.
    """

    template: ClassVar[str] = "plate.html.j2"
    figure: Figure


@dataclasses.dataclass(frozen=True)
class Table:
    """Rows of words and numbers; the first cell of a row names it, and leads to the section of that name.

    Args:
        header: the columns' names.
        rows: one cell for each column.
        title: a line above, or nothing.
        caption: a sentence below the title, or nothing.
    """

    template: ClassVar[str] = "table.html.j2"
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    title: str = ""
    caption: str = ""


@dataclasses.dataclass(frozen=True)
class Beside:
    """Blocks of one kind side by side, such as those of two networks; one below the other where there is no room.

    Args:
        blocks: the blocks.
    """

    template: ClassVar[str] = "beside.html.j2"
    blocks: Sequence["Block"]


@dataclasses.dataclass(frozen=True)
class Lines:
    """Lines of text as they are, such as a table in columns.

    Args:
        text: the lines.
        title: a line above, or nothing.
    """

    template: ClassVar[str] = "lines.html.j2"
    text: str
    title: str = ""


@dataclasses.dataclass(frozen=True)
class Files:
    """Links to files that lie beside the page.

    Args:
        files: (path relative to the page, a few words on it).
    """

    template: ClassVar[str] = "files.html.j2"
    files: Sequence[tuple[str, str]]


Block = Prediction | Gallery | Strips | Covering | Plate | Table | Beside | Lines | Files


@dataclasses.dataclass(frozen=True)
class Section:
    """A part of the page.

    Args:
        title: the heading.
        reading: one sentence on how to read what follows.
        blocks: what to show.
        cost: (what, how much), such as ("compile and run", "1.3 s").
        command: how to make it again.
        name: the file that holds the numbers, for the reader.
        data: the numbers, as JSON text.
    """

    title: str
    reading: str
    blocks: Sequence[Block]
    cost: Sequence[tuple[str, str]] = ()
    command: str = ""
    name: str = ""
    data: str = ""


@dataclasses.dataclass(frozen=True)
class Page:
    """A whole page.

    Args:
        title: of the page.
        summary: a sentence or two.
        sections: its parts, in order.
        facts: (name, value) at the foot: versions, device, total time.
    """

    title: str
    summary: str
    sections: Sequence[Section]
    facts: Mapping[str, str] = dataclasses.field(default_factory=dict)


def _rounded(values: np.ndarray) -> Any:
    """Four decimals; what is less than a half of the last keeps a digit, so that it is not taken for nothing."""
    array = np.asarray(values, dtype=float)
    return np.where(array < 5e-5, np.where(array > 0, 1e-5, array), np.round(array, 4)).tolist()
