"""The program as a whole: version, help, the ``config`` command, and errors in one line."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from hand_object_recon import __version__
from hand_object_recon.cli.main import app, main
from hand_object_recon.core.config import PipelineConfig, load_config
from hand_object_recon.core.config_documents import default_yaml
from hand_object_recon.core.errors import RecordingError


def failure_of(arguments: list[str], capfd: pytest.CaptureFixture[str]) -> str:
    """Run the program, expect exit code 2, and return what it wrote to standard error."""
    with pytest.raises(SystemExit) as end:
        main(arguments)
    printed = capfd.readouterr()
    assert end.value.code == 2
    assert printed.out == ""
    return printed.err


def test_the_version_is_the_packages() -> None:
    assert CliRunner().invoke(app, ["--version"]).output == f"{__version__}\n"


def test_help_names_every_command() -> None:
    text = CliRunner().invoke(app, ["--help"]).output

    for command in ("demo", "plugins", "config"):
        assert command in text


def test_config_prints_the_default_settings() -> None:
    assert CliRunner().invoke(app, ["config"]).output == default_yaml()


def test_config_writes_a_file_that_reads_back(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"

    result = CliRunner().invoke(app, ["config", "--out", str(path)])

    assert result.exit_code == 0
    assert load_config(path) == PipelineConfig()


def test_config_never_overwrites_a_file(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("depth: {max_m: 1.0}\n")

    message = failure_of(["config", "--out", str(path)], capfd)

    assert message == f"error: {path} exists; give another name or remove it first\n"
    assert path.read_text() == "depth: {max_m: 1.0}\n"


def test_a_path_that_cannot_be_written_is_one_line(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "no_folder" / "mine.yaml"

    message = failure_of(["config", "--out", str(path)], capfd)

    assert message == f"error: {path} cannot be written: No such file or directory\n"


def test_an_error_of_several_lines_is_printed_as_one(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def fail() -> str:
        raise RecordingError("cannot open bag\n  it is empty")

    monkeypatch.setattr("hand_object_recon.core.config_documents.default_yaml", fail)

    assert failure_of(["config"], capfd) == "error: cannot open bag it is empty\n"


def test_a_defect_of_the_program_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> str:
        raise KeyError("a bug")

    monkeypatch.setattr("hand_object_recon.core.config_documents.default_yaml", fail)

    with pytest.raises(KeyError, match="a bug"):
        main(["config"])
