"""The last step: the probabilities with one place after the other covered."""

from collections.abc import Sequence

import numpy as np

from jaxviz import render
from jaxviz.attribution import occlusion, occlusion_grid
from jaxviz.explanation._results import Programs, Result
from jaxviz.explanation._subject import Subject


def measure(subject: Subject, targets: Sequence[int], programs: Programs) -> Result:
    """The probabilities of all classes for every place of the window."""
    window, stride = subject.window, subject.stride
    covered, seconds = programs.timed(
        ("occlusion", window, stride),
        lambda f, image, baseline: subject.probabilities(
            occlusion(f, image, window=window, stride=stride, baseline=baseline)
        ),
        subject.f,
        subject.images[0],
        subject.baseline,
    )
    first_rows, first_cols = occlusion_grid(subject.images.shape, window, stride)
    target = targets[0]
    baseline = np.asarray(subject.baseline)
    numbers = {
        "target": target,
        "label": subject.labels[target],
        "targets": list(targets),
        "window": window,
        "stride": stride,
        "rows": first_rows.tolist(),
        "cols": first_cols.tolist(),
        "baseline": baseline.tolist() if baseline.ndim < 2 else "an image",
        "probability": np.round(covered[..., target].astype(float), 5).tolist(),
        "passes": {"forward": len(first_rows) * len(first_cols), "backward": 0},
        "seconds": seconds,
    }
    return Result(numbers, {"probabilities": covered})


def figures(subject: Subject, result: Result, clean: np.ndarray) -> list[render.Figure]:
    """A map for each class, on one scale."""
    window, corners = _places(result)
    targets, covered = result.numbers["targets"], result.arrays["probabilities"]
    size = subject.photo.shape[:2]
    drops = [render.spread(clean[target] - covered[..., target], size, corners, window) for target in targets]
    unknown = render.gaps(size, corners, window)
    hatched = " Hatched: never covered, as the stride is larger than the window." if unknown.any() else ""
    scale = render.diverging(np.concatenate(drops), percentile=100, label="drop of the probability, 1 is 100%")
    return [
        render.Figure(
            render.overlay(subject.photo, drop, scale, opacity=0.55, unknown=unknown),
            f"Drop of the probability of {subject.labels[target]}",
            f"Occlusion map of {subject.labels[target]!r} over the photo {subject.name}.",
            f"Red: the network needs this place. Blue: this place speaks against the class.{hatched}",
            scale,
        )
        for target, drop in zip(targets, drops, strict=True)
    ]


def block(subject: Subject, result: Result, clean: np.ndarray, figures: Sequence[render.Figure]) -> render.Covering:
    """What the page shows: the maps, and the probabilities with each place covered."""
    window, corners = _places(result)
    covered, targets = result.arrays["probabilities"], result.numbers["targets"]
    return render.Covering(
        figures, subject.photo, corners, window, subject.labels, clean, covered, color(subject), also=targets
    )


def _places(result: Result) -> tuple[tuple[int, int], tuple[np.ndarray, np.ndarray]]:
    """Size and corners of the covered places, in pixels."""
    numbers = result.numbers
    return (numbers["window"],) * 2, (np.array(numbers["rows"]), np.array(numbers["cols"]))


def color(subject: Subject) -> str:
    """What covers a place, `#rrggbb`: the mean color where it is an image."""
    image = np.broadcast_to(np.asarray(subject.baseline), subject.images.shape)
    pixels = subject.view.photo(image)  # pyright: ignore[reportArgumentType]
    return "#" + bytes(np.rint(pixels.mean((0, 1))).astype(np.uint8)).hex()


def color_word(color: str) -> str:
    """A color in a word, where there is one."""
    red, green, blue = (int(color[place : place + 2], 16) for place in (1, 3, 5))
    low, high = min(red, green, blue), max(red, green, blue)
    if high - low > 24:
        return "uniform"
    return "black" if high < 32 else "white" if low > 223 else "gray"
