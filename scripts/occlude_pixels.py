"""What is left of a class when a window on each pixel of a small image covers a part of it: windows of several sizes.

    TFDS_DATA_DIR=folder python -m scripts.occlude_pixels cifar_wide
    TFDS_DATA_DIR=folder python -m scripts.occlude_pixels mnist_cnn3 --num 10 --windows 5 9 --baseline black

Two images of each class, every pixel of all of them in one call: after Zeiler and Fergus 2014, section 4.2, at the size
of a pixel. Writes `windows.png`, for each image its probability map for each window, and `windows.json`: how far the
probability falls, where, and at how many places another class wins. Takes 20 seconds with `cifar_small` and ten minutes
with `cifar_wide` on two CPU cores, seconds on a GPU.
"""

import dataclasses
from typing import Annotated, Literal

import tyro

from scripts._clock import Clock
from scripts._command import checking, keep_compiled, start
from scripts._ranges import Count, Counts, Folder


@dataclasses.dataclass(frozen=True)
class Config:
    """Which images, and what covers them."""

    network: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="NETWORK")] = "cifar_wide"
    """One of those that `scripts.train` trains."""
    weights: str | None = None
    """A file of weights, for a network without committed ones."""
    windows: Counts = (3, 5, 7, 9)
    """Rows and columns of the windows, in pixels."""
    num: Count = 20
    """Images: the first of each class in turn, as many of each as make this number."""
    split: str = "test"
    """The part of the data that they are from."""
    baseline: Literal["mean", "black"] = "mean"
    """What covers a window: the mean color of the training images, or black."""
    out: Folder | None = None
    """The folder of the results. By default one of its own under runs/."""


def main(config: Config) -> None:
    """One sweep for each window, then the figure."""
    clock = Clock()
    with clock("imports"):
        from tqdm import tqdm

        from scripts._occlude_pixels import _show, _study
    with clock("arguments"), checking():
        study = _study.prepare(config)
    keep_compiled()
    steps = {}
    for window in (bar := tqdm(config.windows, unit="window")):
        name = f"window-{window}"
        bar.set_description(name)
        with clock(name):
            if not study.folder.finished(name):
                study.folder.save(name, _study.measure(study, window))
            steps[window] = study.folder.load(name)
    with clock("draw"):
        for file, content in _show.files(study, steps).items():
            study.folder.write(file, content)
    study.folder.finish(_show.table(study, steps), clock)


if __name__ == "__main__":
    start(main, Config, __doc__)
