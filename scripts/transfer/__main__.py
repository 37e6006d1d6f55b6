"""Train new dense layers on a frozen trunk, beside the same network trained from scratch.

    TFDS_DATA_DIR=folder python -m scripts.transfer --out runs/transfer

The trunk's features of each photo and of its mirror image are computed once; then an epoch takes about a second.
Writes `transfer.json`, `transfer.png` and `transfer.md`.

With `--scratch-size 96`, on two busy CPU cores, 40 minutes: 91.3% of the 300 test photos of the first split and 93.1%
over five, 80% after one epoch and 500 s, nearly all of it for the features; all from scratch in 25 epochs 69.3%, in 18
minutes.
"""

from scripts._harness.clock import Clock
from scripts._harness.command import checking, keep_compiled, start
from scripts.transfer.config import Config


def main(config: Config) -> None:
    """Measure way by way, then draw."""
    clock = Clock()
    # Here, so that --help and a mistyped option need not wait for JAX.
    from scripts._harness.run_folder import dumps
    from scripts.transfer import draw as _show
    from scripts.transfer import frozen as _frozen
    from scripts.transfer import scratch as _scratch
    from scripts.transfer import study as _study

    with clock("read photos"), checking():
        study = _study.prepare(config)
    for name, value in study.folder.run.items():
        print(f"  {name:<14} {value}")
    keep_compiled()
    frozen = {}
    for size in study.sizes:
        with clock(f"frozen trunk, {size} px"):
            frozen[size] = _frozen.measure(study, size)
    scratch = None
    if study.scratch is not None:
        with clock("from scratch"):
            scratch = _scratch.measure(study)
    numbers = _show.summarize(study, frozen, scratch)
    with clock("draw"):
        study.folder.write("transfer.png", _show.draw(numbers))
    study.folder.write("transfer.md", (_show.table(numbers) + "\n").encode())
    study.folder.write("transfer.json", dumps(numbers).encode())
    study.folder.finish(_show.headline(numbers), _show.table(numbers), clock)


if __name__ == "__main__":
    start(main, Config, __doc__)
