"""``hand-object-recon plugins``."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hand_object_recon.cli.main import app
from hand_object_recon.core import plugins

MODULE = """
from hand_object_recon.core.plugins import PluginCard
from hand_object_recon.reconstructors.base import Reconstructor

class Mine(Reconstructor):
    card = PluginCard(
        name="mine",
        summary="Guesses well.",
        licence="MIT",
        paper="Guess 2026",
        needs_depth=True,
        history_frames=4,
        max_hands=1,
        gives_object=True,
        is_metric=True,
    )

    def reconstruct(self, frame, hands): ...
    def topologies(self): return ()
"""


@pytest.fixture
def listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """What the command prints where a good and a broken reconstructor are installed."""
    (tmp_path / "mine_for_cli_test.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(tmp_path))

    def entry_points(*, group: str) -> list[EntryPoint]:
        if not group.endswith(".reconstructors"):
            return []
        return [
            EntryPoint("mine", "mine_for_cli_test:Mine", group),
            EntryPoint("torn", "no_such_module_[x]:Torn", group),
        ]

    monkeypatch.setattr(plugins.metadata, "entry_points", entry_points)
    result = CliRunner().invoke(app, ["plugins"], env={"COLUMNS": "120"})
    assert result.exit_code == 0, result.output
    return result.output


def test_a_card_is_printed_in_full(listed: str) -> None:
    for text in (
        "mine",
        "Guesses well.",
        "paper: Guess 2026",
        "licence: MIT",
        "aligned depth",
        "4 earlier frames",
        "hands at once: 1",
        "the held object",
        "metric position",
    ):
        assert text in listed


def test_a_broken_plugin_is_skipped_with_its_reason_in_one_line(listed: str) -> None:
    reasons = [line for line in listed.splitlines() if line.startswith("skipped:")]

    assert len([line for line in reasons if "'torn'" in line and "no_such_module_[x]" in line]) == 1


def test_the_built_in_plugins_are_listed(listed: str) -> None:
    assert "mediapipe_hands" in listed
    assert "rgbd_fit" in listed
