"""A folder is a registry: every public module in a package is one entry, found by name and imported on first use.

Adding a backbone, dataset or format is adding a file; nothing is imported, listed or decorated elsewhere.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Generic, TypeVar, cast

from tsinfogan.errors import UnknownNameError

Entry = TypeVar("Entry")


@dataclass(frozen=True)
class Registry(Generic[Entry]):
    """Entries of one kind.

    Args:
        kind: what an entry is called in error messages, such as ``"dataset"``.
        package: dotted name of the package whose public modules are the entries.
        attribute: name of the module-level object that each module offers.
        shared: public modules of the package that are no entries, but what entries share.
    """

    kind: str
    package: str
    attribute: str
    shared: tuple[str, ...] = ()

    def names(self) -> tuple[str, ...]:
        """Names of all entries in alphabetical order, without importing any of them."""
        path = import_module(self.package).__path__
        found = {module.name for module in pkgutil.iter_modules(path) if not module.name.startswith("_")}
        return tuple(sorted(found - {*self.shared}))

    def get(self, name: str) -> Entry:
        """The entry called ``name``.

        Raises:
            UnknownNameError: there is no such entry; the message lists those there are.
        """
        if name not in self.names():
            raise UnknownNameError(self.kind, name, self.names())
        return cast(Entry, getattr(import_module(f"{self.package}.{name}"), self.attribute))


def on_demand(package: str, homes: Mapping[str, Sequence[str]]) -> tuple[list[str], Callable[[str], Any]]:
    """``__all__`` and ``__getattr__`` of a package whose public names are imported on first use (PEP 562).

    So importing one module of a room costs that module, not the room.

    Args:
        package: dotted name of the package.
        homes: public names by the module, below the package, that defines them.
    """
    home_of = {name: module for module, names in homes.items() for name in names}

    def get(name: str) -> Any:
        if name not in home_of:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(f"{package}.{home_of[name]}"), name)

    return sorted(home_of), get
