"""A microscope of a network: a static site with a page for every unit of every layer.

    JAXVIZ_PHOTOS=folder python -m scripts.microscope squeezenet --data photos --without pictures
    TFDS_DATA_DIR=folder python -m scripts.microscope cifar_small --compare checkpoints/cifar_small-epoch-*.safetensors
    python -m scripts.microscope squeezenet --layers fire5 --channels 0:16 --size 128

Open `index.html` by double click. Each unit has its strongest patches beside what of them excites it, its whole
distribution, the classes that it tells, what is lost without it, what it is joined to, the units like it and what it
survives; and pictures of what it asks for. The site can be read while it fills, and the same command goes on where it
was interrupted. From Python the same is `jaxviz.microscope.build(f, dataset, layers, out)`, for any function.
"""

from scripts._harness.clock import Clock
from scripts._harness.command import checking, keep_compiled, start
from scripts._harness.scan.options import join
from scripts.microscope.config import Config


def main(config: Config) -> None:
    """Look at the arguments, and build."""
    clock = Clock()
    with clock("imports"):
        with checking():
            join(config.scan.distributed)
        # Here, so that --help and a mistyped option need not wait for JAX.
        from scripts.microscope import study as _study
    with clock("arguments"), checking():
        study = _study.prepare(config)
    keep_compiled()
    with clock("the rest of the build"):
        page = _study.measure(study, clock)
    print(f"\nWhere the time went:\n{clock.table()}\n\n{page}")


if __name__ == "__main__":
    start(main, Config, __doc__)
