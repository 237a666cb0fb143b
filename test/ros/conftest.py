"""Hands to move and to score."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from hand_object_recon.core.hands import HandEstimate, HandSide
from hand_object_recon.hand_model.forward import pose_hand
from hand_object_recon.hand_model.model import load_hand_model


@pytest.fixture(scope="session")
def make_hand() -> Callable[..., HandEstimate]:
    """An open hand, turned, with its wrist near ``at_m``."""

    def hand(
        track_id: int = 1,
        side: HandSide = HandSide.RIGHT,
        at_m: tuple[float, float, float] = (0.0, 0.05, 0.5),
    ) -> HandEstimate:
        model = load_hand_model("open_hand", side)
        pose_rad = np.zeros(48, np.float32)
        pose_rad[:3] = Rotation.from_euler("xyz", [0.3, -0.2, 0.5]).as_rotvec()
        shape = np.zeros(10, np.float32)
        posed = pose_hand(model, pose_rad, shape, np.float32(at_m))
        return HandEstimate(
            track_id=track_id,
            side=side,
            score=0.9,
            joints_m=posed.joints_m,
            joint_visibility=np.ones(21, np.float32),
            vertices_m=posed.vertices_m,
            topology=model.topology.name,
            wrist_pose=posed.wrist_pose,
            pose_rad=pose_rad,
            shape=shape,
        )

    return hand
