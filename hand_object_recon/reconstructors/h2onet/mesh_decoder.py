"""From image features to vertices of the hand without its orientation."""

from __future__ import annotations

from typing import Final, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from hand_object_recon.core.keypoints import KEYPOINT_COUNT
from hand_object_recon.networks.mesh_layers import MeshUpsampling, SpiralConvolution
from hand_object_recon.reconstructors.h2onet.backbone import ImageFeatures
from hand_object_recon.reconstructors.h2onet.mesh_template import MeshTemplate

_FIRST_LIFTING_WEIGHT: Final = 0.01


class MeshFeatures(NamedTuple):
    """joints (B, 21, 2w) features at the 2-D joints; vertices (B, V, w / 4) of the finest level."""

    joints: Tensor
    vertices: Tensor


class MeshDecoder(nn.Module):
    """Pools features at the joints, lifts them to the coarsest mesh and refines level by level."""

    def __init__(self, width: int, template: MeshTemplate) -> None:
        super().__init__()
        channels = [2 * width, 2 * width, width, width // 2, width // 4]
        self.remap = nn.Conv2d(2 * width, 2 * width, 1, bias=False)
        lifting = torch.full((template.coarsest_count, KEYPOINT_COUNT), _FIRST_LIFTING_WEIGHT)
        self.lifting = nn.Parameter(lifting)
        levels = range(len(template.spirals) - 1, -1, -1)
        self.up = nn.ModuleList(
            MeshUpsampling(template.up_columns[level], template.up_weights[level])
            for level in levels
        )
        self.convolve = nn.ModuleList(
            SpiralConvolution(channels[step], channels[step + 1], template.spirals[level])
            for step, level in enumerate(levels)
        )
        self.head = SpiralConvolution(channels[-1], 3, template.spirals[0])

    def forward(self, features: ImageFeatures) -> MeshFeatures:
        """Features of joints and vertices; ``head`` makes metres of the vertices'."""
        places = torch.clamp(2.0 * features.joints_uv - 1.0, -1.0, 1.0)
        sampled = functional.grid_sample(
            self.remap(features.shape_map), places[:, :, None], align_corners=True
        )
        joints = sampled[..., 0].transpose(1, 2)
        vertices = self.lifting @ joints
        for up, convolve in zip(self.up, self.convolve, strict=True):
            vertices = functional.relu(convolve(up(vertices)))
        return MeshFeatures(joints, vertices)
