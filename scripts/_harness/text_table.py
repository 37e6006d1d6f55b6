"""Tables as text: in columns for a terminal, and as Markdown."""


def columns(rows: list[list[str]], head: list[str]) -> str:
    """Text in columns, the first to the left and the others to the right."""
    widths = _widths([head, *rows])
    lines = [
        "  ".join(
            cell.ljust(width) if not place else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in [head, *rows]
    ]
    return "\n".join(line.rstrip() for line in lines)


def markdown(rows: list[list[str]], head: list[str]) -> str:
    """Lines of Markdown that can be read as they are; a `|` in a cell is no border."""
    head, *rows = ([cell.replace("|", r"\|") for cell in line] for line in [head, *rows])
    widths = _widths([head, *rows])
    lines = [head, ["-" * width for width in widths], *rows]
    return "\n".join(
        "| " + " | ".join(f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True)) + " |" for line in lines
    )


def _widths(lines: list[list[str]]) -> list[int]:
    return [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
