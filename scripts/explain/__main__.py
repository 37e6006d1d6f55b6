"""Explain a photo: which class a network sees, which pixels and units speak for it, what covering a place changes.

    python -m scripts.explain chelsea --out runs/demo
    python -m scripts.explain cat.jpg dog.jpg --network my_module:make_network
    python -m scripts.explain chelsea --target tabby "Egyptian cat" --network squeezenet efficientnet_lite0

Several photos, classes or networks stand side by side on one page. Writes `index.html` (one file, opens anywhere) and,
beside it, PNG, SVG, PDF, CSV, JSON and NPZ of every step. Takes about a minute on two CPU cores, of which most is
compiling; a second run finds the compiled programs in the user's cache. For the cat photo `chelsea`, SqueezeNet says
Egyptian cat. From Python the same is `jaxviz.explain(f, image)`.
"""

from scripts._harness.clock import Clock
from scripts._harness.command import checking, keep_compiled, start
from scripts.explain.config import Config


def main(config: Config) -> None:
    """Measure step by step, then draw the page."""
    clock = Clock()
    with clock("imports"):
        # Here, so that --help and a mistyped option need not wait for JAX.
        from scripts.explain import run as _run
        from scripts.explain import study as _study
    with clock("arguments"), checking():
        study = _study.prepare(config)
        folder = _run.open_folder(study)
    keep_compiled()
    _run.finish(study, folder, _run.measure(study, folder), clock)


if __name__ == "__main__":
    start(main, Config, __doc__)
