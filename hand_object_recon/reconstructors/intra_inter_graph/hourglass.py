"""Heat-maps by hourglasses in a row.

Newell et al., "Stacked Hourglass Networks for Human Pose Estimation", ECCV 2016.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class HeatmapStack(nn.Module):
    """(B, C, K, K) features to (B, H, points, K, K) maps of H hourglasses, the best ones last.

    Each but the first sees the features, what the one before made of them, and its maps.
    """

    def __init__(self, channels: int, points: int, hourglasses: int, depth: int) -> None:
        super().__init__()
        self.hourglasses = nn.ModuleList(Hourglass(channels, depth) for _ in range(hourglasses))
        self.necks = nn.ModuleList(_neck(channels) for _ in range(hourglasses))
        self.heads = nn.ModuleList(nn.Conv2d(channels, points, 1) for _ in range(hourglasses))
        further = range(hourglasses - 1)
        self.of_features = nn.ModuleList(nn.Conv2d(channels, channels, 1) for _ in further)
        self.of_maps = nn.ModuleList(nn.Conv2d(points, channels, 1) for _ in further)

    def forward(self, features: Tensor) -> Tensor:
        seen = self.necks[0](self.hourglasses[0](features))
        found = [self.heads[0](seen)]
        for number in range(1, len(self.heads)):
            features = features + self.of_features[number - 1](seen)
            features = features + self.of_maps[number - 1](found[-1])
            seen = self.necks[number](self.hourglasses[number](features))
            found.append(self.heads[number](seen))
        return torch.stack(found, dim=1)


class Hourglass(nn.Module):
    """Down ``depth`` halvings and back up; each level keeps a way of its own."""

    def __init__(self, channels: int, depth: int) -> None:
        super().__init__()
        self.kept = PreActivationBlock(channels)
        self.down = PreActivationBlock(channels)
        self.inner = Hourglass(channels, depth - 1) if depth > 1 else PreActivationBlock(channels)
        self.up = PreActivationBlock(channels)

    def forward(self, features: Tensor) -> Tensor:
        lower = self.up(self.inner(self.down(functional.max_pool2d(features, 2))))
        doubled = functional.interpolate(lower, scale_factor=2.0, mode="nearest")
        result: Tensor = self.kept(features) + doubled
        return result


class PreActivationBlock(nn.Module):
    """1x1, 3x3 and 1x1 convolutions, half as wide between, each after its norm and ReLU; added to
    their input (He et al., "Identity Mappings in Deep Residual Networks", ECCV 2016)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        inner = channels // 2
        self.layers = nn.Sequential(
            *(nn.BatchNorm2d(channels), nn.ReLU(), nn.Conv2d(channels, inner, 1, bias=False)),
            *(nn.BatchNorm2d(inner), nn.ReLU()),
            nn.Conv2d(inner, inner, 3, padding=1, bias=False),
            *(nn.BatchNorm2d(inner), nn.ReLU(), nn.Conv2d(inner, channels, 1)),
        )

    def forward(self, features: Tensor) -> Tensor:
        result: Tensor = features + self.layers(features)
        return result


def _neck(channels: int) -> nn.Sequential:
    return nn.Sequential(
        PreActivationBlock(channels),
        nn.Conv2d(channels, channels, 1, bias=False),
        nn.BatchNorm2d(channels),
        nn.ReLU(),
    )
