"""A whole page about one answer of a network, in one call."""

import os
import platform
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
from jaxtyping import Array, ArrayLike

from jaxviz import render
from jaxviz._core.files import dumps, file_name
from jaxviz._core.network import brought
from jaxviz._core.probability import Probability
from jaxviz.explanation._exports import exports
from jaxviz.explanation._figures import Figures, draw
from jaxviz.explanation._notebook import notebook
from jaxviz.explanation._page import page
from jaxviz.explanation._photos import images_of
from jaxviz.explanation._results import Programs, Result, npz
from jaxviz.explanation._steps import measure, steps
from jaxviz.explanation._subject import Options, Source, Subject, Targets, subjects
from jaxviz.explanation._view import Range


class Explanation(NamedTuple):
    """What `explain` found: it shows itself in a notebook, and saves itself as a page.

    Attributes:
        subjects: each network with each image, as it was explained: its classes, layers, window.
        results: what every step found, by its name (`"prediction"`, `"grad_cam"`, `"projection-conv1"`,
            `"occlusion"`; with the network, the image or the class in it, where there are several): `numbers`, as they
            stand on the page, and `arrays`.
        facts: how long it took, on what, by which versions.
        spell: what was called, for the page.
    """

    subjects: tuple[Subject, ...]
    results: dict[str, Result]
    facts: dict[str, str]
    spell: Callable[[Mapping[str, Any]], str]

    def page(self) -> render.Page:
        """The page, as blocks that `render.html` writes."""
        return self._page(draw(self.subjects, self.results))

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the page.

        Args:
            path: a name that ends with `.html` for the page alone, one file that opens anywhere. Any other is a folder,
                new or empty, for `index.html` and, beside it, every picture as PNG, SVG and PDF, every table as CSV,
                and the numbers and arrays of every step as JSON and NPZ.

        Returns:
            The path of the page.

        Raises:
            ValueError: a folder that holds other files, or a file that is no page.
        """
        path = Path(path)
        if path.suffix in (".html", ".htm"):
            path.write_text(render.html(self.page()), "utf-8")
            return path
        if path.suffix in (".png", ".svg", ".pdf", ".csv") or path.is_file():
            raise ValueError(f"`path` must end with .html, or be a folder, got {path}. A folder gets all pictures too.")
        if path.is_dir() and any(path.iterdir()):
            raise ValueError(f"`path` must be a new or an empty folder, got {path}, which holds files. Use another.")
        path.mkdir(parents=True, exist_ok=True)
        for name, content in self.files():
            stem, ending = os.path.splitext(name)
            (path / f"{file_name(stem)}{ending}").write_bytes(content)
        return path / "index.html"

    def files(self) -> Iterator[tuple[str, bytes]]:
        """Name and content of every file of a folder, the page last; the names are those of steps, with an ending."""
        for name, result in self.results.items():
            yield f"{name}.npz", npz(result)
            yield f"{name}.json", dumps(result.numbers).encode()
        figures = draw(self.subjects, self.results)
        yield from exports(self.subjects, self.results, figures)
        yield "index.html", render.html(self._page(figures)).encode()

    def _page(self, figures: Figures) -> render.Page:
        return page(self.subjects, self.results, figures, self.facts, self.spell)

    def __repr__(self) -> str:
        said = ", ".join(f"{s.network} on {s.name}" for s in self.subjects)
        return f"Explanation({said}: {', '.join(self.results)})"

    def _repr_html_(self) -> str:
        """The page on one picture, for a notebook."""
        figures = draw(self.subjects, self.results)
        return notebook(self._page(figures), figures)


def explain(
    f: Callable | Mapping[str, Callable],
    images: ArrayLike | Sequence[ArrayLike],
    target: Targets = None,
    *,
    labels: Sequence[str] | None = None,
    layers: Sequence[str] | None = None,
    methods: Sequence[str] | None = None,
    units: int | None = None,
    window: int | None = None,
    stride: int | None = None,
    baseline: ArrayLike = 0.0,
    probability: Probability | None = None,
    normalize: Callable | None = None,
    denormalize: Callable | None = None,
    input_range: Range | None = None,
    key: Array | None = None,
) -> Explanation:
    """Which class a network sees, which pixels and units speak for it, what covering a place changes: on one page.

    In a notebook the result shows itself; `.save("cat.html")` writes the page, and `.results` has the numbers. What a
    network brings beside its call is used (`labels`, `preprocess`, `denormalize`, `name`), and nothing of it is needed.

    Example:
        >>> import jax.numpy as jnp
        >>> f = lambda images: jnp.stack([images[:, :4].mean((1, 2, 3)), images[:, 4:].mean((1, 2, 3))], axis=1)
        >>> found = explain(f, jnp.linspace(0, 1, 64).reshape(8, 8, 1), methods=["saliency"], labels=["top", "bottom"])
        >>> found.results["prediction"].numbers["label"], found.results["occlusion"].arrays["probabilities"].shape
        ('bottom', (8, 8, 2))

    Args:
        f: from images `(n, h, w, c)` to outputs `(n, k)`: any JAX function or callable pytree. Or several by name, to
            show them side by side: `{"before": f, "after": g}`.
        images: one image `(h, w, c)` in the network's own range, or bytes (uint8), where the network brings
            `preprocess` or `normalize` or `input_range` is given. Several, `(n, h, w, c)` or a list, share the page.
        target: the class to explain, its number or its label; several are shown side by side. By default the most
            probable one of each image.
        labels: one for each output, in order. By default `f.labels`, or else "class 0", "class 1". A head of one output
            has two: what the output speaks against, and what it speaks for.
        layers: names from `layers(f, images)` whose strongest units are shown; the deepest of them is that of the
            class activation maps. By default four of those that are maps, from shallow to deep. Of a function without
            named layers, there are none, and neither units nor class activation maps are shown.
        methods: the attributions, keys of `jaxviz.attribution.METHODS`, in the order to show. By default ten of them,
            or those that the function allows: those of a layer need one, and deconvnet and guided backpropagation need
            ReLUs.
        units: how many units of a layer; 6 by default, or all channels where there are fewer.
        window: height and width of the covered place, in pixels; a seventh of the image by default.
        stride: pixels from one covered place to the next; three eighths of the window by default. Where it is larger
            than the window, what is never covered is marked.
        baseline: what covers a place, as for `occlusion`: a number, a pixel `(c,)` or an image, in the network's range.
        probability: how the outputs become probabilities, as for `probabilities`.
        normalize: from RGB in [0, 1] `(n, h, w, 3)` to the network's own range, for bytes.
        denormalize: from the network's own range to RGB or gray in [0, 1], a JAX function, for what is shown. By
            default `f.denormalize`. Without it and `input_range`, images are shown from their smallest value to their
            largest.
        input_range: the values of black and of white, such as (0, 1) or (-1, 1), in place of both.
        key: of SmoothGrad's noise; `jax.random.key(0)` by default, so that the page is the same each time.

    Returns:
        The explanation. Cost for one image: about 110 passes forward and backward, one forward pass for each channel of
        the deepest layer (Score-CAM), and one for each place of the window, most of it skipped; `methods` leaves out
        what takes too long.

    Raises:
        ValueError: a name that does not exist, a window that does not fit, an image that is not finite, and all else
            that an argument must not be, before anything is computed.
        TypeError: bytes without a way to the network's range, or a target that is no class.
    """
    start = time.perf_counter()
    networks = f if isinstance(f, Mapping) else {name_of(f): f}
    if not networks:
        raise ValueError("`f` must hold at least one function, got none. Give a function, or several by name.")
    options = Options(
        target, labels, layers, methods, units, window, stride, baseline, probability, normalize, denormalize,
        input_range, key,
    )  # fmt: skip
    sources = []
    for name, network in networks.items():
        seen = images_of(network, images, normalize, input_range)
        names = ["image"] if len(seen) == 1 else [f"image {number}" for number in range(len(seen))]
        sources.append(Source(name, network, dict(zip(names, seen, strict=True))))
    found = subjects(sources, options)
    results: dict[str, Result] = {}
    programs = Programs()
    for step in steps(found):
        results[step.name] = measure(step, results, programs)
    facts = {
        "Measured in": f"{time.perf_counter() - start:.1f} s",
        "Device": jax.devices()[0].device_kind,
        "python": platform.python_version(),
        "jax": jax.__version__,
    }
    return Explanation(found, results, facts, _spell)


def name_of(f: Any) -> str:
    """What the function calls itself."""
    name = brought(f, "name") or getattr(f, "__name__", None)
    return name if isinstance(name, str) and name != "<lambda>" else "f"


def _spell(options: Mapping[str, Any]) -> str:
    words = [f"{key}={list(value) if isinstance(value, tuple) else value!r}" for key, value in options.items()]
    return f"jv.explain({', '.join(['f', 'images', *words])})"
