"""Where an object is at first, and the ways a hand moves it."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.geometry.rotations import axis_angle_to_matrix
from hand_object_recon.synthesis.grasping.grasp import Grasp
from hand_object_recon.synthesis.objects.object_shape import ObjectShape
from hand_object_recon.synthesis.takes.coming_and_going import Ground
from hand_object_recon.synthesis.takes.resting import reachable_turn, resting_place

FloatArray = NDArray[np.floating[Any]]
Pose = NDArray[np.float64]
Range = tuple[float, float]

_TABLE_M: Final[Range] = (-0.12, -0.06)  # below the origin, where the hands work
_LIES_WITHIN_M: Final = 0.06
_LIFT_M: Final[Range] = (0.08, 0.20)
_SIDEWAYS_M: Final = 0.05
_TILT_RAD: Final = 0.35
_TURN_RAD: Final[Range] = (0.6, 1.6)


class Start(NamedTuple):
    """(4, 4) pose in the world at first, and world z of the table, or None where the object hangs
    in the air as if somebody held it out."""

    pose: Pose
    table_m: float | None

    def ground(self) -> Ground | None:
        """The table in the frame of the object while it lies there."""
        if self.table_m is None:
            return None
        return Ground(self.pose[2, :3], self.table_m - float(self.pose[2, 3]))


def draw_start(shape: ObjectShape, grasp: Grasp, random: np.random.Generator) -> Start:
    """Lying on a table such that a person's hand gets at it; in the air where no way does."""
    pose = np.eye(4)
    pose[:2, 3] = random.uniform(-_LIES_WITHIN_M, _LIES_WITHIN_M, 2)
    resting = resting_place(shape, grasp, random)
    if resting is None:
        pose[:3, :3] = reachable_turn(grasp.hand, random)
        return Start(pose, None)
    table = random.uniform(*_TABLE_M)
    pose[:3, :3] = resting.rotation
    pose[2, 3] = table + resting.height_m
    return Start(pose, table)


def lifted(pose: Pose, random: np.random.Generator) -> Pose:
    """Higher, a little aside and a little tilted."""
    moved = pose.copy()
    moved[:2, 3] += random.uniform(-_SIDEWAYS_M, _SIDEWAYS_M, 2)
    moved[2, 3] += random.uniform(*_LIFT_M)
    tilt = axis_angle_to_matrix(random.uniform(-_TILT_RAD, _TILT_RAD, 3))
    moved[:3, :3] = tilt @ pose[:3, :3]
    return moved


def turned(pose: Pose, random: np.random.Generator) -> Pose:
    """Turned in place about any axis, by 35 to 90 degrees."""
    axis = random.normal(size=3)
    turn = random.uniform(*_TURN_RAD) * axis / np.linalg.norm(axis)
    moved = pose.copy()
    moved[:3, :3] = axis_angle_to_matrix(turn) @ pose[:3, :3]
    return moved
