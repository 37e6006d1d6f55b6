"""An explanation in a notebook: its picture, small enough to be kept in the file."""

import html

from jaxviz import render
from jaxviz.explanation._figures import Figures
from jaxviz.explanation._summary import summary


def notebook(page: render.Page, figures: Figures) -> str:
    """Title, summary and picture, without a script: a few hundred kilobytes, whatever the page is."""
    picture = render.data_uri(summary(figures))
    return (
        '<figure style="margin: 0; max-width: 60rem">'
        f"<h3>{html.escape(page.title)}</h3><p>{html.escape(page.summary)}</p>"
        f'<img src="{picture}" alt="{html.escape(page.title)}" style="max-width: 100%; background: white">'
        "<figcaption><code>.save(&quot;page.html&quot;)</code> writes the whole page.</figcaption></figure>"
    )
