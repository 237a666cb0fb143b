"""Fixtures every room's tests share."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hand_object_recon.core.hands import HandEstimate, HandSide
from hand_object_recon.hand_model.forward import pose_hand
from hand_object_recon.hand_model.model import load_hand_model

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


@pytest.fixture(scope="session")
def pose_open_hand() -> Callable[..., HandEstimate]:
    """The open hand in a pose, its wrist near ``at_m``, as an estimate."""

    def posed_estimate(
        pose_rad: Any, at_m: Any, *, track_id: int = 1, side: HandSide = HandSide.RIGHT
    ) -> HandEstimate:
        model = load_hand_model("open_hand", side)
        pose, shape = np.float32(pose_rad), np.zeros(10, np.float32)
        posed = pose_hand(model, pose, shape, np.float32(at_m))
        return HandEstimate(
            track_id=track_id,
            side=side,
            score=0.9,
            joints_m=posed.joints_m,
            joint_visibility=np.ones(21, np.float32),
            vertices_m=posed.vertices_m,
            topology=model.topology.name,
            wrist_pose=posed.wrist_pose,
            pose_rad=pose,
            shape=shape,
        )

    return posed_estimate
