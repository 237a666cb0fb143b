"""From a feature of each hand to pose and shape of the hand model: the paper's MANO decoder."""

from __future__ import annotations

from typing import Final, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from hand_object_recon.hand_model.conventions import JOINT_COUNT, SHAPE_COUNT
from hand_object_recon.hand_model.layer import HandLayer
from hand_object_recon.reconstructors.pdfnet.conventions import HANDS, ROOT_KEYPOINT
from hand_object_recon.reconstructors.pdfnet.hand_layers import HandLinear

_ROTATION: Final = 6
_UNTURNED: Final = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
_POSE: Final = JOINT_COUNT * _ROTATION
_ROOT: Final = 3


class ParametricHands(NamedTuple):
    """vertices (B, 2, V, 3) and joints (B, 2, 21, 3) in metres about the root; pose_6d
    (B, 2, 16, 6), shape (B, 2, 10); root (B, 2, 3) as ``roots_in_camera`` takes it."""

    vertices: Tensor
    joints: Tensor
    pose_6d: Tensor
    shape: Tensor
    root: Tensor


class ParameterDecoder(nn.Module):
    """(B, 2, C) features of hands to posed hand models."""

    def __init__(self, channels_in: int, width: int, hand_model: str) -> None:
        super().__init__()
        self.first = HandLinear(channels_in, 8 * width)
        self.second = HandLinear(8 * width, 4 * width)
        self.last = HandLinear(4 * width, _POSE + SHAPE_COUNT + _ROOT)
        nn.init.normal_(self.last.weight, std=0.001)
        with torch.no_grad():
            self.last.bias[:, :_POSE] = torch.tensor(_UNTURNED).repeat(JOINT_COUNT)
        self.hand = HandLayer.both_sides(hand_model)

    def forward(self, features: Tensor) -> ParametricHands:
        hidden = functional.relu(self.first(features[:, :, None]))
        values = self.last(functional.relu(self.second(hidden)))[:, :, 0]
        pose, shape, root = values.split([_POSE, SHAPE_COUNT, _ROOT], dim=-1)
        pose = pose.unflatten(2, (JOINT_COUNT, _ROTATION))
        is_left = torch.arange(HANDS, device=pose.device).expand(len(pose), -1) == 0
        posed = self.hand(pose.flatten(0, 1), shape.flatten(0, 1), is_left=is_left.flatten())
        joints = posed.joints_m.unflatten(0, (-1, HANDS))
        origin = joints[:, :, ROOT_KEYPOINT : ROOT_KEYPOINT + 1]
        vertices = posed.vertices_m.unflatten(0, (-1, HANDS))
        return ParametricHands(vertices - origin, joints - origin, pose, shape, root)
