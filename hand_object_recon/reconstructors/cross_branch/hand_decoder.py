"""From a feature to a posed hand: ObMan's head and the hand layer."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn

from hand_object_recon.core.hands import HandSide
from hand_object_recon.core.keypoints import WRIST
from hand_object_recon.geometry.single_precision import in_single_precision
from hand_object_recon.geometry.torch_rotations import axis_angle_to_matrix, matrix_to_rotation_6d
from hand_object_recon.hand_model.conventions import JOINT_COUNT, SHAPE_COUNT
from hand_object_recon.hand_model.layer import HandLayer
from hand_object_recon.reconstructors.cross_branch.options import Rotation
from hand_object_recon.reconstructors.cross_branch.prediction import HandPrediction

_UNTURNED: Final = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)


class HandDecoder(nn.Module):
    """(B, C) features to right hands about their wrists; layers 512-1024-256 in the paper.

    The pose space (mean and principal components, axis-angle) is kept with the weights.
    """

    pose_mean: Tensor
    pose_components: Tensor

    def __init__(
        self, channels: int, width: int, hand_model: str, components: int, rotation: Rotation
    ) -> None:
        super().__init__()
        self._rotation = rotation
        self._turn_numbers = 3 if rotation is Rotation.AXIS_ANGLE else 6
        self.base = nn.Sequential(
            nn.Linear(channels, 16 * width), nn.ReLU(), nn.Linear(16 * width, 4 * width), nn.ReLU()
        )
        self.pose = nn.Linear(4 * width, self._turn_numbers + components)
        self.shape = nn.Linear(4 * width, SHAPE_COUNT)
        self.layer = HandLayer.load(hand_model, HandSide.RIGHT)
        self.register_buffer("pose_mean", self.layer.hands_mean.clone())
        self.register_buffer("pose_components", self.layer.hands_components[:components].clone())
        if rotation is Rotation.TWO_COLUMNS:
            with torch.no_grad():
                self.pose.bias[: len(_UNTURNED)] = torch.tensor(_UNTURNED)

    def forward(self, features: Tensor) -> HandPrediction:
        hidden = self.base(features)
        pose, shape = self.pose(hidden), self.shape(hidden)
        turn, components = pose.tensor_split([self._turn_numbers], dim=1)
        posed = self.layer(self._whole_pose(turn, components), shape)
        wrist = posed.joints_m[:, WRIST : WRIST + 1]
        return HandPrediction(
            joints_m=posed.joints_m - wrist,
            vertices_m=posed.vertices_m - wrist,
            orientation=posed.joint_rotations[:, 0],
            components=components,
            shape=shape,
        )

    def fingers_rad(self, components: Tensor) -> Tensor:
        """(B, 45) axis-angle of the fingers' joints, from (B, 30) components of the pose."""
        return self.pose_mean + components @ self.pose_components

    @in_single_precision
    def _whole_pose(self, turn: Tensor, components: Tensor) -> Tensor:
        """What the hand layer takes: axis-angle (B, 48) or 6-D (B, 16, 6)."""
        fingers = self.fingers_rad(components)
        if self._rotation is Rotation.AXIS_ANGLE:
            return torch.cat([turn, fingers], dim=1)
        matrices = axis_angle_to_matrix(fingers.reshape(-1, JOINT_COUNT - 1, 3))
        return torch.cat([turn[:, None], matrix_to_rotation_6d(matrices)], dim=1)
