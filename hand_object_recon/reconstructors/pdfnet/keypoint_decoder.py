"""From a feature of each hand to its joints alone: the paper's decoder for data without meshes."""

from __future__ import annotations

from typing import Final, NamedTuple

from torch import Tensor, nn
from torch.nn import functional

from hand_object_recon.core.keypoints import KEYPOINT_COUNT
from hand_object_recon.reconstructors.pdfnet.hand_layers import HandLinear

_AXES: Final = 3
_FIRST_SPREAD: Final = 0.001


class KeypointHands(NamedTuple):
    """joints (B, 2, 21, 3) in metres about the root; root (B, 2, 3) as ``roots_in_camera`` takes
    it."""

    joints: Tensor
    root: Tensor


class KeypointDecoder(nn.Module):
    """Three layers of (B, 2, C) features of hands."""

    def __init__(self, channels_in: int, width: int) -> None:
        super().__init__()
        self.first = HandLinear(channels_in, 8 * width)
        self.second = HandLinear(8 * width, 4 * width)
        self.last = HandLinear(4 * width, (KEYPOINT_COUNT + 1) * _AXES)
        nn.init.normal_(self.last.weight, std=_FIRST_SPREAD)

    def forward(self, features: Tensor) -> KeypointHands:
        hidden = functional.relu(self.first(features[:, :, None]))
        values = self.last(functional.relu(self.second(hidden)))[:, :, 0]
        points = values.unflatten(2, (KEYPOINT_COUNT + 1, _AXES))
        return KeypointHands(points[:, :, :-1], points[:, :, -1])
