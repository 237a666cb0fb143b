"""Layers with weights of their own for each hand. Features are (B, 2, N, C), left hand first."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from hand_object_recon.reconstructors.pdfnet.conventions import HANDS

NORM_EPSILON = 1e-6


class HandLinear(nn.Module):
    """A linear map of each hand."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(HANDS, channels_out, channels_in))
        self.bias = nn.Parameter(torch.zeros(HANDS, channels_out))
        for weight in self.weight:
            nn.init.xavier_uniform_(weight)

    def forward(self, features: Tensor) -> Tensor:
        batch, hands, count, _ = features.shape
        by_hand = features.transpose(0, 1).flatten(1, 2)
        mapped = torch.baddbmm(self.bias[:, None], by_hand, self.weight.transpose(1, 2))
        return mapped.reshape(hands, batch, count, -1).transpose(0, 1)


class HandNorm(nn.Module):
    """Layer normalisation with a scale and a shift of each hand."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(HANDS, channels))
        self.bias = nn.Parameter(torch.zeros(HANDS, channels))

    def forward(self, features: Tensor) -> Tensor:
        normalised = functional.layer_norm(features, features.shape[-1:], eps=NORM_EPSILON)
        return normalised * self.weight[:, None] + self.bias[:, None]
