"""How what a hand holds moves with it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.geometry.rotations import axis_angle_to_matrix, matrix_to_axis_angle
from hand_object_recon.held_objects.hand_surface import HandSurface

FloatArray = NDArray[np.floating[Any]]
Pose = NDArray[np.float64]


def grip_of(hand: HandSurface) -> Pose:
    """(4, 4) frame of a hand's grasp: turned as the palm is, placed where fingers hold things.

    Fingers that close on their own move the place, not the turn.
    """
    grip = np.eye(4)
    grip[:3, :3] = hand.hand.wrist_pose[:3, :3]
    grip[:3, 3] = hand.grasp_places_m.mean(axis=0)
    return grip


def inverse(pose: Pose) -> Pose:
    """Of a (4, 4) rigid transform."""
    inverted = np.eye(4)
    inverted[:3, :3] = pose[:3, :3].T
    inverted[:3, 3] = -pose[:3, :3].T @ pose[:3, 3]
    return inverted


def moved_place(motion: Pose, place_m: FloatArray) -> NDArray[np.float64]:
    """(3,) a place after a rigid motion (4, 4)."""
    return np.asarray(motion[:3, :3] @ place_m + motion[:3, 3])


def part_way(start: Pose, end: Pose, share: float) -> Pose:
    """The pose a share of the way from one (4, 4) to another."""
    turn = np.asarray(matrix_to_axis_angle(end[:3, :3] @ start[:3, :3].T))
    pose = np.eye(4)
    pose[:3, :3] = axis_angle_to_matrix(share * turn) @ start[:3, :3]
    pose[:3, 3] = (1.0 - share) * start[:3, 3] + share * end[:3, 3]
    return pose
