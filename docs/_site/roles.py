"""Sphinx roles in docstrings, such as :class:`Panel`, as links: Markdown does not know them."""

from __future__ import annotations

import re
from typing import Any

import griffe

ROLE = re.compile(r":(?:attr|class|data|exc|func|meth|mod|obj):`~?([\w.]+)`")


class Roles(griffe.Extension):
    """Replaces each role by a link, where the name is documented, and double backticks by single ones."""

    def on_object(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        """Rewrites the docstring of one module, class, function or attribute."""
        if obj.docstring:
            text = ROLE.sub(lambda role: link(obj, role[1]), obj.docstring.value)
            obj.docstring.value = re.sub(r"``([^`]+)``", r"`\1`", text)


def link(obj: griffe.Object, name: str) -> str:
    """An optional cross-reference: plain code where no page documents the name."""
    try:
        path = obj.resolve(name)
    except griffe.NameResolutionError:
        path = name
    return f'<autoref identifier="{path}" optional><code>{name}</code></autoref>'
