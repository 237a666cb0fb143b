"""Plugins are found by name or symbol path, checked when loaded, and listed even if broken."""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import ClassVar

import pytest

from hand_object_recon.core import plugins
from hand_object_recon.core.errors import PluginError
from hand_object_recon.core.plugins import PluginCard, PluginGroup
from hand_object_recon.detectors.base import Detector

PLUGIN_MODULE = """
from hand_object_recon.core.plugins import PluginCard
from hand_object_recon.detectors.base import Detector

CARD = PluginCard(name="good", summary="Finds nothing.", licence="Apache-2.0")
NUMBER = 3

class Good(Detector):
    card = CARD

    def detect(self, frame):
        return []

class WithoutDetect(Detector):
    card = CARD

class WithoutCard(Detector):
    def detect(self, frame):
        return []

class WithTextAsCard(WithoutCard):
    card = "good"

class NotADetector:
    card = CARD
"""


@pytest.fixture
def plugin_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Importable module with good and bad detectors, and a neighbour that does not import."""
    (tmp_path / "some_plugins.py").write_text(PLUGIN_MODULE)
    (tmp_path / "broken_plugins.py").write_text("import a_library_nobody_has\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield "some_plugins"
    for name in ("some_plugins", "broken_plugins"):
        sys.modules.pop(name, None)


def register(monkeypatch: pytest.MonkeyPatch, **symbols: str) -> None:
    """Make installed packages seem to register these detectors."""

    def entry_points(*, group: str) -> list[EntryPoint]:
        return [EntryPoint(name, symbol, group) for name, symbol in symbols.items()]

    monkeypatch.setattr(plugins.metadata, "entry_points", entry_points)


def detectors(**built_in: str) -> PluginGroup[Detector]:
    return PluginGroup(
        base=Detector,  # type: ignore[type-abstract]
        kind="detector",
        entry_point_group="hand_object_recon.detectors",
        built_in=built_in,
    )


def refusal_of(group: PluginGroup[Detector], name: str) -> str:
    with pytest.raises(PluginError) as refusal:
        group.load(name)
    return str(refusal.value)


def test_a_built_in_plugin_loads_by_name(plugin_module: str) -> None:
    loaded = detectors(good=f"{plugin_module}:Good").load("good")

    assert loaded.card.summary == "Finds nothing."


def test_a_symbol_path_needs_no_registration(plugin_module: str) -> None:
    assert detectors().load(f"{plugin_module}:Good").__name__ == "Good"


def test_a_plugin_of_an_installed_package_loads_by_name(
    plugin_module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(monkeypatch, theirs=f"{plugin_module}:Good")

    assert detectors().load("theirs").__name__ == "Good"


def test_an_installed_package_cannot_take_over_a_built_in_name(
    plugin_module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(monkeypatch, good=f"{plugin_module}:NotADetector")

    assert detectors(good=f"{plugin_module}:Good").load("good").__name__ == "Good"


def test_an_unknown_name_is_answered_with_the_known_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    register(monkeypatch, theirs="a:B")

    message = refusal_of(detectors(ours="c:D"), "nobody")

    assert message == (
        "detector 'nobody' does not exist; known are ours, theirs, "
        "or give a symbol path such as 'my_package.my_module:MyClass'"
    )


@pytest.mark.parametrize(
    ("symbol", "message"),
    [
        (
            "broken_plugins:Any",
            "does not import (broken_plugins): "
            "ModuleNotFoundError: No module named 'a_library_nobody_has'",
        ),
        ("no_such_module:Any", "does not import (no_such_module)"),
        (":Any", "does not import ()"),
        ("some_plugins:Missing", "module some_plugins has no 'Missing'"),
        (
            "some_plugins:NotADetector",
            "some_plugins:NotADetector is not a class derived from "
            "hand_object_recon.detectors.base.Detector",
        ),
        ("some_plugins:NUMBER", "some_plugins:NUMBER is not a class derived from"),
        ("some_plugins:WithoutDetect", "some_plugins:WithoutDetect lacks detect"),
        ("some_plugins:WithoutCard", "some_plugins:WithoutCard.card is not a PluginCard"),
        ("some_plugins:WithTextAsCard", "some_plugins:WithTextAsCard.card is not a PluginCard"),
    ],
)
@pytest.mark.usefixtures("plugin_module")
def test_a_class_that_breaks_the_contract_is_refused_with_the_reason(
    symbol: str, message: str
) -> None:
    refusal = refusal_of(detectors(), symbol)

    assert refusal.startswith(f"detector '{symbol}'")
    assert message in refusal


def test_the_listing_has_broken_plugins_with_their_reason_and_the_others_loaded(
    plugin_module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(monkeypatch, broken="broken_plugins:Any", theirs=f"{plugin_module}:Good")

    broken, incomplete, theirs = detectors(ours=f"{plugin_module}:WithoutDetect").listing()

    assert (broken.name, broken.plugin) == ("broken", None)
    assert "a_library_nobody_has" in broken.error
    assert (incomplete.name, incomplete.plugin) == ("ours", None)
    assert incomplete.error.endswith("lacks detect")
    assert theirs.plugin is not None
    assert (theirs.plugin.__name__, theirs.error) == ("Good", "")


def test_a_group_of_another_kind_says_its_own_word() -> None:
    class Cook(ABC):
        card: ClassVar[PluginCard]

        @abstractmethod
        def cook(self) -> None: ...

    cooks = PluginGroup(Cook, "cook", "nobody.registers_cooks", {})  # type: ignore[type-abstract]

    with pytest.raises(PluginError, match="cook 'julia' does not exist"):
        cooks.load("julia")
