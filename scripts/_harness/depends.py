"""What the results of a run depend on beside its arguments, as digests: its run.json tells it from others by them."""

import functools
from pathlib import Path
from typing import Any

import jax

import jaxviz
import models
from jaxviz._core.identity import digest
from jaxviz._core.identity import traced as traced

_DIGITS = 16


def of_network(network: models.Network) -> str:
    """Of its weights, and of what it expects and answers."""
    return digest(network.spec, jax.tree.leaves(network))[:_DIGITS]


def of_data(*data: Any) -> str:
    """Of arrays, or of what tells sources from others."""
    return digest(*data)[:_DIGITS]


def of_folder(folder: Path, *, whole: bool = True) -> str:
    """Of the files in a folder, by name and content, or by name and size alone."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    content = [path.read_bytes() if whole else path.stat().st_size for path in files]
    return digest([path.relative_to(folder).as_posix() for path in files], content)[:_DIGITS]


@functools.cache
def code() -> str:
    """Of the code of the packages that a run is made of."""
    return of_code(Path(jaxviz.__file__).parent, Path(models.__file__).parent, Path(__file__).parents[1])


def of_code(*packages: Path) -> str:
    """Of the modules in some packages and the tables beside them; not of results that are committed there."""
    content = []
    for package in packages:
        for path in sorted(package.rglob("*")):
            if path.suffix in (".py", ".json", ".txt") and path.parent.name != "results":
                content.append((path.relative_to(package.parent).as_posix(), path.read_bytes()))
    return digest(content)[:_DIGITS]
