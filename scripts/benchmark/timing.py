"""How long a call takes, with how much memory, and where."""

import importlib
import importlib.util
import platform
import resource
import sys
import time
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

import models


def network_of(name: str) -> models.Network:
    """The network with its weights where these are committed, else with random ones.

    Raises:
        ValueError: an unknown name.
    """
    try:
        return models.load(name)
    except FileNotFoundError:
        return models.initialize(name)


def machine() -> dict[str, Any]:
    """Where and with what the figures were made."""
    versions = {name: importlib.import_module(name).__version__ for name in ("jax", "jaxlib", "flax", "numpy")}
    if has_captum():
        versions |= {name: importlib.import_module(name).__version__ for name in ("torch", "captum")}
    device = jax.devices()[0]
    kind = f"{device.platform} {device.device_kind}, {platform.machine()}"
    return {"backend": jax.default_backend(), "device": kind, "versions": versions}


def time_it(call: Callable[[], Any], repeats: int) -> dict[str, Any]:
    """Seconds of the first call, which compiles, and of the median one after it."""

    def once() -> float:
        begin = time.perf_counter()
        jax.block_until_ready(call())
        return time.perf_counter() - begin

    first = once()
    runs = [once() for _ in range(repeats)] or [first]
    run = float(np.median(runs))
    # Where nothing is left to compile, the first call may by chance be the faster one.
    return {"first": first, "compile": max(0.0, first - run), "run": run, "best": min(runs)}


def peak_megabytes() -> float:
    """The device's peak where it counts one, else the process's."""
    counted = jax.devices()[0].memory_stats()
    if counted and "peak_bytes_in_use" in counted:
        return counted["peak_bytes_in_use"] / 1e6
    unit = 1e6 if sys.platform == "darwin" else 1e3
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def has_captum() -> bool:
    """Whether the peer is installed."""
    return importlib.util.find_spec("captum") is not None
