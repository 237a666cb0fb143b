"""A hand model boiled down to what its 21 keypoints depend on.

Everything is relative to the wrist and finger by finger, in the order of the keypoints (thumb,
index, middle, ring, pinky): a knuckle that is fixed to the palm, three bones, nine angles.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.keypoints import FINGER_NAMES
from hand_object_recon.hand_model.conventions import (
    SHAPE_COUNT,
    finger_joints,
)
from hand_object_recon.hand_model.model import HandModel

FloatArray = NDArray[np.floating[Any]]

FINGER_JOINTS: Final = np.array([finger_joints(finger) for finger in FINGER_NAMES])
"""(5, 3) joints of the model in the order of the keypoints' fingers."""

_PALM_POINTS: Final = 6
_LEAST_SPREAD_RAD: Final = 1e-3


@dataclass(frozen=True, eq=False)
class KinematicSkeleton:
    """Rest geometry by shape, axes, limits and preferred angles of one side, float64.

    wrist_m (3,), wrist_shapedirs (3, 10); relative to it knuckles_m (5, 3), knuckle_shapedirs
    (5, 3, 10); bones_m (5, 3, 3), the vectors from each finger joint to the next keypoint,
    bone_shapedirs (5, 3, 3, 10); axes (5, 3, 3, 3): finger, joint, angle, coordinate; lower_rad,
    upper_rad, preferred_rad and spread_rad (5, 9): limits, mean of the model's pose set, and
    the standard deviation of an angle that is anywhere within its limits.
    """

    wrist_m: FloatArray
    wrist_shapedirs: FloatArray
    knuckles_m: FloatArray
    knuckle_shapedirs: FloatArray
    bones_m: FloatArray
    bone_shapedirs: FloatArray
    axes: FloatArray
    lower_rad: FloatArray
    upper_rad: FloatArray
    preferred_rad: FloatArray
    spread_rad: FloatArray

    @classmethod
    def of(cls, model: HandModel) -> KinematicSkeleton:
        """The skeleton of a hand model."""
        tips = model.tip_vertices
        points = _by_finger(model.rest_joints_m, model.v_template[tips])
        shapedirs = _by_finger(model.joint_shapedirs, model.shapedirs[tips])
        wrist, wrist_shapedirs = model.rest_joints_m[0], model.joint_shapedirs[0]
        limits = model.joint_limits_rad[FINGER_JOINTS - 1].reshape(5, 9, 2).astype(np.float64)
        preferred = model.pose_mean_rad.reshape(-1, 3)[FINGER_JOINTS - 1].reshape(5, 9)
        lower, upper = limits[..., 0], limits[..., 1]
        return cls(
            wrist_m=wrist.astype(np.float64),
            wrist_shapedirs=wrist_shapedirs.astype(np.float64),
            knuckles_m=points[:, 0] - wrist,
            knuckle_shapedirs=shapedirs[:, 0] - wrist_shapedirs,
            bones_m=np.diff(points, axis=1),
            bone_shapedirs=np.diff(shapedirs, axis=1),
            axes=model.joint_axes[FINGER_JOINTS - 1].astype(np.float64),
            lower_rad=lower,
            upper_rad=upper,
            preferred_rad=np.clip(preferred, lower, upper),
            spread_rad=np.maximum((upper - lower) / np.sqrt(12.0), _LEAST_SPREAD_RAD),
        )

    def shaped(self, shape: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Knuckles (5, 3) and bones (5, 3, 3) at a shape (10,)."""
        knuckles = self.knuckles_m + self.knuckle_shapedirs @ shape
        return knuckles, self.bones_m + self.bone_shapedirs @ shape

    def rest_keypoints_m(self, shape: FloatArray) -> FloatArray:
        """(21, 3) keypoints of the zero pose relative to the wrist."""
        knuckles, bones = self.shaped(shape)
        chain = np.concatenate([knuckles[:, None], bones], axis=1).cumsum(axis=1)
        return np.concatenate([np.zeros((1, 3)), chain.reshape(20, 3)])

    def rigid_vectors(self) -> tuple[FloatArray, FloatArray]:
        """(30, 3) vectors between keypoints whose lengths no pose changes, and (30, 3, 10).

        All pairs of the wrist and the knuckles, then the fingers' bones; see ``RIGID_PAIRS``.
        """
        palm = np.concatenate([np.zeros((1, 3)), self.knuckles_m])
        palm_shapedirs = np.concatenate([np.zeros((1, 3, SHAPE_COUNT)), self.knuckle_shapedirs])
        first, second = np.triu_indices(_PALM_POINTS, 1)
        vectors = np.concatenate([palm[second] - palm[first], self.bones_m.reshape(-1, 3)])
        shapedirs = np.concatenate(
            [
                palm_shapedirs[second] - palm_shapedirs[first],
                self.bone_shapedirs.reshape(-1, 3, SHAPE_COUNT),
            ]
        )
        return vectors, shapedirs


def _rigid_pairs() -> NDArray[np.intp]:
    palm = np.array([0, 1, 5, 9, 13, 17])
    first, second = np.triu_indices(_PALM_POINTS, 1)
    starts = np.array([knuckle + bone for knuckle in palm[1:] for bone in range(3)])
    return np.concatenate(
        [np.stack([palm[first], palm[second]]), np.stack([starts, starts + 1])], axis=1
    )


RIGID_PAIRS: Final = _rigid_pairs()
"""(2, 30) keypoints between which ``rigid_vectors`` lie."""

MODEL_FROM_FINGERS: Final = np.argsort(FINGER_JOINTS.ravel())
"""(15,) for each joint below the wrist in the model's order its place in the fingers' order."""


def _by_finger(joints: FloatArray, tips: FloatArray) -> FloatArray:
    """(5, 4, ...) of (16, ...) joints and (5, ...) tips, in double precision."""
    points = np.concatenate([joints[FINGER_JOINTS], tips[:, None]], axis=1)
    return np.asarray(points, dtype=np.float64)
