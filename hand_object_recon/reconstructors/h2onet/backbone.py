"""The two-branch encoder: one branch for joints and shape, one for the hand's orientation."""

from __future__ import annotations

from typing import Final, NamedTuple

import torch
from torch import Tensor, nn

from hand_object_recon.core.keypoints import KEYPOINT_COUNT
from hand_object_recon.reconstructors.h2onet.dense_stack import (
    DownPath,
    SeparableUnit,
    UpPath,
    clipped,
    convolution,
)

IMAGE_SIZE: Final = 128
"""Edge in pixels of the crop that the networks see."""

_JOINT_MAP_CHANNELS: Final = 24
_JOINT_MAP_CELLS: Final = (IMAGE_SIZE // 8) ** 2


class ImageFeatures(NamedTuple):
    """What the encoder makes of a batch of crops; w is the network's width.

    shape_map (B, 2w, 4, 4); joint_map, orientation_map (B, 8w, 4, 4): the coarsest features of
    the two branches; joints_uv (B, 21, 2): joints in the crop, 0 to 1.
    """

    shape_map: Tensor
    joint_map: Tensor
    orientation_map: Tensor
    joints_uv: Tensor


class Backbone(nn.Module):
    """H2ONet's encoder (section 3.1); ``width`` is 128 in the paper."""

    def __init__(self, width: int) -> None:
        super().__init__()
        maps = _JOINT_MAP_CHANNELS
        self.stem = nn.Sequential(
            convolution(3, width // 2, 3, stride=2), SeparableUnit(width // 2, width)
        )
        self.space_to_depth = nn.PixelUnshuffle(2)
        self.shrink1 = convolution(4 * width, width)
        self.down1 = DownPath(width, is_deep=False, has_last_gate=False)
        self.up1 = UpPath(width, maps)
        self.upsample = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)
        self.remap1 = convolution(maps, maps)
        self.shrink2 = convolution(maps + width, width)
        self.down2 = DownPath(width, is_deep=True)
        self.up2 = UpPath(width, maps)
        self.down3 = DownPath(width, is_deep=True)
        self.shape_projection = nn.Conv2d(8 * width, 2 * width, 1, bias=False)
        self.joint_maps = nn.Conv2d(maps, KEYPOINT_COUNT, 1, bias=False)
        self.joint_places = nn.Sequential(
            nn.Linear(_JOINT_MAP_CELLS, 128, bias=False),
            clipped(),
            nn.Linear(128, 64, bias=False),
            clipped(),
            nn.Linear(64, 2, bias=False),
        )

    def forward(self, images: Tensor) -> ImageFeatures:
        """Encode (B, 3, 128, 128) crops of red, green and blue from 0 to 1."""
        first = self.shrink1(self.space_to_depth(self.stem(images)))
        coarse = self.remap1(self.upsample(self.up1(*self.down1(first))))
        second = self.shrink2(torch.cat([coarse, first], dim=1))
        levels = self.down2(second)
        joint_maps = self.joint_maps(self.up2(*levels)).flatten(2)
        # The orientation branch does not pull on what it shares with the other.
        _, _, orientation_map = self.down3(second.detach())
        joint_map = levels[2]
        return ImageFeatures(
            self.shape_projection(joint_map),
            joint_map,
            orientation_map,
            self.joint_places(joint_maps),
        )
