"""From grasps in the camera's frame to estimates of hands."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.camera import RgbdFrame
from hand_object_recon.core.hands import HandEstimate, HandSide, TrackedHand
from hand_object_recon.geometry.projection import project
from hand_object_recon.geometry.rotations import matrix_to_axis_angle
from hand_object_recon.hand_model.model import HandModel
from hand_object_recon.networks.hand_estimates import HandEstimates
from hand_object_recon.networks.joint_visibility import joints_seen_by_depth
from hand_object_recon.reconstructors.cross_branch.grasp_look import FoundGrasp

FloatArray = NDArray[np.floating[Any]]

_ALIKE_M: Final = 1e-5


class GraspEstimates(HandEstimates):
    """Keeps the parameters that the network answered.

    Where a hand model's left hand is not the mirror image of its right one, those of a left hand
    are found by inverse kinematics.
    """

    def __init__(self, hand_model: str) -> None:
        super().__init__(hand_model)
        left, right = self.models[HandSide.LEFT], self.models[HandSide.RIGHT]
        self._has_parameters = {HandSide.RIGHT: True, HandSide.LEFT: _are_mirrored(right, left)}

    def of_grasp(
        self, frame: RgbdFrame, hand: TrackedHand, grasp: FoundGrasp, wrist_m: FloatArray
    ) -> HandEstimate | None:
        """The hand of a grasp in the camera's axes, its wrist at (3,); None where no hand has such
        joints."""
        joints_m, vertices_m = grasp.joints_m + wrist_m, grasp.vertices_m + wrist_m
        pixels = project(joints_m, frame.camera)
        visibility = joints_seen_by_depth(frame, pixels, joints_m[:, 2])
        if not self._has_parameters[hand.side]:
            return self.of_hand(hand, joints_m, vertices_m, visibility)
        wrist_pose = np.eye(4)
        wrist_pose[:3, :3], wrist_pose[:3, 3] = grasp.orientation, wrist_m
        turn_rad = matrix_to_axis_angle(grasp.orientation)
        return HandEstimate(
            track_id=hand.track_id,
            side=hand.side,
            score=hand.detection.score,
            joints_m=joints_m.astype(np.float32),
            joint_visibility=visibility,
            vertices_m=vertices_m.astype(np.float32),
            topology=self.models[hand.side].topology.name,
            wrist_pose=wrist_pose,
            pose_rad=np.append(turn_rad, grasp.fingers_rad).astype(np.float32),
            shape=grasp.shape.astype(np.float32),
        )


def _are_mirrored(right: HandModel, left: HandModel) -> bool:
    """Whether equal coefficients give hands that are mirror images."""
    image = right.mirrored()
    pairs = ((image.v_template, left.v_template), (image.shapedirs, left.shapedirs))
    return all(np.allclose(one, other, atol=_ALIKE_M) for one, other in pairs)
