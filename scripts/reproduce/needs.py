"""What a study needs of the machine, and whether it is there."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from models.hub import FILE
from models.registry import CHECKPOINTS
from scripts._harness.depends import of_data, of_folder


class Need(NamedTuple):
    """Something that has to be there: in words, how to get it, whether it is, and what tells it from others."""

    what: str
    way: str
    met: Callable[[], bool]
    content: Callable[[], str]


def photos(folder: str) -> Need:
    """A folder of photos below `$JAXVIZ_PHOTOS`."""
    return Need(
        f"$JAXVIZ_PHOTOS/{folder}",
        "Set JAXVIZ_PHOTOS to a folder that has it.",
        lambda: "JAXVIZ_PHOTOS" in os.environ and (Path(os.environ["JAXVIZ_PHOTOS"]) / folder).is_dir(),
        lambda: of_folder(Path(os.environ["JAXVIZ_PHOTOS"]) / folder),
    )


def dataset(name: str) -> Need:
    """A prepared data set of tensorflow-datasets."""

    def folder() -> Path:
        return Path(os.environ.get("TFDS_DATA_DIR", Path.home() / "tensorflow_datasets")) / name

    return Need(
        f"the data set {name}",
        "Set TFDS_DATA_DIR to a folder where it is prepared.",
        lambda: any(folder().glob("*/dataset_info.json")),
        lambda: of_folder(folder(), whole=False),
    )


def weights(name: str) -> Need:
    """A committed file of weights."""
    path = CHECKPOINTS / f"{name}.safetensors"
    way = "checkpoints/README.md says how it was made."
    return Need(f"checkpoints/{name}.safetensors", way, path.is_file, lambda: of_data(path.read_bytes()))


def hub(name: str, repository: str) -> Need:
    """Weights of a network that were downloaded from the hub before."""

    def cached() -> str:
        from huggingface_hub import try_to_load_from_cache

        found = try_to_load_from_cache(repository, FILE)
        return found if isinstance(found, str) else ""

    way = f"python -c \"import models; models.load('{name}', 'hub')\" downloads them."
    what = f"{repository} (weights of {name})"
    # The hub names a file by its checksum.
    return Need(what, way, lambda: bool(cached()), lambda: Path(cached()).resolve().name)


def accelerator() -> Need:
    """A device that is faster than a CPU."""

    def kind() -> str:
        import jax

        return jax.devices()[0].device_kind

    return Need("a GPU or TPU", "Two CPU cores take 35 minutes an epoch.", lambda: kind() != "cpu", kind)
