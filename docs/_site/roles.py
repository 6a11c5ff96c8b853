"""What Markdown does not know of our docstrings: Sphinx roles become links, an ``Example:`` a block of code."""

from __future__ import annotations

import re
from typing import Any

import griffe

ROLE = re.compile(r":(?:attr|class|data|exc|func|meth|mod|obj):`~?([\w.]+)`")


class Roles(griffe.Extension):
    """Replaces each role by a link if the name is documented, double backticks by single ones, Example by Examples."""

    def on_object(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        """Rewrites the docstring of one module, class, function or attribute."""
        if obj.docstring:
            text = ROLE.sub(lambda role: link(obj, role[1]), obj.docstring.value)
            text = re.sub(r"``([^`]+)``", r"`\1`", text)
            obj.docstring.value = re.sub(r"^Example:$", "Examples:", text, flags=re.MULTILINE)


def link(obj: griffe.Object, name: str) -> str:
    """An optional cross-reference: plain code where no page documents the name."""
    try:
        path = obj.resolve(name)
    except griffe.NameResolutionError:
        path = name
    return f'<autoref identifier="{path}" optional><code>{name}</code></autoref>'
