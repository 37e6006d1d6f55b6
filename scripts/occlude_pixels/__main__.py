"""What is left of a class when a window on each pixel of a small image covers a part of it: windows of several sizes.

    TFDS_DATA_DIR=folder python -m scripts.occlude_pixels cifar_wide
    TFDS_DATA_DIR=folder python -m scripts.occlude_pixels mnist_cnn3 --num 10 --windows 5 9 --baseline black

Two images of each class, every pixel of all of them in one call: after Zeiler and Fergus 2014, section 4.2, at the size
of a pixel. Writes `windows.png`, for each image its probability map for each window, and `windows.json`: how far the
probability falls, where, and at how many places another class wins. Takes 20 seconds with `cifar_small` and ten minutes
with `cifar_wide` on two CPU cores, seconds on a GPU.
"""

from scripts._harness.clock import Clock
from scripts._harness.command import checking, keep_compiled, start
from scripts.occlude_pixels.config import Config


def main(config: Config) -> None:
    """One sweep for each window, then the figure."""
    clock = Clock()
    with clock("imports"):
        from tqdm import tqdm

        from scripts.occlude_pixels import draw as _show
        from scripts.occlude_pixels import study as _study
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
    study.folder.finish(_study.headline(steps), _show.table(study, steps), clock)


if __name__ == "__main__":
    start(main, Config, __doc__)
