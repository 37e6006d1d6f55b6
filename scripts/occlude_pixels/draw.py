"""The maps of all windows beside their images, and the numbers."""

import numpy as np

from jaxviz import render
from scripts._harness.run_folder import Step, dumps
from scripts.occlude_pixels.study import Study


def files(study: Study, steps: dict[int, Step]) -> dict[str, bytes]:
    """The figure and all numbers, by name."""
    scale = render.Scale(0.0, 1.0, "viridis", "probability of the class")
    half = -(-len(study.classes) // 2)
    rows: list[list[np.ndarray | None]] = []
    labels = []
    for row in range(half):
        places = [place for place in (row, row + half) if place < len(study.classes)]
        cells: list[np.ndarray | None] = []
        for place in (row, row + half):
            if place >= len(study.classes):
                cells += [None] * (1 + len(steps))
                continue
            picture = study.pixels[place]
            cells.append(np.broadcast_to(picture, (*picture.shape[:2], 3)))
            cells += [scale(step.arrays["maps"][place]) for step in steps.values()]
        rows.append(cells)
        labels.append("\n".join(_label(steps, place) for place in places))
    heads = ["image", *(f"{window} px" for window in steps)] * 2
    title = (
        f"{study.network.name}: probability of the class with a window on each pixel, from 0 (dark) to 1 (yellow)\n"
        "the left image of a row is named first"
    )
    drawing = render.draw_grid(rows, rows=labels, cols=heads, title=title, cell=0.95)
    numbers = {"network": study.network.name, "windows": [step.numbers for step in steps.values()]}
    return {"windows.png": render.png(drawing.pixels()), "windows.json": dumps(numbers).encode()}


def _label(steps: dict[int, Step], place: int) -> str:
    found = next(iter(steps.values())).numbers["images"][place]
    return f"{found['class']} {found['probability']:.0%}"


def table(study: Study, steps: dict[int, Step]) -> str:
    """The mean over all images for each window."""
    lines = [f"  {'window':<8}{'probability':>12}{'lowest':>9}{'another class wins':>20}"]
    for window, step in steps.items():
        images = step.numbers["images"]
        means = [np.mean([image[key] for image in images]) for key in _COLUMNS]
        lines.append(f"  {f'{window} px':<8}{means[0]:>12.1%}{means[1]:>9.1%}{f'{means[2]:.1%} of the places':>20}")
    return "\n".join([f"  {len(study.classes)} images of {study.network.name}, means:", *lines])


_COLUMNS = ("probability", "lowest", "places_with_another_class")
