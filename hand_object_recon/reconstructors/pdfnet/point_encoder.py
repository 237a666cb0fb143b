"""Points of a hand and what the image shows at them, drawn together to one feature.

PointNet++ (Qi et al., NeurIPS 2017) with image features of three sizes let in on the way.
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn

from hand_object_recon.networks.point_groups import nearest_within
from hand_object_recon.reconstructors.pdfnet.centers import at_cells
from hand_object_recon.reconstructors.pdfnet.feature_transform import FeatureTransform, Join
from hand_object_recon.reconstructors.pdfnet.image_encoder import PIXEL_CHANNELS
from hand_object_recon.reconstructors.pdfnet.prediction import Pyramid

SHARES: Final = (2, 8)
"""Every such point is the middle of a neighbourhood of the first and of the second level."""

RADII_M: Final = (0.015**0.5, 0.2)
"""Of neighbourhoods among transformed points: wide enough for most of a hand."""

LAYER_WIDTHS: Final = ((1, 1, 2), (2, 2, 4), (8, 8, 16))
"""Channels of the layers of each level, in widths."""

_AXES: Final = 3


class PointEncoder(nn.Module):
    """(H, N, 3) points of H hands in metres to (H, 16 * width).

    The first points are the middles of neighbourhoods, so they should be spread over the hand.
    """

    def __init__(
        self,
        width: int,
        neighbours: int,
        quarter_channels: int,
        *,
        sees_image: bool = True,
        transforms: bool = True,
    ) -> None:
        super().__init__()
        kind = FeatureTransform if transforms else Join
        conditions = (PIXEL_CHANNELS, width, quarter_channels)
        channels = _AXES
        self.fusions = nn.ModuleList()
        self.levels = nn.ModuleList()
        for condition, widths in zip(conditions, LAYER_WIDTHS, strict=True):
            if sees_image:
                fusion = kind(channels, condition)
                self.fusions.append(fusion)
                channels = fusion.channels_out
            self.levels.append(_shared_layers(channels, [width * growth for growth in widths]))
            channels = _AXES + width * widths[-1]
        self.channels_out = width * LAYER_WIDTHS[-1][-1]
        self.sees_image = sees_image
        self._neighbours = neighbours

    def forward(self, points: Tensor, conditions: tuple[Tensor, ...]) -> Tensor:
        """``conditions``: image features at the points of each level (see ``at_points``); empty
        for a network that does not see the image."""
        count = points.shape[1]
        fused = self._fused(points, conditions, 0)
        for level, (share, radius) in enumerate(zip(SHARES, RADII_M, strict=True)):
            middles = count // share
            around = nearest_within(fused[..., :_AXES], middles, self._neighbours, radius)
            features = self._drawn_together(fused, around, level)
            joined = torch.cat([fused[:, :middles, :_AXES], features], dim=-1)
            fused = self._fused(joined, conditions, level + 1)
        of_hand: Tensor = self.levels[-1](fused.flatten(0, 1))
        return of_hand.reshape(*fused.shape[:2], -1).amax(dim=1)

    def _fused(self, features: Tensor, conditions: tuple[Tensor, ...], level: int) -> Tensor:
        if not self.sees_image:
            return features
        result: Tensor = self.fusions[level](features, conditions[level])
        return result

    def _drawn_together(self, features: Tensor, around: Tensor, level: int) -> Tensor:
        """(H, M, C) greatest features among (H, M, K) neighbours, seen from their middle."""
        members = gathered(features, around)
        middles = features[:, : around.shape[1], None, :_AXES]
        members = torch.cat([members[..., :_AXES] - middles, members[..., _AXES:]], dim=-1)
        result: Tensor = self.levels[level](members.flatten(0, 2))
        return result.reshape(*around.shape, -1).amax(dim=2)


class DenseFusion(nn.Module):
    """(H, N, 3) points and (H, N, C) image features at them to (H, 16 * width): both through
    layers of their own, joined, averaged over the points (Wang et al., CVPR 2019)."""

    def __init__(self, width: int, condition_channels: int) -> None:
        super().__init__()
        self.of_points = _linear_layers(_AXES, [width, 2 * width])
        self.of_image = _linear_layers(condition_channels, [width, 2 * width])
        self.joined = _linear_layers(4 * width, [8 * width, 16 * width])
        self.channels_out = 16 * width

    def forward(self, points: Tensor, conditions: Tensor) -> Tensor:
        joined = torch.cat([self.of_points(points), self.of_image(conditions)], dim=-1)
        each: Tensor = self.joined(joined)
        return each.mean(dim=1)


def at_points(pyramid: Pyramid, pixels: Tensor, image_size: int) -> tuple[Tensor, ...]:
    """Image features at (B, 2, N) pixels: (2B, N, 3), (2B, N / 2, c) and (2B, N / 8, C)."""
    count = pixels.shape[2]
    assert pyramid.full is not None
    return (
        features_at(pyramid.full, pixels, image_size),
        features_at(pyramid.half, pixels[:, :, : count // SHARES[0]], image_size),
        features_at(pyramid.quarter, pixels[:, :, : count // SHARES[1]], image_size),
    )


def features_at(maps: Tensor, pixels: Tensor, image_size: int) -> Tensor:
    """(2B, N, C) what (B, C, H, W) maps hold at (B, 2, N) pixels of the image."""
    shrunk = image_size // maps.shape[3]
    x, y = pixels % image_size, pixels // image_size
    cells = (y // shrunk) * maps.shape[3] + x // shrunk
    found = at_cells(maps, cells.flatten(1)).reshape(*maps.shape[:2], *pixels.shape[1:])
    return found.permute(0, 2, 3, 1).flatten(0, 1)


def gathered(features: Tensor, numbers: Tensor) -> Tensor:
    """(H, M, K, C) rows of (H, N, C) features with (H, M, K) numbers."""
    channels = features.shape[2]
    flat = features.gather(1, numbers.flatten(1)[..., None].expand(-1, -1, channels))
    return flat.reshape(*numbers.shape, channels)


def _shared_layers(channels: int, widths: list[int]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for width in widths:
        layers += [nn.Linear(channels, width), nn.BatchNorm1d(width), nn.ReLU()]
        channels = width
    return nn.Sequential(*layers)


def _linear_layers(channels: int, widths: list[int]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for width in widths:
        layers += [nn.Linear(channels, width), nn.ReLU()]
        channels = width
    return nn.Sequential(*layers)
