"""A page in one file: it asks for nothing from anywhere, and escapes all that it shows."""

import re

from jaxviz._core.templates import rendered
from jaxviz.render._blocks import Page
from jaxviz.render._encode import data_uri
from jaxviz.render._words import number, percent


def html(page: Page) -> str:
    """The page as HTML text, with its pictures, styles and script inside.

    It needs no server and no network (its own content security policy forbids every request), reads on a phone, in
    light and dark, with a keyboard and with a screen reader. Text is escaped wherever it comes from.

    Example:
        >>> text = html(Page("A <cat>", "Nothing yet.", sections=()))
        >>> "<h1>A &lt;cat&gt;</h1>" in text
        True

    Args:
        page: what to show.

    Returns:
        The text of one `.html` file, UTF-8.
    """
    filters = {"data_uri": data_uri, "number": number, "percent": percent, "slug": _slug}
    return rendered("jaxviz.render", "page", "page.html.j2", ("page.css", "page.js"), filters, page=page)


def _slug(title: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")
