"""The ``.msg`` files: valid, found from wherever the package lies, and documented."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from hand_object_recon.core.errors import DependencyError
from hand_object_recon.messages import definitions
from hand_object_recon.messages.definitions import (
    MESSAGE_NAMES,
    find_definitions_folder,
    message_definitions,
)
from hand_object_recon.messages.typestore import message_typestore

REPOSITORY = Path(__file__).resolve().parents[2]
FIELD = re.compile(r"^(?P<type>[\w/]+)(\[\d*\])? (?P<name>\w+)(?P<value>=\S+)?$")


@pytest.fixture
def installed_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(definitions.sys, "prefix", str(tmp_path / "python"))
    monkeypatch.delenv("AMENT_PREFIX_PATH", raising=False)
    packages = tmp_path / "prefix/lib/python3.12/site-packages"
    return packages / "hand_object_recon/messages/definitions.py"


def test_every_message_file_of_the_repository_is_registered() -> None:
    assert {path.stem for path in (REPOSITORY / "msg").glob("*.msg")} == set(MESSAGE_NAMES)
    assert set(message_definitions()) <= set(message_typestore().types)


@pytest.mark.parametrize("name", MESSAGE_NAMES)
def test_names_follow_the_rules_of_rosidl_and_every_field_is_explained(name: str) -> None:
    lines = (REPOSITORY / "msg" / f"{name}.msg").read_text().splitlines()
    fields = [(number, line) for number, line in enumerate(lines) if line and line[0] != "#"]
    assert fields
    for number, line in fields:
        match = FIELD.match(line)
        assert match, line
        pattern = r"[A-Z][A-Z0-9_]*" if match["value"] else r"[a-z][a-z0-9]*(_[a-z0-9]+)*"
        assert re.fullmatch(pattern, match["name"]), line
        assert match["value"] or lines[number - 1].startswith("#"), f"{line} has no comment"


@pytest.mark.parametrize("prefix", ["prefix", "python", "overlay"])
def test_an_installed_package_finds_its_definitions_under_share(
    tmp_path: Path, installed_module: Path, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AMENT_PREFIX_PATH", f"{tmp_path / 'other'}:{tmp_path / 'overlay'}")
    folder = tmp_path / prefix / "share/hand_object_recon/msg"
    shutil.copytree(REPOSITORY / "msg", folder)
    assert find_definitions_folder(installed_module) == folder


def test_missing_definitions_are_an_error_that_names_the_folders(
    tmp_path: Path, installed_module: Path
) -> None:
    expected = tmp_path / "prefix/share/hand_object_recon/msg"
    with pytest.raises(DependencyError, match=re.escape(str(expected))):
        find_definitions_folder(installed_module)


def test_a_folder_with_only_some_definitions_is_not_taken(
    tmp_path: Path, installed_module: Path
) -> None:
    folder = tmp_path / "prefix/share/hand_object_recon/msg"
    shutil.copytree(REPOSITORY / "msg", folder)
    (folder / "Hand.msg").unlink()
    with pytest.raises(DependencyError, match="definitions"):
        find_definitions_folder(installed_module)
