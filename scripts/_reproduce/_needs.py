"""What a study needs of the machine, and whether it is there."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from models.hub import FILE
from models.registry import CHECKPOINTS


class Need(NamedTuple):
    """Something that has to be there: in words, how to get it, and whether it is."""

    what: str
    way: str
    met: Callable[[], bool]


def photos(folder: str) -> Need:
    """A folder of photos below `$JAXVIZ_PHOTOS`."""
    return Need(
        f"$JAXVIZ_PHOTOS/{folder}",
        "Set JAXVIZ_PHOTOS to a folder that has it.",
        lambda: "JAXVIZ_PHOTOS" in os.environ and (Path(os.environ["JAXVIZ_PHOTOS"]) / folder).is_dir(),
    )


def dataset(name: str) -> Need:
    """A prepared data set of tensorflow-datasets."""

    def met() -> bool:
        folder = Path(os.environ.get("TFDS_DATA_DIR", Path.home() / "tensorflow_datasets"))
        return any((folder / name).glob("*/dataset_info.json"))

    return Need(f"the data set {name}", "Set TFDS_DATA_DIR to a folder where it is prepared.", met)


def weights(name: str) -> Need:
    """A committed file of weights."""
    return Need(
        f"checkpoints/{name}.safetensors",
        "checkpoints/README.md says how it was made.",
        lambda: (CHECKPOINTS / f"{name}.safetensors").is_file(),
    )


def hub(name: str, repository: str) -> Need:
    """Weights of a network that were downloaded from the hub before."""

    def met() -> bool:
        from huggingface_hub import try_to_load_from_cache

        return isinstance(try_to_load_from_cache(repository, FILE), str)

    way = f"python -c \"import models; models.load('{name}', 'hub')\" downloads them."
    return Need(f"{repository}, the weights of {name},", way, met)


def accelerator() -> Need:
    """A device that is faster than a CPU."""

    def met() -> bool:
        import jax

        return jax.default_backend() != "cpu"

    return Need("a GPU or TPU", "Two CPU cores take 35 minutes an epoch.", met)
