"""How image features enter those of points."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

_LEAK = 0.1


class FeatureTransform(nn.Module):
    """Features scaled and shifted as a condition says (Wang et al., "Recovering realistic texture
    by deep spatial feature transform", CVPR 2018). Both are (..., C)."""

    def __init__(self, channels: int, condition_channels: int) -> None:
        super().__init__()
        self.channels_out = channels
        self.scale = _Strength(channels, condition_channels)
        self.shift = _Strength(channels, condition_channels)

    def forward(self, features: Tensor, condition: Tensor) -> Tensor:
        result: Tensor = features * (self.scale(condition) + 1.0) + self.shift(condition)
        return result


class Join(nn.Module):
    """Condition and features side by side: the paper's comparison."""

    def __init__(self, channels: int, condition_channels: int) -> None:
        super().__init__()
        self.channels_out = channels + condition_channels

    def forward(self, features: Tensor, condition: Tensor) -> Tensor:
        return torch.cat([features, condition], dim=-1)


class _Strength(nn.Module):
    def __init__(self, channels: int, condition_channels: int) -> None:
        super().__init__()
        self.first = nn.Linear(condition_channels, condition_channels)
        self.second = nn.Linear(condition_channels, channels)

    def forward(self, condition: Tensor) -> Tensor:
        result: Tensor = self.second(functional.leaky_relu(self.first(condition), _LEAK))
        return result
