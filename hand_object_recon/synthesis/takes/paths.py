"""Paths of a rigid body and of a hand through key poses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.geometry.rotations import axis_angle_to_matrix, matrix_to_axis_angle
from hand_object_recon.synthesis.grasping.grasp import PlacedHand, between
from hand_object_recon.synthesis.takes.eased_time import EasedTime, KeyTime

FloatArray = NDArray[np.floating[Any]]


class RigidKey(NamedTuple):
    """A (4, 4) rigid transform at a time."""

    when: KeyTime
    pose: FloatArray


class HandKey(NamedTuple):
    """A hand at a time, in the frame its path is given in."""

    when: KeyTime
    hand: PlacedHand


class RigidPath:
    """A body that goes from key pose to key pose, straight and by the shortest turn."""

    def __init__(self, keys: Sequence[RigidKey]) -> None:
        self._poses = [np.asarray(key.pose, dtype=np.float64) for key in keys]
        self._time = EasedTime([key.when for key in keys])

    @property
    def end_s(self) -> float:
        return self._time.end_s

    def at(self, time_s: float) -> NDArray[np.float64]:
        """(4, 4) pose at a time."""
        key, share = self._time.at(time_s)
        return _part_way(self._poses[key], self._poses[key + 1], share)


class HandPath:
    """A hand that goes from key to key; all keys are of one side and one shape."""

    def __init__(self, keys: Sequence[HandKey]) -> None:
        self._hands = [key.hand for key in keys]
        self._time = EasedTime([key.when for key in keys])

    @property
    def end_s(self) -> float:
        return self._time.end_s

    def at(self, time_s: float) -> PlacedHand:
        """The hand at a time."""
        key, share = self._time.at(time_s)
        return between(self._hands[key], self._hands[key + 1], share)


def _part_way(start: FloatArray, end: FloatArray, share: float) -> NDArray[np.float64]:
    turn = np.asarray(matrix_to_axis_angle(end[:3, :3] @ start[:3, :3].T))
    pose = np.eye(4)
    pose[:3, :3] = axis_angle_to_matrix(share * turn) @ start[:3, :3]
    pose[:3, 3] = (1.0 - share) * start[:3, 3] + share * end[:3, 3]
    return pose
