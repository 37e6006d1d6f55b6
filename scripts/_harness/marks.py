"""Tables that commands write between the marks of a page: `<!-- NAME -->` and `<!-- /NAME -->`."""

import re
from collections.abc import Callable


def replaced(text: str, name: str, content: Callable[[str], str]) -> tuple[str, int]:
    """The text with what `content(words)` says between its marks, and how many there were.

    Args:
        text: of the page.
        name: of the marks; the first of a pair may say more, as in `<!-- NAME: some words -->`.
        content: the lines between them, given those words, or none.
    """
    marks = re.compile(rf"(<!-- {name}(?:: ([\w ]+))? -->\n).*?(<!-- /{name} -->)", re.DOTALL)
    return marks.subn(lambda match: f"{match[1]}{content(match[2] or '')}\n{match[3]}", text)
