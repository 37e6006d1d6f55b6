"""What is the user's mistake, and not ours: it gets one line and no traceback."""

import contextlib
from collections.abc import Iterator


class UsageError(Exception):
    """What the user asked for cannot be done; the text says why and what can."""


@contextlib.contextmanager
def checking(**named: str) -> Iterator[None]:
    """Around the code that turns arguments into values, and no other: what it refuses is the user's mistake.

    Args:
        named: what an argument of the library is called on the command line, as in `name="--data"`.
    """
    try:
        yield
    except (ValueError, OSError) as error:
        text = " ".join(str(error).split())
        for name, option in named.items():
            text = text.replace(f"`{name}`", f"`{option}`", 1) if text.startswith(f"`{name}`") else text
        raise UsageError(text) from error
