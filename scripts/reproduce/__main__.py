"""Runs every study that this machine has data and weights for, and puts all of them on one page.

    TFDS_DATA_DIR=folder JAXVIZ_PHOTOS=folder python -m scripts.reproduce
    python -m scripts.reproduce --only invariance trust

Each study has a folder of its own under `--out`; `index.html` has a table of what the source reported, what was
measured, and the command, with the figures below, and lists what is missing and how to get it. It is written anew after
each study, and says what is still to come. The same command goes on after an interruption, and does not repeat what is
done. `--list` shows the studies and what they lack; `--table PAGE` puts what the last run has measured into a page.
"""

import sys

from scripts._harness.clock import Clock
from scripts._harness.command import checking, start
from scripts.reproduce.config import Config


def main(config: Config) -> None:
    """Run what can run, then write the page."""
    clock = Clock()
    with clock("imports"):
        # Here, so that --help and a mistyped option need not wait for JAX.
        from scripts.reproduce import index as _index
        from scripts.reproduce import studies as _studies
    with checking():
        studies = _studies.chosen(config.only)
    if config.list:
        for study in studies:
            lacking = ", ".join(need.what for need in study.needs if not need.met())
            print(f"  {study.name:<35} {f'missing: {lacking}' if lacking else 'can run'}")
        return
    if config.table is not None:
        from scripts.reproduce import table as _table

        with checking():
            print(_table.write(config.out, config.table))
        return
    path, rows = _index.write(studies, config.out, clock)
    lines = "\n".join(
        f"  {row['study']}\n    reported: {row['reported']}\n    measured: {row['measured']}" for row in rows
    )
    print(f"\n{lines}\n\nWhere the time went:\n{clock.table()}\n\n{path}")
    if any(row["state"] == "failed" for row in rows):
        sys.exit(1)


if __name__ == "__main__":
    start(main, Config, __doc__)
