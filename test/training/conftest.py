"""A small store of synthetic samples, made once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hand_object_recon.training.config import SyntheticData
from hand_object_recon.training.sample_store import SampleStore
from hand_object_recon.training.store_building import StoreSource, open_or_build_store

METHOD_OPTIONS: dict[str, Any] = {"width": 16, "scale": 0.0, "turn_share": 0.0, "color": 0.0}
SYNTHETIC = SyntheticData(takes=2, frames_per_take=6, size_px=160)


@pytest.fixture(scope="session")
def store_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("store")
    source = StoreSource("train", SYNTHETIC, None)
    open_or_build_store(folder, "h2onet", METHOD_OPTIONS, source, 0, lambda *_: None)
    return folder


@pytest.fixture(scope="session")
def store(store_folder: Path) -> SampleStore:
    return SampleStore(store_folder)


@pytest.fixture(scope="session")
def training_values(store_folder: Path) -> Callable[..., dict[str, Any]]:
    """Makes a quick training as a YAML file would hold it, with changes."""

    def make(**changes: Any) -> dict[str, Any]:
        values = {
            "method": "h2onet",
            "method_options": METHOD_OPTIONS,
            "data": {"store": str(store_folder), "validation_store": str(store_folder)},
            "stages": [{"name": "one", "epochs": 2.0, "learning_rate": 1e-3}],
            "batch_size": 6,
            "accelerator": "cpu",
            "loader_workers": 0,
            "threads": 1,
            "log_steps": 1,
            "validation_samples": 8,
        }
        return {**values, **changes}

    return make
