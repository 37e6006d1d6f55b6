"""Times occlusion and attributions against the dense computation, a naive loop, and captum where it is installed.

Command: python -m scripts.benchmark occlusion --network vgg16 --window 16 --stride 16
         python -m scripts.benchmark precisions --network vgg16 --batch-sizes 64 256
         python -m scripts.benchmark approximations
         python -m scripts.benchmark sweep
         python -m scripts.benchmark methods
         python -m scripts.benchmark maximize
         python -m scripts.benchmark table --out docs/speed.md
Takes 1 to 15 minutes on two cores. Each run writes a JSON and a figure to a folder, from which `table` makes tables;
those of the README are in scripts/benchmark/results. Compare ratios within one run; absolute times are those of the
machine it ran on. For captum: pip install -r scripts/peers.txt
"""

import dataclasses
import json
import sys

from scripts._harness.command import checking, start
from scripts.benchmark.config import Approximations, Config, FirstCall, Occlusion, OneMethod, Precisions, Table


def main(config: Config) -> None:
    """Runs one benchmark, or makes the tables."""
    from scripts.benchmark import approximations as _approximations
    from scripts.benchmark import check as _check
    from scripts.benchmark import figure as _figure
    from scripts.benchmark import maximize as _maximize
    from scripts.benchmark import methods as _methods
    from scripts.benchmark import occlusion as _occlusion
    from scripts.benchmark import pixels as _pixels
    from scripts.benchmark import precisions as _precisions
    from scripts.benchmark import table as _table
    from scripts.benchmark.timing import machine

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
