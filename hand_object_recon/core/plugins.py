"""Finding, checking and loading plugins: detectors, reconstructors and, later, others.

A plugin is asked for by its short name (built in, or registered by an installed package under
the group's entry points) or by a symbol path ``package.module:Class``. A class is checked
against the group's base class when it is loaded. A broken plugin is an error when it is the
one asked for, and a line in the listing otherwise.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from typing import Generic, TypeVar

from hand_object_recon.core.errors import PluginError

BaseT = TypeVar("BaseT")


@dataclass(frozen=True)
class PluginCard:
    """What a user wants to know of a plugin before choosing it."""

    name: str
    summary: str
    licence: str
    paper: str = ""
    needs_depth: bool = False
    history_frames: int = 0
    max_hands: int | None = None
    gives_object: bool = False
    is_metric: bool = False


@dataclass(frozen=True)
class PluginListing(Generic[BaseT]):
    """One line of a listing: the loaded class, or why it does not load."""

    name: str
    symbol: str
    plugin: type[BaseT] | None
    error: str = ""


class PluginGroup(Generic[BaseT]):
    """The plugins of one kind.

    base
        Abstract class every plugin derives from; it must declare ``card: ClassVar[PluginCard]``.
    kind
        The word used for it in messages and in the configuration ("detector").
    entry_point_group
        Group under which other packages register theirs.
    built_in
        Name to symbol path of those shipped here. They do not go through entry points because
        a colcon install carries no package metadata.
    """

    def __init__(
        self,
        base: type[BaseT],
        kind: str,
        entry_point_group: str,
        built_in: Mapping[str, str],
    ) -> None:
        self.base = base
        self.kind = kind
        self.entry_point_group = entry_point_group
        self._built_in = dict(built_in)

    def symbols(self) -> dict[str, str]:
        """Every known name and its symbol path; built-in names cannot be taken over."""
        registered = {
            point.name: point.value for point in metadata.entry_points(group=self.entry_point_group)
        }
        return {**registered, **self._built_in}

    def load(self, name: str) -> type[BaseT]:
        """Return the class called ``name`` (short name or ``package.module:Class``).

        Raises
        ------
        PluginError
            The name is unknown, the module does not import, or the class breaks the contract.
        """
        symbols = self.symbols()
        symbol = name if ":" in name else symbols.get(name)
        if symbol is None:
            raise PluginError(
                f"{self.kind} {name!r} does not exist; known are {', '.join(sorted(symbols))}, "
                "or give a symbol path such as 'my_package.my_module:MyClass'"
            )
        return self._checked(name, symbol, self._import(name, symbol))

    def listing(self) -> list[PluginListing[BaseT]]:
        """Every known plugin in name order, the broken ones with their reason."""
        rows = []
        for name, symbol in sorted(self.symbols().items()):
            try:
                rows.append(PluginListing(name, symbol, self.load(name)))
            except PluginError as error:
                rows.append(PluginListing[BaseT](name, symbol, None, str(error)))
        return rows

    def _import(self, name: str, symbol: str) -> object:
        module_name, _, attribute = symbol.partition(":")
        try:
            module = importlib.import_module(module_name)
        except Exception as error:  # a third party's module may raise anything while importing
            raise PluginError(
                f"{self.kind} {name!r} does not import ({module_name}): "
                f"{type(error).__name__}: {error}"
            ) from error
        try:
            return getattr(module, attribute)
        except AttributeError:
            raise PluginError(
                f"{self.kind} {name!r}: module {module_name} has no {attribute!r}"
            ) from None

    def _checked(self, name: str, symbol: str, plugin: object) -> type[BaseT]:
        if not (inspect.isclass(plugin) and issubclass(plugin, self.base)):
            raise PluginError(
                f"{self.kind} {name!r}: {symbol} is not a class derived from "
                f"{self.base.__module__}.{self.base.__name__}"
            )
        missing = sorted(getattr(plugin, "__abstractmethods__", ()))
        if missing:
            raise PluginError(f"{self.kind} {name!r}: {symbol} lacks {', '.join(missing)}")
        if not isinstance(getattr(plugin, "card", None), PluginCard):
            raise PluginError(f"{self.kind} {name!r}: {symbol}.card is not a PluginCard")
        return plugin
