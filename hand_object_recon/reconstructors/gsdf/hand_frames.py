"""From 21 joints to the axes of the hand's 16 moving parts (section 3.2 and appendix B)."""

from __future__ import annotations

from typing import Final

import numpy as np
import torch
from torch import Tensor, nn

from hand_object_recon.core.keypoints import WRIST
from hand_object_recon.hand_model.conventions import KEYPOINTS_FROM_JOINTS_AND_TIPS
from hand_object_recon.hand_model.inverse_kinematics.torch_swing import swing_pose
from hand_object_recon.hand_model.model import HandModel
from hand_object_recon.reconstructors.gsdf.conventions import Conventions, Source

_BY_LEVEL: Final = (0, *(13, 1, 4, 10, 7), *(14, 2, 5, 11, 8), *(15, 3, 6, 12, 9))
"""Wrist, then the fingers' first, second and third joints, thumb first, in the model's order."""


class HandFrames(nn.Module):
    """Inverse kinematics towards the bones of one rest hand, (21, 3) keypoints in metres."""

    rest_m: Tensor

    def __init__(self, rest_m: Tensor, conventions: Conventions) -> None:
        super().__init__()
        self.register_buffer("rest_m", rest_m[None].float(), persistent=False)
        self._knuckles = conventions.knuckles
        self._as_released = conventions.kinematics is Source.CODE

    @torch.no_grad()
    def forward(self, joints_m: Tensor) -> Tensor:
        """(B, 16, 4, 4) transforms from each part's own axes to axes about the wrist.

        The wrist first, then the fingers' first, second and third joints, thumb first. No
        gradient reaches the (B, 21, 3) joints.
        """
        pose = swing_pose(
            self.rest_m, joints_m, knuckles=self._knuckles, as_released=self._as_released
        )
        order = list(_BY_LEVEL)
        transforms = torch.eye(4).to(joints_m).repeat(len(joints_m), len(order), 1, 1)
        transforms[..., :3, :3] = pose.rotations[:, order]
        transforms[..., :3, 3] = pose.positions_m[:, order] - joints_m[:, WRIST : WRIST + 1]
        return transforms


def rest_keypoints(model: HandModel) -> Tensor:
    """(21, 3) keypoints of a model's hand at rest with the mean shape."""
    tips = model.v_template[model.tip_vertices]
    places = np.concatenate([model.rest_joints_m, tips])
    return torch.from_numpy(places[np.array(KEYPOINTS_FROM_JOINTS_AND_TIPS)])
