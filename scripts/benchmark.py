"""Times occlusion and attributions against the dense computation, a naive loop, and captum where it is installed.

Command: python -m scripts.benchmark occlusion --network vgg16 --window 16 --stride 16
         python -m scripts.benchmark approximations
         python -m scripts.benchmark sweep
         python -m scripts.benchmark methods
         python -m scripts.benchmark maximize
         python -m scripts.benchmark table
Takes 1 to 15 minutes on two cores. Each run writes a JSON and a figure to scripts/benchmarks/, from which `table` makes
the tables in the README. Compare ratios within one run; absolute times are those of the machine it ran on.
For captum: pip install -r scripts/peers.txt
"""

import dataclasses
import json
import sys
from pathlib import Path
from typing import Literal

from scripts._command import checking, start

RESULTS = Path(__file__).parent / "benchmarks"


@dataclasses.dataclass(frozen=True)
class Occlusion:
    """Sliding-window occlusion of one image, all classes at once."""

    network: str = "squeezenet"
    """A name from models.names(); random weights where none are committed."""
    window: int = 16
    stride: int = 8
    batch_sizes: tuple[int, ...] = ()
    """Windows at a time, besides the default of the library; the best counts."""
    repeats: int = 3
    naive_windows: int = 24
    """How many windows the naive loop computes; its time is scaled to all of them."""


@dataclasses.dataclass(frozen=True)
class Approximations:
    """Speed and error of GrowthCap and CoarseToFine against the exact map of a photo."""

    photo: str = "chelsea"
    network: str = "squeezenet"
    window: int = 16
    stride: int = 8
    caps: tuple[float, ...] = (0.9, 0.8, 0.7, 0.6, 0.5)
    steps: tuple[int, ...] = (2, 3)
    tolerances: tuple[float, ...] = (0.05, 0.1, 0.2)
    repeats: int = 3


@dataclasses.dataclass(frozen=True)
class Sweep:
    """Windows centered on every pixel of many small images in one call."""

    network: str = "cifar_small"
    images: int = 20
    windows: tuple[int, ...] = (3, 5, 7, 9)
    repeats: int = 2


@dataclasses.dataclass(frozen=True)
class Methods:
    """All attributions, each in a process of its own: as typed, under the user's jit, and the peer's."""

    network: str = "squeezenet"
    batches: tuple[int, ...] = (1, 8)
    """Images in a batch."""
    methods: tuple[str, ...] = ()
    """Some of them; all by default."""
    repeats: int = 10


@dataclasses.dataclass(frozen=True)
class Maximize:
    """Gradient ascent on the first channels of a layer side by side, against a loop in PyTorch as lucent does it."""

    network: str = "squeezenet"
    layer: str = "fire6"
    batch: int = 16
    """How many channels, an image each."""
    num_steps: int = 128
    size: int = 128
    """Height and width of the images in pixels."""
    repeats: int = 3


@dataclasses.dataclass(frozen=True)
class FirstCall:
    """Seconds of the first call of `occlusion` in this process; what `occlusion` runs twice."""

    network: str = "squeezenet"
    window: int = 16
    stride: int = 8


@dataclasses.dataclass(frozen=True)
class OneMethod:
    """One attribution in this process; what `methods` runs many times."""

    network: str = "squeezenet"
    method: str = "saliency"
    batch: int = 1
    who: Literal["ours", "peer"] = "ours"
    repeats: int = 10


@dataclasses.dataclass(frozen=True)
class Table:
    """Puts the committed results into the README."""


Config = Occlusion | Approximations | Sweep | Methods | Maximize | FirstCall | OneMethod | Table


def main(config: Config) -> None:
    """Runs one benchmark, or makes the tables."""
    from scripts._benchmark import _approximations, _figure, _maximize, _methods, _occlusion, _pixels, _table
    from scripts._benchmark._timing import machine, network_of

    if isinstance(config, Table):
        _table.write(RESULTS, Path(__file__).parents[1] / "README.md")
        return
    with checking():
        network = network_of(config.network)
    if isinstance(config, FirstCall):
        print(_occlusion.first_call(config, network))
        return
    if isinstance(config, OneMethod):
        print(json.dumps(_methods.one_method(config, network)))
        return
    print(config)
    kind = type(config).__name__.lower()
    measure = {
        "occlusion": _occlusion.occlusion,
        "approximations": _approximations.approximations,
        "sweep": _pixels.pixels,
        "methods": _methods.methods,
        "maximize": _maximize.maximize,
    }[kind]
    rows = measure(config, network)
    result = {"kind": kind, "config": dataclasses.asdict(config), **machine(), **rows}
    suffix = f"-{config.window}-{config.stride}" if isinstance(config, Occlusion | Approximations) else ""
    path = RESULTS / f"{kind}-{config.network}{suffix}-{result['backend']}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(result, indent=1) + "\n")
    _figure.draw(result, path.with_suffix(".png"))
    print(json.dumps(result["times"], indent=1))
    print(f"{path}\n{path.with_suffix('.png')}")


if __name__ == "__main__":
    start(main, Config, __doc__, tuned="one-method" not in sys.argv)
