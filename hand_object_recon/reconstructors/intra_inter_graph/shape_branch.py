"""The image's vector and the hand's shape from features and heat-maps (section 3.2.2)."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn

from hand_object_recon.core.keypoints import KEYPOINT_COUNT
from hand_object_recon.hand_model.conventions import SHAPE_COUNT
from hand_object_recon.networks.resnet import BasicBlock
from hand_object_recon.reconstructors.intra_inter_graph.options import IntraInterGraphOptions

_HIDDEN: Final = (1024, 512)
_GROWTHS: Final = (1, 1, 2, 2)


class ImageVector(nn.Module):
    """(B, C, K, K) features and (B, 21, K, K) heat-maps to vectors.

    Four residual blocks, each of which halves the maps; from 256 channels and 32 cells they lead
    to 512 channels and 2 cells: the paper's 2048 numbers.
    """

    def __init__(self, options: IntraInterGraphOptions) -> None:
        super().__init__()
        counts = [growth * options.channels for growth in _GROWTHS]
        before = [options.channels + KEYPOINT_COUNT, *counts[:-1]]
        self.blocks = nn.Sequential(
            *(BasicBlock(first, second, 2) for first, second in zip(before, counts, strict=True))
        )
        edge = -(-options.cells // 2 ** len(_GROWTHS))
        self.channels_out = counts[-1] * edge * edge

    def forward(self, features: Tensor, heatmaps: Tensor) -> Tensor:
        vector: Tensor = self.blocks(torch.cat([features, heatmaps], dim=1)).flatten(1)
        return vector


class ShapeHead(nn.Module):
    """(B, C) vectors to (B, 10) shapes."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        first, second = _HIDDEN
        self.layers = nn.Sequential(
            *(nn.Linear(channels, first), nn.ReLU(), nn.Linear(first, second), nn.ReLU()),
            nn.Linear(second, SHAPE_COUNT),
        )

    def forward(self, vectors: Tensor) -> Tensor:
        shape: Tensor = self.layers(vectors)
        return shape
