"""True joints with errors like those of a network that finds them."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor

from hand_object_recon.core.keypoints import WRIST
from hand_object_recon.geometry.torch_rotations import axis_angle_to_matrix

_TURNED: Final = 0.8
"""Of an error's square, the share that turns the hand about its wrist; the rest is each joint's
own. Networks mistake the direction a hand points in much more than its bones."""


def with_errors(joints_m: Tensor, error_m: float) -> Tensor:
    """(B, 21, 3) joints, turned about the wrist and then moved each by itself.

    Turns and moves are normally distributed; the root of a joint's mean squared error is about
    ``error_m`` where it is as far from the wrist as joints are on the average. The wrist stays.
    """
    wrist_m = joints_m[:, WRIST : WRIST + 1]
    about_m = joints_m - wrist_m
    turned_m = about_m @ axis_angle_to_matrix(_turns(about_m, error_m)).mT
    own = torch.randn_like(joints_m) * (error_m * ((1.0 - _TURNED) / 3.0) ** 0.5)
    own[:, WRIST] = 0.0
    moved: Tensor = wrist_m + turned_m + own
    return moved


def _turns(about_m: Tensor, error_m: float) -> Tensor:
    """(B, 3) axis-angle; two of three axes move a joint."""
    reach_m = about_m.square().sum(dim=2).mean(dim=1, keepdim=True).sqrt()
    deviation = error_m * (_TURNED / 2.0) ** 0.5 / reach_m
    turns: Tensor = torch.randn_like(about_m[:, 0]) * deviation
    return turns
