"""Backbones, datasets, formats, measures and methods by name: our own, other packages', and objects of one's own.

Every public module of a package is one entry. Another package adds one by an entry point, such as
``cosines = "my_package:BACKBONE"`` in the group ``tsinfogan.backbones``. Where a name is expected, an object is taken.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from tsinfogan.errors import SettingError, UnknownNameError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

Entry = TypeVar("Entry")


@dataclass(frozen=True)
class Registry(Generic[Entry]):
    """Entries of one kind, imported on first use.

    Args:
        kind: what an entry is called in error messages, such as ``"dataset"``.
        package: dotted name of the package whose public modules are entries.
        attribute: name of the object that each of these modules offers, such as ``"DATASET"``.
        types: of an entry.
        shared: public modules of the package that are no entries, but what entries share.
    """

    kind: str
    package: str
    attribute: str
    types: tuple[type[Any], ...]
    shared: tuple[str, ...] = ()
    _registered: dict[str, Entry] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def group(self) -> str:
        """Group of other packages' entry points, such as ``"tsinfogan.datasets"``."""
        return f"tsinfogan.{self.attribute.lower()}s"

    def names(self) -> tuple[str, ...]:
        """Names of all entries in alphabetical order, without importing any of them."""
        return tuple(sorted({*self._permanent(), *self._registered}))

    def get(self, entry: str | Entry) -> Entry:
        """The entry of a name; an object of the right type is returned as it is. Of equal names ours comes first.

        Raises:
            UnknownNameError: there is no entry of that name; the message lists those there are.
            SettingError: not an entry, or another package's entry that cannot be imported.
        """
        if not isinstance(entry, str):
            return self._checked(entry, f"expected a {self.kind} by name or as an object")
        if entry in self._modules():
            return cast(Entry, getattr(import_module(f"{self.package}.{entry}"), self.attribute))
        if (point := _entry_points(self.group).get(entry)) is not None:
            return self._checked(self._loaded(point), f"{self.kind} {entry!r} of {point.value}: expected one")
        if entry in self._registered:
            return self._registered[entry]
        raise UnknownNameError(self.kind, entry, self.names())

    def chosen(self, entries: Iterable[str | Entry] | None = None) -> dict[str, Entry]:
        """Entries by name, all by default. An object goes by its ``name``; it is not registered.

        Raises:
            UnknownNameError: there is no entry of that name.
            SettingError: an object without a name, or with the name of another entry.
        """
        return {self._name_of(entry): self.get(entry) for entry in (self.names() if entries is None else entries)}

    def register(self, entry: str | Entry) -> str:
        """The name of an entry. An object is found under its ``name`` from now on, in this process.

        Raises:
            SettingError: an object without a name, or with the name of another entry.
        """
        name = self._name_of(entry)
        if not isinstance(entry, str) and name not in self._permanent():
            self._registered[name] = entry
        return name

    def _name_of(self, entry: str | Entry) -> str:
        if isinstance(entry, str):
            return entry
        name: str = getattr(self.get(entry), "name", "")
        if not name or (name in self._permanent() and self.get(name) is not entry):
            why = f"{name!r} is another one's" if name else "it has none"
            raise SettingError(
                f"a {self.kind} that is passed as an object needs a name of its own, but {why}; set name"
            )
        return name

    def _permanent(self) -> set[str]:
        return {*self._modules(), *_entry_points(self.group)}

    def _modules(self) -> set[str]:
        path = import_module(self.package).__path__
        return {found.name for found in pkgutil.iter_modules(path) if not found.name.startswith("_")} - {*self.shared}

    def _loaded(self, point: EntryPoint) -> object:
        try:
            return point.load()
        except Exception as error:  # whatever another package raises
            raise SettingError(
                f"{self.kind} {point.name!r} cannot be imported from {point.value} ({type(error).__name__}: {error}); "
                "update or uninstall the package that provides it"
            ) from error

    def _checked(self, entry: object, expected: str) -> Entry:
        if not isinstance(entry, self.types):
            raise SettingError(f"{expected}, a {self.types[0].__name__}, got {type(entry).__name__}")
        return cast(Entry, entry)


@lru_cache
def _entry_points(group: str) -> Mapping[str, EntryPoint]:
    from importlib.metadata import entry_points

    return {point.name: point for point in entry_points(group=group)}


def on_demand(package: str, homes: Mapping[str, Sequence[str]]) -> tuple[list[str], Callable[[str], Any]]:
    """``__all__`` and ``__getattr__`` of a package whose public names are imported on first use (PEP 562).

    Importing one module of a room then costs that module, not the room. ``homes`` holds the names by the module, below
    the package, that defines them.
    """
    home_of = {name: module for module, names in homes.items() for name in names}

    def get(name: str) -> Any:
        if name not in home_of:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(f"{package}.{home_of[name]}"), name)

    return sorted(home_of), get
