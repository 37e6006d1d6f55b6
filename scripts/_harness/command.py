"""How every script starts and fails: arguments from a frozen dataclass, one line for a wrong one, exit code 2."""

import contextlib
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from scripts._harness.arguments import parse
from scripts._harness.errors import UsageError as UsageError
from scripts._harness.errors import checking as checking
from scripts._harness.ranges import check

_INTERRUPTED = "interrupted. The same command goes on from here."


def start(
    main: Callable[[Any], None], config: Any, doc: str | None, *, tuned: bool = True, cpu_devices: int = 1
) -> None:
    """Run a script: `main(config)`, with the config (a frozen dataclass, or a union of some) from the command line.

    Exits with 2 and one line on stderr for a `UsageError`, and with 130 where the user interrupts, however often. Any
    other error is one of ours, and keeps its traceback. Untuned, it leaves the compiler's flags as they are. With
    `cpu_devices` a CPU of as many cores is that many devices, for scans whose programs would leave cores idle.
    """
    if tuned:
        _fast_convolutions()
        _split_cpu(min(cpu_devices, os.cpu_count() or 1))
    try:
        found = parse(config, doc)
        check(found)
        with _interruptible():
            main(found)
        sys.stdout.flush()
    except UsageError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print(_INTERRUPTED, file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:
        # Whoever read the output has seen enough. What is left in the buffers has nowhere to go at the exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """The first Ctrl-C is a `KeyboardInterrupt`; another, while that one is still at work, ends the process at once.

    Libraries wait for their threads at the end, and print tracebacks if they are interrupted in that.
    """

    def first(*_: Any) -> None:
        signal.signal(signal.SIGINT, second)
        raise KeyboardInterrupt

    def second(*_: Any) -> None:
        os.write(sys.stderr.fileno(), f"{_INTERRUPTED}\n".encode())
        os._exit(130)

    try:
        before = signal.signal(signal.SIGINT, first)
    except ValueError:  # in another thread than the main one, which no signal reaches
        yield
        return
    try:
        yield
    except KeyboardInterrupt:
        raise  # to the end of the process, with `second` in charge
    except BaseException:
        signal.signal(signal.SIGINT, before)
        raise
    else:
        signal.signal(signal.SIGINT, before)


def _fast_convolutions() -> None:
    """Has XLA use its older convolutions on a CPU, which take a half to two thirds of the time of the newer ones.

    The library asks for them itself where it computes; this is for what a script jits on its own. Measured on jax
    0.10.2 with SqueezeNet: a forward pass of 8 images in 0.054 s instead of 0.097 s. A choice that the user makes in
    `XLA_FLAGS` stands. XLA reads it when the first device starts, which is after this.
    """
    _add_flag("xla_cpu_experimental_ynn_fusion_type", "")


def _split_cpu(count: int) -> None:
    """Has JAX see several devices in a CPU. A choice that the user makes in `XLA_FLAGS` stands."""
    if count > 1:
        _add_flag("xla_force_host_platform_device_count", str(count))


def _add_flag(name: str, value: str) -> None:
    flags = os.environ.get("XLA_FLAGS", "")
    if name not in flags:
        os.environ["XLA_FLAGS"] = f"{flags} --{name}={value}".strip()


def keep_compiled() -> None:
    """Keep compiled programs between runs, in `$JAX_COMPILATION_CACHE_DIR` or the user's cache folder."""
    import jax

    if not os.environ.get("JAX_COMPILATION_CACHE_DIR"):
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        jax.config.update("jax_compilation_cache_dir", str(cache / "jaxviz" / "compiled"))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)
