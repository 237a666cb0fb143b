"""Where hands are in the camera's frame, from joints whose distance is not known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.camera import RgbdFrame
from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.core.hands import HandEstimate, HandSide, HandSurface
from hand_object_recon.core.keypoints import WRIST
from hand_object_recon.geometry.depth_placement import distance_at, offset_onto_depth
from hand_object_recon.geometry.depth_turn import motion_onto_depth
from hand_object_recon.geometry.projection import project
from hand_object_recon.hand_model.hand_poser import HandPoser, PosedHand
from hand_object_recon.hand_model.inverse_kinematics.solver import (
    HandPoseSolution,
    InverseKinematics,
)
from hand_object_recon.hand_model.model import load_hand_model
from hand_object_recon.networks.grasp_views import HandView
from hand_object_recon.networks.hand_estimates import NETWORK_JOINTS
from hand_object_recon.networks.joint_visibility import joints_seen_by_depth
from hand_object_recon.reconstructors.gsdf.hand_frames import rest_keypoints
from hand_object_recon.reconstructors.gsdf.relative_joints import RelativeJoints, wrist_z_by_size

FloatArray = NDArray[np.floating[Any]]

_ROUNDS: Final = 2  # a hand that is put farther away is larger, too


@dataclass(frozen=True, eq=False)
class PlacedHand:
    """A hand in the camera's frame.

    wrist_m
        (3,) the wrist in the axes of the crop's camera, as the network is told it.
    joints_m
        (21, 3) in the camera's axes, as the network sees them.
    """

    view: HandView
    wrist_m: FloatArray
    joints_m: FloatArray
    solution: HandPoseSolution
    posed: PosedHand

    @property
    def joints_in_crop_m(self) -> FloatArray:
        """(21, 3) in the axes of the crop's camera."""
        return np.asarray(self.joints_m @ self.view.crop.axes.T)

    @property
    def wrist_pose(self) -> NDArray[np.float64]:
        """(4, 4) transform from the hand model's rest frame at the wrist to the camera."""
        pose = self.posed.wrist_pose
        pose[:3, 3] = self.joints_m[WRIST]
        return pose


class HandPlacement:
    """Puts hands on the depth; where there is none, where they have the size of the model's hand.

    The hand model is fitted to the joints (inverse kinematics), and its surface is laid on the
    depth and turned onto it (``turns``).
    """

    def __init__(self, hand_model: str, *, turns: bool = True) -> None:
        self._turns = turns
        self.models = {side: load_hand_model(hand_model, side) for side in HandSide}
        self._rest_m = rest_keypoints(self.models[HandSide.RIGHT]).numpy().astype(np.float64)
        self._solvers = {
            side: InverseKinematics(model, NETWORK_JOINTS) for side, model in self.models.items()
        }

    def place(self, frame: RgbdFrame, view: HandView, joints: RelativeJoints) -> PlacedHand | None:
        """The hand of joints in the axes of a view's crop; None where no hand has such joints."""
        if not np.isfinite(joints.slopes).all() or not np.isfinite(joints.beyond_wrist_m).all():
            return None
        wrist_z_m = self._first_wrist_z(frame, view, joints)
        for _ in range(_ROUNDS):
            hand = self._fitted(view, joints, wrist_z_m)
            if hand is None:
                return None
            faces = self.models[view.hand.side].topology.faces
            vertices_m = hand.posed.vertices_m
            offset = offset_onto_depth(frame, hand.joints_m, vertices_m, faces, np.zeros(3))
            if not offset.any():
                return hand
            wrist_z_m += float(view.crop.axes[2] @ offset)
        hand = self._fitted(view, joints, wrist_z_m)
        return hand if hand is None or not self._turns else self._turned(frame, hand)

    def _first_wrist_z(self, frame: RgbdFrame, view: HandView, joints: RelativeJoints) -> float:
        """By the depth where the joints are seen; where there is too little, by the size."""
        by_size_m = wrist_z_by_size(joints, self._rest_m)
        in_crop_m = joints.at(by_size_m)
        in_camera_m = in_crop_m @ view.crop.axes
        if not (in_camera_m[:, 2] > 0.0).all():
            return by_size_m
        measured_m = distance_at(frame, project(in_camera_m, frame.camera))
        if measured_m is None:
            return by_size_m
        nearer_m = float(np.median(in_camera_m[:, 2])) - measured_m
        return max(by_size_m - nearer_m, joints.nearest_wrist_z_m)

    def _turned(self, frame: RgbdFrame, hand: PlacedHand) -> PlacedHand:
        """A hand in its place, turned onto the depth where there is enough."""
        side, crop = hand.view.hand.side, hand.view.crop
        faces = self.models[side].topology.faces
        motion = motion_onto_depth(frame, hand.posed.vertices_m, faces)
        if motion is None:
            return hand
        wrist_m = crop.axes @ motion.of(hand.wrist_m[None] @ crop.axes)[0]
        return self._posed(hand.view, motion.of(hand.joints_m), wrist_m) or hand

    def _fitted(
        self, view: HandView, joints: RelativeJoints, wrist_z_m: float
    ) -> PlacedHand | None:
        joints_m = joints.at(wrist_z_m) @ view.crop.axes
        if not (joints_m[:, 2] > 0.0).all():
            return None
        return self._posed(view, joints_m, joints.wrist_at(wrist_z_m))

    def _posed(
        self, view: HandView, joints_m: FloatArray, wrist_m: FloatArray
    ) -> PlacedHand | None:
        side = view.hand.side
        try:
            solution = self._solvers[side].solve(joints_m)
        except InvalidValueError:  # joints on a line
            return None
        poser = HandPoser(self.models[side], solution.shape)
        posed = poser.pose(solution.pose_rad, solution.translation_m)
        return PlacedHand(view, wrist_m, joints_m, solution, posed)


def hand_estimate(
    frame: RgbdFrame, hand: PlacedHand, topology: str, surface: HandSurface | None
) -> HandEstimate:
    """A placed hand with the mesh of the hand model, and the surface its field has, if known."""
    tracked, pixels = hand.view.hand, project(hand.joints_m, frame.camera)
    return HandEstimate(
        track_id=tracked.track_id,
        side=tracked.side,
        score=tracked.detection.score,
        joints_m=hand.joints_m.astype(np.float32),
        joint_visibility=joints_seen_by_depth(frame, pixels, hand.joints_m[:, 2]),
        vertices_m=hand.posed.vertices_m,
        topology=topology,
        wrist_pose=hand.wrist_pose,
        pose_rad=hand.solution.pose_rad.astype(np.float32),
        shape=hand.solution.shape.astype(np.float32),
        surface=surface,
    )
