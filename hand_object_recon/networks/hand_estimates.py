"""From joints and vertices that a network gives to estimates with a hand model's parameters."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.core.hands import HandEstimate, HandSide, HandTopology, TrackedHand
from hand_object_recon.core.keypoints import WRIST
from hand_object_recon.geometry.rotations import axis_angle_to_matrix
from hand_object_recon.hand_model.hand_poser import HandPoser
from hand_object_recon.hand_model.inverse_kinematics.options import InverseKinematicsOptions
from hand_object_recon.hand_model.inverse_kinematics.solver import InverseKinematics
from hand_object_recon.hand_model.model import load_hand_model

FloatArray = NDArray[np.floating[Any]]

NO_HAND: Final = "what the network answers is no hand before the camera"
"""Why a hand is left out."""

NETWORK_JOINTS: Final = InverseKinematicsOptions(joint_sd_m=3e-3)
"""How exactly inverse kinematics follows joints that a network gives."""


class HandEstimates:
    """Makes estimates with the mesh of a hand model; inverse kinematics finds its parameters."""

    def __init__(self, hand_model: str) -> None:
        self.models = {side: load_hand_model(hand_model, side) for side in HandSide}
        self._solvers = {
            side: InverseKinematics(model, NETWORK_JOINTS) for side, model in self.models.items()
        }

    def topologies(self) -> tuple[HandTopology, ...]:
        return tuple(model.topology for model in self.models.values())

    def mesh_of(self, side: HandSide, joints_m: FloatArray) -> FloatArray | None:
        """(V, 3) the hand model's mesh with finite (21, 3) joints, for networks that give no mesh;
        None where no hand has such joints."""
        try:
            found = self._solvers[side].solve(joints_m)
        except InvalidValueError:  # joints on a line
            return None
        poser = HandPoser(self.models[side], found.shape)
        return poser.pose(found.pose_rad, found.translation_m).vertices_m

    def of_hand(
        self,
        hand: TrackedHand,
        joints_m: FloatArray,
        vertices_m: FloatArray,
        joint_visibility: NDArray[np.float32],
    ) -> HandEstimate | None:
        """The estimate of a hand of finite (21, 3) joints and (V, 3) vertices in the camera's axes.

        None where no hand has such joints.
        """
        try:
            found = self._solvers[hand.side].solve(joints_m)
        except InvalidValueError:  # joints on a line
            return None
        wrist_pose = np.eye(4)
        wrist_pose[:3, :3] = axis_angle_to_matrix(found.pose_rad[:3])
        wrist_pose[:3, 3] = joints_m[WRIST]
        return HandEstimate(
            track_id=hand.track_id,
            side=hand.side,
            score=hand.detection.score,
            joints_m=joints_m.astype(np.float32),
            joint_visibility=joint_visibility,
            vertices_m=vertices_m.astype(np.float32),
            topology=self.models[hand.side].topology.name,
            wrist_pose=wrist_pose,
            pose_rad=found.pose_rad.astype(np.float32),
            shape=found.shape.astype(np.float32),
        )
