"""Fixtures every room's tests share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def reference_data() -> Path:
    """Folder with the reference data, or a skip that says where it was looked for."""
    configured = os.environ.get("HAND_OBJECT_RECON_REFERENCE_DATA")
    folder = Path(configured) if configured else REPOSITORY.parent / "shared"
    if not (folder / "data").is_dir():
        pytest.skip(
            f"no reference data in {folder}; set HAND_OBJECT_RECON_REFERENCE_DATA to its folder"
        )
    return folder
