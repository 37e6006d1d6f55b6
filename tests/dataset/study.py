"""A study run as a process of its own, to be killed, or to be one of several: `python -m tests.dataset.study`.

Arguments: where to write the result; then `name=value` for the options of the scan, `address=host:port place=0 of=2`
for one of several processes, and `pause=seconds` after every batch.
"""

import sys
import time

import jax
import numpy as np


def main(out, **options):
    """Sums of activations, which are rounded, over float images."""
    if "address" in options:
        jax.distributed.initialize(options["address"], int(options["of"]), int(options["place"]))
    import jaxviz as jv
    from tests.dataset import sets, sums

    def report(done, total):
        print(f"done {done}", flush=True)
        time.sleep(float(options.get("pause", 0)))

    scan = jv.dataset.Scan(
        batch_size=4,
        devices=int(options.get("devices", 1)),
        resume=options.get("resume"),
        save_every=int(options.get("save_every", 3)),
        progress=report,
    )
    found = sums.sums(sets.rounding(), images(), scan)
    np.savez(out, **found.value)


def images():
    """Of values that no sum of floats adds up without rounding."""
    return np.random.default_rng(0).normal(size=(118, 5, 6, 2)).astype(np.float32)


if __name__ == "__main__":
    main(sys.argv[1], **dict(argument.split("=", 1) for argument in sys.argv[2:]))
