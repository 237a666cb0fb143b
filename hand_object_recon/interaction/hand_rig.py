"""What it takes to bend the mesh of a hand of one topology: its rig, as plain arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.hands import HandEstimate, HandSide
from hand_object_recon.hand_model.model import HandModel, load_hand_model
from hand_object_recon.hand_model.posing_arrays import KEYPOINT_OF_JOINT
from hand_object_recon.hand_model.store import built_in_names, imported_names
from hand_object_recon.hand_model.vertex_labels import vertex_labels
from hand_object_recon.interaction.bending import bone_turns_rad

FloatArray = NDArray[np.floating[Any]]

JOINT_KEYPOINTS: Final = np.array(KEYPOINT_OF_JOINT)
"""(16,) for each joint of the hand model its keypoint."""

_AGREES_WITHIN_RAD: Final = 0.25


class RigArrays(NamedTuple):
    """Arrays of V vertices and F faces, C-contiguous float64 and int64.

    weights (V, 16); axes (15, 3, 3) flexion, abduction and twist of each joint, one a row; faces
    (F, 3); finger (V,), the one in the order of joints that moves a vertex; carried (V, 3), the
    share with which a vertex follows each joint of that finger; parts (V,) of
    ``core.objects.HandPart``.
    """

    weights: NDArray[np.float64]
    axes: NDArray[np.float64]
    faces: NDArray[np.int64]
    finger: NDArray[np.int64]
    carried: NDArray[np.float64]
    parts: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class HandRig:
    """What of a hand model bends its mesh.

    lowest_rad and highest_rad (45,), the joint limits; rest_joints_m (16, 3); arrays, what
    kernels take.
    """

    lowest_rad: NDArray[np.float64]
    highest_rad: NDArray[np.float64]
    rest_joints_m: NDArray[np.float64]
    arrays: RigArrays

    @classmethod
    def of_model(cls, model: HandModel) -> HandRig:
        """The rig of one side of a hand model."""
        by_finger = model.weights[:, 1:].reshape(-1, 5, 3).astype(np.float64)
        finger = by_finger.sum(axis=2).argmax(axis=1)
        own = by_finger[np.arange(len(by_finger)), finger]
        limits = model.joint_limits_rad.astype(np.float64).reshape(-1, 2)
        arrays = RigArrays(
            weights=np.array(model.weights, dtype=np.float64),
            axes=np.array(model.joint_axes, dtype=np.float64),
            faces=np.array(model.faces, dtype=np.int64),
            finger=finger.astype(np.int64),
            carried=np.ascontiguousarray(own[:, ::-1].cumsum(axis=1)[:, ::-1]),
            parts=vertex_labels(model).part.astype(np.int64),
        )
        return cls(
            lowest_rad=np.ascontiguousarray(limits[:, 0]),
            highest_rad=np.ascontiguousarray(limits[:, 1]),
            rest_joints_m=np.array(model.rest_joints_m, dtype=np.float64),
            arrays=arrays,
        )

    def angles_rad(self, vectors_rad: FloatArray) -> NDArray[np.float64]:
        """(45,) anatomical angles of (15, 3) axis-angle vectors of the joints."""
        return np.asarray(
            (self.arrays.axes @ vectors_rad[..., None])[..., 0].ravel(), dtype=np.float64
        )

    def vectors_rad(self, angles_rad: FloatArray) -> NDArray[np.float64]:
        """(15, 3) axis-angle vectors of (45,) anatomical angles."""
        return np.asarray((angles_rad.reshape(-1, 1, 3) @ self.arrays.axes)[:, 0], dtype=np.float64)

    def fits(self, hand: HandEstimate) -> bool:
        """Whether the hand's mesh has this rig's vertices."""
        return len(hand.vertices_m) == len(self.arrays.weights)

    def explains(self, hand: HandEstimate) -> bool:
        """Whether the hand's pose parameters point its fingers where its joints are.

        A network's mesh may come with parameters that only roughly go with it.
        """
        angles = bone_turns_rad(
            np.ascontiguousarray(hand.wrist_pose[:3, :3]),
            hand.pose_rad[3:].reshape(-1, 3).astype(np.float64),
            hand.joints_m[JOINT_KEYPOINTS].astype(np.float64),
            self.rest_joints_m,
        )
        return bool(np.median(angles) < _AGREES_WITHIN_RAD)


def installed_rig(topology: str) -> HandRig | None:
    """The rig of a mesh's hand model, or None where no model of that name is installed."""
    name, _, side = topology.rpartition("_")
    if name not in (*built_in_names(), *imported_names()):
        return None
    return HandRig.of_model(load_hand_model(name, HandSide(side)))
