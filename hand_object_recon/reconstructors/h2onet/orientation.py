"""The hand's orientation from the coarsest features of both branches."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn

from hand_object_recon.geometry.torch_rotations import rotation_6d_to_matrix
from hand_object_recon.reconstructors.h2onet.backbone import ImageFeatures

_MAP_CELLS: Final = 16


class OrientationEncoder(nn.Module):
    """The maps of both branches to (B, 8w) features of the orientation."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.shrink = nn.Sequential(
            nn.Conv1d(8 * width, 4 * width, 1),
            nn.ReLU(),
            nn.Conv1d(4 * width, 2 * width, 1),
            nn.ReLU(),
        )
        self.join = nn.Sequential(
            nn.Linear(2 * width * _MAP_CELLS, 16 * width),
            nn.ReLU(),
            nn.Linear(16 * width, 8 * width),
            nn.ReLU(),
        )
        self.apply(start_relu_layer)

    def forward(self, features: ImageFeatures) -> Tensor:
        both = features.joint_map.detach() + features.orientation_map
        result: Tensor = self.join(self.shrink(both.flatten(2)).flatten(1))
        return result


class OrientationHead(nn.Sequential):
    """(B, channels) features to (B, 6): two rows of a rotation, not yet orthonormal."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__(
            nn.Linear(channels, 8 * width),
            nn.ReLU(),
            nn.Linear(8 * width, 4 * width),
            nn.ReLU(),
            nn.Linear(4 * width, 2 * width),
            nn.ReLU(),
            nn.Linear(2 * width, 6),
        )
        self.apply(start_relu_layer)


def rows_to_rotation(rows: Tensor) -> Tensor:
    """(B, 6) the first two rows, orthonormalised, to (B, 3, 3) rotations."""
    return rotation_6d_to_matrix(rows).transpose(-1, -2)


def newest_seen(features: Tensor, occlusion_logits: Tensor) -> Tensor:
    """(B, C) features of the newest frame in which not every finger is hidden.

    features (3, B, C) and occlusion_logits (3, B, 2, 6), the current frame first. The current
    frame's where all are hidden in all (section 3.4).
    """
    is_seen = ~(occlusion_logits.argmax(dim=2)[..., :5] == 1).all(dim=2)
    current, previous, before = features
    older = torch.where(is_seen[1, :, None], previous, before)
    any_older = (is_seen[1] | is_seen[2])[:, None]
    return torch.where(is_seen[0, :, None] | ~any_older, current, older)


def start_relu_layer(module: nn.Module) -> None:
    """He's initialisation for layers in front of rectifiers."""
    if isinstance(module, (nn.Conv1d, nn.Conv2d, nn.Linear)):
        nn.init.kaiming_uniform_(module.weight, nonlinearity="relu")
        if module.bias is not None:
            nn.init.zeros_(module.bias)
