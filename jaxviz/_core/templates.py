"""Pages from templates: what comes from anywhere is escaped, and a name that is missing is an error."""

import importlib.resources
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jinja2
from markupsafe import Markup


def rendered(
    package: str,
    folder: str,
    template: str,
    assets: Sequence[str],
    filters: Mapping[str, Callable] | None = None,
    **values: Any,
) -> str:
    """The text that a template of a package's folder makes of some values.

    Args:
        package: that has the folder.
        folder: of templates and assets.
        template: its file.
        assets: other files, under the name of their ending: styles as `css`, scripts as `js`. They are our own, not
            data, and may hold what a browser reads as markup.
        filters: of the template, by name.
        **values: what the template shows.
    """
    files = importlib.resources.files(package) / folder
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(lambda name: (files / name).read_text("utf-8")),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= filters or {}
    own = {name.rpartition(".")[2]: Markup((files / name).read_text("utf-8")) for name in assets}
    return environment.get_template(template).render(**own, **values)
