"""Times occlusion and attributions against the dense computation, a naive loop, and captum where it is installed.

Command: python -m scripts.benchmark occlusion --network vgg16 --window 16 --stride 16
         python -m scripts.benchmark precisions --network vgg16 --batch-sizes 64 256
         python -m scripts.benchmark approximations
         python -m scripts.benchmark sweep
         python -m scripts.benchmark methods
         python -m scripts.benchmark maximize
         python -m scripts.benchmark table --out README.md
Takes 1 to 15 minutes on two cores. Each run writes a JSON and a figure to a folder, from which `table` makes tables;
those of the README are in scripts/benchmarks. Compare ratios within one run; absolute times are those of the machine it
ran on. For captum: pip install -r scripts/peers.txt
"""

import dataclasses
import json
import sys
from pathlib import Path
from typing import Annotated, Literal

from scripts._command import checking, start
from scripts._ranges import Count, Counts, Folder, Range

RESULTS = Path(__file__).parent / "benchmarks"


@dataclasses.dataclass(frozen=True)
class Occlusion:
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
    out: Folder | None = None
    """The folder of the JSON and the figure, replaced there. By default runs/benchmarks, where nothing is replaced."""


@dataclasses.dataclass(frozen=True)
class Precisions:
    """Occlusion in float32, TF32 and bfloat16, incremental and dense, and how far each is from dense in float32."""

    network: str = "squeezenet"
    """A name from models.names(); random weights where none are committed."""
    window: Count = 16
    stride: Count = 8
    precisions: tuple[Literal["float32", "tensorfloat32", "bfloat16"], ...] = ("float32", "tensorfloat32", "bfloat16")
    """The first one is what the others are compared to."""
    batch_sizes: Counts = ()
    """Windows at a time, of which the best counts; the default of the library where none is given."""
    repeats: Count = 5
    out: Folder | None = None
    """The folder of the JSON and the figure, replaced there. By default runs/benchmarks, where nothing is replaced."""


@dataclasses.dataclass(frozen=True)
class Approximations:
    """Speed and error of GrowthCap and CoarseToFine against the exact map of a photo."""

    photo: str = "chelsea"
    network: str = "squeezenet"
    window: Count = 16
    stride: Count = 8
    caps: Annotated[tuple[float, ...], Range(0, 1, open=True)] = (0.9, 0.8, 0.7, 0.6, 0.5)
    steps: Annotated[tuple[int, ...], Range(2)] = (2, 3)
    tolerances: Annotated[tuple[float, ...], Range(0)] = (0.05, 0.1, 0.2)
    repeats: Count = 3
    out: Folder | None = None
    """The folder of the JSON and the figure, replaced there. By default runs/benchmarks, where nothing is replaced."""


@dataclasses.dataclass(frozen=True)
class Sweep:
    """Windows centered on every pixel of many small images in one call."""

    network: str = "cifar_small"
    images: Count = 20
    windows: Counts = (3, 5, 7, 9)
    repeats: Count = 2
    out: Folder | None = None
    """The folder of the JSON and the figure, replaced there. By default runs/benchmarks, where nothing is replaced."""


@dataclasses.dataclass(frozen=True)
class Methods:
    """All attributions, each in a process of its own: as typed, under the user's jit, and the peer's."""

    network: str = "squeezenet"
    batches: Counts = (1, 8)
    """Images in a batch."""
    methods: tuple[str, ...] = ()
    """Some of them; all by default."""
    repeats: Count = 10
    out: Folder | None = None
    """The folder of the JSON and the figure, replaced there. By default runs/benchmarks, where nothing is replaced."""


@dataclasses.dataclass(frozen=True)
class Maximize:
    """Gradient ascent on the first channels of a layer side by side, against a loop in PyTorch as lucent does it."""

    network: str = "squeezenet"
    layer: str = "fire6"
    batch: Count = 16
    """How many channels, an image each."""
    num_steps: Count = 128
    size: Count = 128
    """Height and width of the images in pixels."""
    repeats: Count = 3
    out: Folder | None = None
    """The folder of the JSON and the figure, replaced there. By default runs/benchmarks, where nothing is replaced."""


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
    who: Literal["ours", "peer"] = "ours"
    repeats: Count = 10


@dataclasses.dataclass(frozen=True)
class Table:
    """Prints the tables of results, or puts them between their marks in the README."""

    results: Path = RESULTS
    """The folder of the results."""
    out: Path | None = None
    """The file to put them into, such as README.md; they are printed by default."""


Config = Occlusion | Precisions | Approximations | Sweep | Methods | Maximize | FirstCall | OneMethod | Table


def main(config: Config) -> None:
    """Runs one benchmark, or makes the tables."""
    from scripts._benchmark import (
        _approximations,
        _check,
        _figure,
        _maximize,
        _methods,
        _occlusion,
        _pixels,
        _precisions,
        _table,
    )
    from scripts._benchmark._timing import machine

    with checking():
        if isinstance(config, Table):
            print(_table.write(config.results, config.out))
            return
        network = _check.network_of(config)
    if isinstance(config, FirstCall):
        print(_occlusion.first_call(config, network))
        return
    if isinstance(config, OneMethod):
        print(json.dumps(_methods.one_method(config, network)))
        return
    kind = type(config).__name__.lower()
    suffix = f"-{config.window}-{config.stride}" if isinstance(config, Occlusion | Precisions | Approximations) else ""
    with checking():
        path = _check.free_file(config.out, f"{kind}-{config.network}{suffix}-{machine()['backend']}")
    print(config)
    measure = {
        "occlusion": _occlusion.occlusion,
        "precisions": _precisions.precisions,
        "approximations": _approximations.approximations,
        "sweep": _pixels.pixels,
        "methods": _methods.methods,
        "maximize": _maximize.maximize,
    }[kind]
    rows = measure(config, network)
    settings = {name: value for name, value in dataclasses.asdict(config).items() if name != "out"}
    result = {"kind": kind, "config": settings, **machine(), **rows}
    path.write_text(json.dumps(result, indent=1) + "\n")
    _figure.draw(result, path.with_suffix(".png"))
    print(json.dumps(result["times"], indent=1))
    print(f"{path}\n{path.with_suffix('.png')}")


if __name__ == "__main__":
    start(main, Config, __doc__, tuned="one-method" not in sys.argv)
