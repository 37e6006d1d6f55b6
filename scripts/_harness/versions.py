"""The software that has a say in the numbers of a run."""

import importlib.metadata
import platform


def versions() -> dict[str, str]:
    """Of all that has a say in the numbers."""
    packages = {"jaxviz": "jaxviz-convnets", "jax": "jax", "flax": "flax"}
    return {"python": platform.python_version()} | {
        name: importlib.metadata.version(package) for name, package in packages.items()
    }
