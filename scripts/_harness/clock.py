"""Where the seconds of a run went."""

import contextlib
import time
from collections.abc import Iterator


class Clock:
    """Adds up seconds under names, from the moment it is made."""

    def __init__(self) -> None:
        self._start = time.perf_counter()
        self._seconds: dict[str, float] = {}
        self._notes: dict[str, str] = {}
        self._inside: list[float] = []

    @contextlib.contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        """Time a block of code; what a block inside of it takes counts for that one alone."""
        start = time.perf_counter()
        self._inside.append(0.0)
        try:
            yield
        finally:
            seconds = time.perf_counter() - start
            own = seconds - self._inside.pop()
            self._seconds[name] = self._seconds.get(name, 0.0) + own
            if self._inside:
                self._inside[-1] += seconds

    def note(self, name: str, text: str) -> None:
        """Say something of the seconds under a name."""
        self._notes[name] = text

    def include(self, other: "Clock") -> None:
        """Add what another one has timed in the meantime."""
        for name, seconds in other._seconds.items():
            self._seconds[name] = self._seconds.get(name, 0.0) + seconds
        self._notes |= other._notes

    def total(self) -> float:
        """Seconds since the clock was made."""
        return time.perf_counter() - self._start

    def seconds(self) -> dict[str, float]:
        """What was timed, by name in order of appearance."""
        return dict(self._seconds)

    def table(self) -> str:
        """A line per name in order of appearance, what no name claims, and the total."""
        total = self.total()
        rows = [*self._seconds.items(), ("other", max(total - sum(self._seconds.values()), 0.0)), ("total", total)]
        width = max(len(name) for name, _ in rows)
        lines = (f"  {name:<{width}} {seconds:6.1f} s  {self._notes.get(name, '')}" for name, seconds in rows)
        return "\n".join(line.rstrip() for line in lines)
