"""A hand's joints as an image shows them: how far away they are is not known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.keypoints import BONES, WRIST

FloatArray = NDArray[np.floating[Any]]

_PARENTS, _CHILDREN = np.array(BONES).T
_NEAREST_M: Final = 0.1
_FARTHEST_M: Final = 5.0
_STEPS: Final = 64
_ROUNDS: Final = 3


@dataclass(frozen=True, eq=False)
class RelativeJoints:
    """Joints in the axes of the camera that sees them.

    slopes
        (21, 2) x/z and y/z of the rays through them.
    beyond_wrist_m
        (21,) how much farther along z than the wrist they are.
    """

    slopes: FloatArray
    beyond_wrist_m: FloatArray

    @classmethod
    def of_joints(cls, joints_m: FloatArray, wrist_z_m: float) -> RelativeJoints:
        """From (21, 3) joints of a hand whose wrist is at ``wrist_z_m``."""
        return cls(joints_m[:, :2] / joints_m[:, 2:], joints_m[:, 2] - wrist_z_m)

    @property
    def nearest_wrist_z_m(self) -> float:
        """Where the wrist is when wrist and joints are no nearer than 10 cm."""
        return max(_NEAREST_M, _NEAREST_M - float(self.beyond_wrist_m.min()))

    def at(self, wrist_z_m: float) -> FloatArray:
        """(21, 3) joints where the wrist is that far."""
        z = (self.beyond_wrist_m + wrist_z_m)[:, None]
        return np.concatenate([self.slopes * z, z], axis=1)

    def wrist_at(self, wrist_z_m: float) -> FloatArray:
        """(3,) the place that the network is told the wrist has."""
        return np.append(self.slopes[WRIST] * wrist_z_m, wrist_z_m)


def wrist_z_by_size(joints: RelativeJoints, rest_m: FloatArray) -> float:
    """How far the wrist is if the bones have the lengths of a hand of (21, 3) rest keypoints.

    The sum of the lengths' absolute gaps is least there, so that a few joints that are far off
    do not move it.
    """
    lengths = np.linalg.norm(rest_m[_CHILDREN] - rest_m[_PARENTS], axis=1)
    low, high = joints.nearest_wrist_z_m, _FARTHEST_M
    for _ in range(_ROUNDS):
        distances = np.geomspace(low, high, _STEPS)
        best = int(_length_gaps(joints, distances, lengths).argmin())
        low, high = distances[max(best - 1, 0)], distances[min(best + 1, _STEPS - 1)]
    return float(np.sqrt(low * high))


def _length_gaps(
    joints: RelativeJoints, distances_m: FloatArray, lengths_m: FloatArray
) -> FloatArray:
    """(N,) how far off the bones are with the wrist at each of (N,) distances."""
    z = joints.beyond_wrist_m + distances_m[:, None]
    places = np.concatenate([joints.slopes * z[..., None], z[..., None]], axis=2)
    bones = np.linalg.norm(places[:, _CHILDREN] - places[:, _PARENTS], axis=2)
    return np.asarray(np.abs(bones - lengths_m).sum(axis=1))
