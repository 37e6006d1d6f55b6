"""Lists the commands with a line each, or the networks, or the layers of some.

python -m scripts
python -m scripts --networks
python -m scripts --layers squeezenet vgg16
"""

import ast
import dataclasses
from pathlib import Path

from scripts._harness.command import checking, start


@dataclasses.dataclass(frozen=True)
class Config:
    """What to list; the commands by default."""

    networks: bool = False
    """The networks instead: size of the images, number of classes, and whether the weights are committed."""
    layers: tuple[str, ...] = ()
    """The layers of these networks instead, in order, with the shapes of what they compute of one image."""


def main(config: Config) -> None:
    """Print the list."""
    if config.networks or config.layers:
        # Here, so that the list of commands need not wait for JAX.
        from scripts._harness import listed as _listed

        with checking():
            lines = _listed.layers(config.layers) if config.layers else _listed.networks()
    else:
        lines = commands()
    print("\n".join(lines))


def commands() -> list[str]:
    """A line for each script: its name and the first sentence of its header."""
    files = sorted(Path(__file__).parent.glob("*/__main__.py"))
    width = max(len(path.parent.name) for path in files)
    lines = ["python -m scripts.NAME, with --help for all that it takes; --networks and --layers list those"]
    for path in files:
        doc = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
        lines.append(f"  {path.parent.name:<{width}}  {doc.splitlines()[0]}")
    return lines


if __name__ == "__main__":
    start(main, Config, __doc__)
