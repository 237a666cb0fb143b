"""What the service that saves meshes says when it cannot."""

from __future__ import annotations

from pathlib import Path

import pytest

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.ros.mesh_saving import in_home


def test_a_folder_of_nobody_is_named() -> None:
    with pytest.raises(InvalidValueError, match=r"ros\.mesh_folder is ~no-such-user/meshes"):
        in_home(Path("~no-such-user/meshes"))


def test_a_folder_below_home_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    assert in_home(Path("~/meshes")) == Path("/home/somebody/meshes")
