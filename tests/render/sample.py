"""A page with every kind of block, made of arrays and no network."""

import numpy as np

from jaxviz import render

LABELS = [f"class {k}" for k in range(9)]
CLEAN = np.array([0.5, 0.2, 0.1, 0.08, 0.05, 0.03, 0.02, 0.01, 0.01])
WINDOW, ROWS, COLS = (16, 16), 7, 11
CORNERS = (8 * np.arange(ROWS), 8 * np.arange(COLS))


def covered() -> np.ndarray:
    """Probabilities that tell the place: row and column are in the first two classes, class 6 wins in one place."""
    array = np.tile(CLEAN, (ROWS, COLS, 1))
    array[..., 0] = np.arange(ROWS)[:, None] / 100
    array[..., 1] = np.arange(COLS) / 100
    array[2, 3, 6] = 0.9
    return array


def photo() -> np.ndarray:
    """64 x 96 pixels of soft color."""
    rows, cols = np.mgrid[:64, :96]
    return np.stack([rows * 3, cols * 2, 255 - rows - cols], axis=-1).astype(np.uint8)


def page(title: str = "A sample") -> render.Page:
    """The page."""
    wave = np.sin(np.mgrid[:64, :96].sum(axis=0) / 9)
    heat, signed = render.sequential(np.abs(wave), label="no unit"), render.diverging(wave, label="logits per pixel")
    figures = [
        render.Figure(render.overlay(photo(), np.abs(wave), heat), "Heat", "Stripes.", "A caption.", heat),
        render.Figure(signed(wave), "Signed", "Stripes, red and blue.", scale=signed),
    ]
    strip = [render.Figure(photo()[:20, :20], name, f"A {name}.") for name in ("photo", "deconvnet", "guided")]
    drop = render.spread(CLEAN[0] - covered()[..., 0], (64, 96), CORNERS, WINDOW)
    scale = render.diverging(drop, label="drop of the probability")
    blocks = {
        "Prediction": render.Prediction(
            render.Figure(photo(), "Photo", "Soft colors."), list(zip(LABELS[:5], CLEAN[:5], strict=True))
        ),
        "Attributions": render.Gallery(figures * 4),
        "Projections": render.Strips([(f"channel {k}", strip) for k in range(6)], "layer", "A sentence."),
        "Occlusion": render.Covering(
            [render.Figure(render.overlay(photo(), drop, scale), "Drop", "A heat map.", "A caption.", scale)],
            photo(),
            CORNERS,
            WINDOW,
            LABELS,
            CLEAN,
            covered(),
        ),
    }
    blocks["Plate"] = render.Plate(render.Figure(photo(), "A plate", "Soft colors.", file="a plate.png"))
    rows = [("a <b>", "0.5", "python -m x")] * 2 + [("Plate", "0.5", "python -m x")]
    blocks["Table"] = render.Table(("study", "measured", "command"), rows, "Results")
    blocks["Lines"] = render.Lines("  one  <two>\nthree   4", "As they are")
    blocks["Files"] = render.Files([("layer #1.json", "12 kB"), ("b.png", "")])
    sections = [
        render.Section(
            name,
            "One sentence on how to read it.",
            [block],
            [("run", "1.0 s")],
            "python -m scripts.explain <photo>",
            "numbers.json",
            '{"a": "' + "long" * 400 + '"}',
        )
        for name, block in blocks.items()
    ]
    return render.Page(title, "A summary.", sections, {"version": "0"})
