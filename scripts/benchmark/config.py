"""The arguments of `scripts.benchmark`."""

import dataclasses
from pathlib import Path
from typing import Annotated, Literal

from scripts._harness.ranges import Count, Counts, Folder, Range

RESULTS = Path(__file__).parent / "results"


@dataclasses.dataclass(frozen=True)
class Kept:
    """Where the results of a benchmark go."""

    out: Folder | None = None
    """The folder of the JSON and the figure, replaced there. By default runs/benchmarks, where nothing is replaced."""


@dataclasses.dataclass(frozen=True)
class Occlusion(Kept):
    """Sliding-window occlusion of one image, all classes at once."""

    network: str = "squeezenet"
    """A name from models.names(); random weights where none are committed."""
    window: Count = 16
    stride: Count = 8
    batch_sizes: Counts = ()
    """Windows at a time, besides the default of the library; the best counts."""
    repeats: Count = 3
    naive_windows: Count = 24
    """How many windows the naive loop computes; its time is scaled to all of them."""


@dataclasses.dataclass(frozen=True)
class Precisions(Kept):
    """Occlusion in float32, TF32 and bfloat16, incremental and dense, and how far each is from dense in float32."""

    network: str = "squeezenet"
    """A name from models.names(); random weights where none are committed."""
    window: Count = 16
    stride: Count = 8
    precisions: tuple[Literal["float32", "tensorfloat32", "bfloat16"], ...] = ("float32", "tensorfloat32", "bfloat16")
    """What JAX calls them, the first of which the others are compared to; JAX's own default on an accelerator is one of
    the narrower and faster ones."""
    batch_sizes: Counts = ()
    """Windows at a time, of which the best counts; the default of the library where none is given."""
    repeats: Count = 5


@dataclasses.dataclass(frozen=True)
class Approximations(Kept):
    """Speed and error of GrowthCap and CoarseToFine against the exact map of a photo."""

    photo: str = "chelsea"
    network: str = "squeezenet"
    window: Count = 16
    stride: Count = 8
    caps: Annotated[tuple[float, ...], Range(0, 1, open=True)] = (0.9, 0.8, 0.7, 0.6, 0.5)
    steps: Annotated[tuple[int, ...], Range(2)] = (2, 3)
    tolerances: Annotated[tuple[float, ...], Range(0)] = (0.05, 0.1, 0.2)
    repeats: Count = 3


@dataclasses.dataclass(frozen=True)
class Sweep(Kept):
    """Windows centered on every pixel of many small images in one call."""

    network: str = "cifar_small"
    images: Count = 20
    windows: Counts = (3, 5, 7, 9)
    repeats: Count = 2


@dataclasses.dataclass(frozen=True)
class Methods(Kept):
    """All attributions, each in a process of its own: as typed, under the user's jit, and the peer's."""

    network: str = "squeezenet"
    batches: Counts = (1, 8)
    """Images in a batch."""
    methods: tuple[str, ...] = ()
    """Some of them; all by default."""
    repeats: Count = 10


@dataclasses.dataclass(frozen=True)
class Maximize(Kept):
    """Gradient ascent on the first channels of a layer side by side, against a loop in PyTorch as lucent does it."""

    network: str = "squeezenet"
    layer: str = "fire6"
    batch: Count = 16
    """How many channels, an image each."""
    num_steps: Count = 128
    size: Count = 128
    """Height and width of the images in pixels."""
    repeats: Count = 3


@dataclasses.dataclass(frozen=True)
class FirstCall:
    """Seconds of the first call of `occlusion` in this process; what `occlusion` runs twice."""

    network: str = "squeezenet"
    window: Count = 16
    stride: Count = 8


@dataclasses.dataclass(frozen=True)
class OneMethod:
    """One attribution in this process; what `methods` runs many times."""

    network: str = "squeezenet"
    method: str = "saliency"
    batch: Count = 1
    who: Literal["ours", "peer", "bare"] = "ours"
    repeats: Count = 10


@dataclasses.dataclass(frozen=True)
class Table:
    """Prints the tables of results, or puts them between their marks in a page."""

    results: Path = RESULTS
    """The folder of the results."""
    out: Path | None = None
    """The file to put them into, such as README.md or docs/speed.md; they are printed by default."""


Config = Occlusion | Precisions | Approximations | Sweep | Methods | Maximize | FirstCall | OneMethod | Table
