"""How a data set is gone over, from the command line."""

import dataclasses
from pathlib import Path
from typing import Annotated

import tyro

from scripts._harness.ranges import Count, Folder

_PATIENCE = 3600  # seconds that the others wait at the end while the first process draws


@dataclasses.dataclass(frozen=True)
class Scanning:
    """The network, its data, and the machines."""

    weights: str | None = None
    """A file of weights, or `hub`, for a network without committed ones."""
    data: str | None = None
    """A data set in $TFDS_DATA_DIR, or `photos` for a folder of them. That of the network by default."""
    photos: Path | None = None
    """The folder, which says that the data are photos; $JAXVIZ_PHOTOS by default."""
    split: str = "test"
    """The part of it, such as train or test[:1000]; photos have none."""
    batch_size: Count | None = None
    """Images that a device computes at a time. By default batches are of equal size, of 64 images at most."""
    devices: Count | None = None
    """How many of the devices of this machine. All by default."""
    distributed: str | None = None
    """For several machines, in each the same command: `auto` asks the launcher (Slurm, Open MPI, Kubernetes, TPU), or
    HOST:PORT,PLACE,OF, as in 10.0.0.1:1234,0,2. They must share the folder of the results."""
    save_every: Count = 16
    """The most batches that are computed again after an interruption."""
    skip_corrupt: bool = False
    """Leave out, and name, examples that cannot be read; otherwise the first one ends the run."""
    out: Folder | None = None
    """The folder of the results. By default one of its own under runs/."""


Options = Annotated[Scanning, tyro.conf.arg(name="")]


def join(distributed: str | None) -> None:
    """Join the other processes, before anything else is asked of JAX.

    Raises:
        ValueError: there is no launcher, or the words do not say which process this is.
    """
    if distributed is None:
        return
    import jax

    if distributed == "auto":
        jax.distributed.initialize(shutdown_timeout_seconds=_PATIENCE)
        return
    address, *numbers = distributed.split(",")
    _, colon, port = address.rpartition(":")
    if len(numbers) != 2 or not all(number.isdigit() for number in (port, *numbers)) or not colon:
        raise ValueError(f"`--distributed` must be auto or HOST:PORT,PLACE,OF, got {distributed!r}.")
    place, count = map(int, numbers)
    if place >= count:
        raise ValueError(f"`--distributed` must have a PLACE below OF, which counts from 0, got {distributed!r}.")
    jax.distributed.initialize(address, count, place, shutdown_timeout_seconds=_PATIENCE)
