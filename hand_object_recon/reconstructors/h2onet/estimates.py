"""From what the network answers to estimates of hands, about their wrists in camera axes."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.camera import RgbdFrame
from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.core.hands import HandEstimate, HandSide
from hand_object_recon.core.keypoints import WRIST
from hand_object_recon.geometry.rotations import axis_angle_to_matrix
from hand_object_recon.hand_model.inverse_kinematics.options import InverseKinematicsOptions
from hand_object_recon.hand_model.inverse_kinematics.solver import InverseKinematics
from hand_object_recon.hand_model.model import load_hand_model
from hand_object_recon.networks.joint_visibility import joints_seen_by_depth
from hand_object_recon.reconstructors.h2onet.hand_views import HandView
from hand_object_recon.reconstructors.h2onet.network import HandMesh
from hand_object_recon.reconstructors.h2onet.occlusion import VISIBLE

FloatArray = NDArray[np.floating[Any]]

_JOINTS_OF_FINGER: Final = 4
_NETWORK_JOINTS: Final = InverseKinematicsOptions(joint_sd_m=3e-3)


class HandEstimates:
    """Makes estimates with a hand model's parameters, found by inverse kinematics."""

    def __init__(self, hand_model: str) -> None:
        self.models = {side: load_hand_model(hand_model, side) for side in HandSide}
        self._solvers = {
            side: InverseKinematics(model, _NETWORK_JOINTS) for side, model in self.models.items()
        }

    def of_view(self, frame: RgbdFrame, view: HandView, answer: HandMesh) -> HandEstimate | None:
        """The hand of a view, its wrist at the origin, in the camera's axes.

        answer: what the network gave for this view alone. None where no hand has such joints.
        """
        wrist_m = answer.joints[WRIST].double().numpy()
        joints = view.points_to_camera(answer.joints.double().numpy(), wrist_m)
        vertices = view.points_to_camera(answer.vertices.double().numpy(), wrist_m)
        side = view.hand.side
        try:
            found = self._solvers[side].solve(joints)
        except InvalidValueError:  # joints on a line, or not finite
            return None
        wrist_pose = np.eye(4)
        wrist_pose[:3, :3] = axis_angle_to_matrix(found.pose_rad[:3])
        return HandEstimate(
            track_id=view.hand.track_id,
            side=side,
            score=view.hand.detection.score,
            joints_m=joints.astype(np.float32),
            joint_visibility=_visibility(frame, view, answer, joints[:, 2]),
            vertices_m=vertices.astype(np.float32),
            topology=self.models[side].topology.name,
            wrist_pose=wrist_pose,
            pose_rad=found.pose_rad.astype(np.float32),
            shape=found.shape.astype(np.float32),
        )


def keypoints_of(view: HandView, answer: HandMesh) -> NDArray[np.float32]:
    """(21, 2) pixels where the network saw the joints."""
    pixels = view.crop.points_to_image(answer.joints_uv.double().numpy())
    return np.asarray(pixels, dtype=np.float32)


def _visibility(
    frame: RgbdFrame, view: HandView, answer: HandMesh, joints_z_m: FloatArray
) -> NDArray[np.float32]:
    """(21,) 0 to 1: what the network thinks of fingers and hand; where it has no opinion,
    whether depth was measured about where the joint is."""
    if answer.occlusion_logits is None:
        return joints_seen_by_depth(frame, keypoints_of(view, answer), joints_z_m)
    *fingers, hand = answer.occlusion_logits.softmax(dim=0)[VISIBLE].tolist()
    return np.array([hand, *np.repeat(fingers, _JOINTS_OF_FINGER)], dtype=np.float32)
