"""A folder is a registry: every public module in a package is one entry, found by name and imported on first use.

Adding a backbone, dataset or format is adding a file; nothing is imported, listed or decorated elsewhere.
"""

from __future__ import annotations

import pkgutil
from dataclasses import dataclass
from importlib import import_module
from typing import Generic, TypeVar, cast

from tsinfogan.errors import UnknownNameError

Entry = TypeVar("Entry")


@dataclass(frozen=True)
class Registry(Generic[Entry]):
    """Entries of one kind.

    Args:
        kind: what an entry is called in error messages, such as ``"dataset"``.
        package: dotted name of the package whose public modules are the entries.
        attribute: name of the module-level object that each module offers.
    """

    kind: str
    package: str
    attribute: str

    def names(self) -> tuple[str, ...]:
        """Names of all entries in alphabetical order, without importing any of them."""
        path = import_module(self.package).__path__
        return tuple(sorted(m.name for m in pkgutil.iter_modules(path) if not m.name.startswith("_")))

    def get(self, name: str) -> Entry:
        """The entry called ``name``.

        Raises:
            UnknownNameError: there is no such entry; the message lists those there are.
        """
        if name not in self.names():
            raise UnknownNameError(self.kind, name, self.names())
        return cast(Entry, getattr(import_module(f"{self.package}.{name}"), self.attribute))
