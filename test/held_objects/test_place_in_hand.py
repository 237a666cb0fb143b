"""An object goes where the hand that holds it goes."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from hand_object_recon.held_objects.place_in_hand import PlaceInHand

HAND = 3


def grip(step: int) -> np.ndarray:
    """A hand that turns and sways, as exact as single precision."""
    pose = np.eye(4)
    turn = Rotation.from_euler("xyz", [0.3 * np.sin(0.05 * step), 0.01 * step, 0.2])
    pose[:3, :3] = turn.as_matrix()
    pose[:3, 3] = 0.1 * np.cos(0.03 * step), 0.0, 0.5
    return pose.astype(np.float32).astype(np.float64)


def test_a_pose_that_is_carried_for_minutes_stays_rigid() -> None:
    place, pose = PlaceInHand({HAND: grip(0)}), np.eye(4)
    pose[:3, 3] = 0.1, 0.05, 0.5
    in_hand = np.linalg.inv(grip(0)) @ pose
    for step in range(1, 5000):
        carried = place.carried(HAND, {HAND: grip(step)}, pose)
        assert carried is not None
        pose = carried
        place.update(HAND, {HAND: grip(step)}, pose, is_measured=False)
    np.testing.assert_allclose(pose[:3, :3] @ pose[:3, :3].T, np.eye(3), atol=1e-9)
    np.testing.assert_allclose(pose, grip(4999) @ in_hand, atol=0.01)
