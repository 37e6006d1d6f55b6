"""Commands in the process of the tests."""

import importlib
import sys

import pytest

from scripts._harness.command import start


def run(name: str, *arguments: object) -> None:
    """What `python -m scripts.NAME ARGUMENTS` does."""
    module = importlib.import_module(f"scripts.{name}.__main__")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", [name, *map(str, arguments)])
        start(module.main, module.Config, module.__doc__)
