"""``hand-object-recon compile``."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hand_object_recon.cli.main import app
from hand_object_recon.core.errors import PluginError

STAGES = {"reconstructor", "held objects", "contact refinement"}


def test_every_stage_is_reported_with_its_time_when_it_is_ready() -> None:
    result = CliRunner().invoke(app, ["compile"], catch_exceptions=False)
    assert set(re.findall(r"^(.*): ready after \d+ s$", result.output, re.MULTILINE)) == STAGES


@pytest.mark.slow
def test_afterwards_no_stage_has_anything_left_to_compile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    CliRunner().invoke(app, ["compile"], catch_exceptions=False)
    kept = _machine_code(tmp_path)
    CliRunner().invoke(app, ["compile"], catch_exceptions=False)
    assert kept
    assert _machine_code(tmp_path) == kept


def test_an_unknown_reconstructor_is_named() -> None:
    with pytest.raises(PluginError, match="no_such_method"):
        CliRunner().invoke(
            app, ["compile", "--reconstructor", "no_such_method"], catch_exceptions=False
        )


def _machine_code(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*.nbc")}
