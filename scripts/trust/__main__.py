"""Which maps to trust: do they point at what the network uses, and do they depend on what it has learned.

    JAXVIZ_PHOTOS=folder python -m scripts.trust
    python -m scripts.trust --network cifar_small --num-images 1000

One table of methods and metrics with intervals over the images: insertion and deletion, ROAD, the share of a map on its
own image in a mosaic of four, how alike maps stay when another class is explained or the network's layers are
randomized from the top down, sensitivity, infidelity, sparseness. It says which method wins what, and a verdict on
each. The edges of the image and a random map are the floor: what is no better than these says nothing of the network.
The images are photos (what the folder has to hold: python -m scripts.photos --help) or any labeled data set, read as a
stream and shared by devices and processes. An interrupted run goes on where it stopped.

For 30 photos and the methods below it took 55 minutes on two busy CPU cores; `--num-images 6` takes a fifth of that.

With the last layer of SqueezeNet redrawn, maps of deconvnet keep a rank correlation of 1.00 with those of the network,
of guided backprop 0.93, of saliency 0.57, of Grad-CAM 0.19: the first two fail, as in Adebayo et al. 2018. The verdicts
that stand under the maps of `explain` are its `verdicts.json`, copied to jaxviz/attribution.
"""

from scripts._harness.command import start
from scripts._harness.runner import follow
from scripts.trust.config import Config


def main(config: Config) -> None:
    """Each method in a pass over the images, then the figures."""
    follow("trust", config)


if __name__ == "__main__":
    # The pixels of ROAD are filled in by loops that take one core: a batch on each.
    start(main, Config, __doc__, cpu_devices=4)
