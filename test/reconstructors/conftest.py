"""What the authors' networks gave on stand-in weights, for the tests of parity."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="session")
def parity(reference_data: Path) -> Path:
    """Folder of the authors' outputs."""
    folder = reference_data / "parity"
    if not (folder / "reference_weights.py").exists():
        pytest.skip(f"{folder} has no reference_weights.py")
    return folder


@pytest.fixture(scope="session")
def weights(parity: Path) -> ModuleType:
    """The module that fills state dicts from their entries' names."""
    spec = importlib.util.spec_from_file_location(
        "reference_weights", parity / "reference_weights.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
