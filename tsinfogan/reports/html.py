"""HTML pages from the templates beside this module: one file each that loads nothing else, no scripts, pictures inside.

Every text is escaped by the template engine; a template that names a value it is not given raises an error.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined


def template_environment(package: str) -> Environment:
    """What renders the folder ``templates`` of a package: every text is escaped, and a missing value is an error."""
    return Environment(
        loader=PackageLoader(package),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


ENVIRONMENT = template_environment("tsinfogan.reports")
ENVIRONMENT.filters["data_uri"] = lambda png: f"data:image/png;base64,{b64encode(png).decode()}"


def by_reason(skipped: Mapping[str, str], link: str = ": ") -> list[str]:
    """A sentence for each reason in ``skipped``, behind all names that have it."""
    return [
        ", ".join(name for name in skipped if skipped[name] == reason) + link + reason
        for reason in dict.fromkeys(skipped.values())
    ]


def render_page(template: str, **values: Any) -> str:
    """The HTML of a page: a file in ``templates/``, such as ``codes.html.j2``, with the values that it names."""
    return ENVIRONMENT.get_template(template).render(values)
