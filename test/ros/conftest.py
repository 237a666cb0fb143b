"""Hands to move and to score."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from hand_object_recon.core.hands import HandEstimate, HandSide


@pytest.fixture(scope="session")
def make_hand(pose_open_hand: Callable[..., HandEstimate]) -> Callable[..., HandEstimate]:
    """An open hand, turned, with its wrist near ``at_m``."""

    def hand(
        track_id: int = 1,
        side: HandSide = HandSide.RIGHT,
        at_m: tuple[float, float, float] = (0.0, 0.05, 0.5),
    ) -> HandEstimate:
        pose_rad = np.zeros(48, np.float32)
        pose_rad[:3] = Rotation.from_euler("xyz", [0.3, -0.2, 0.5]).as_rotvec()
        return pose_open_hand(pose_rad, at_m, track_id=track_id, side=side)

    return hand
