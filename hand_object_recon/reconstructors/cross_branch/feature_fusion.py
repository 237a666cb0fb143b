"""How the feature of one branch reaches the other one (Figs. 2 and 3, tables I and II).

The provider's feature is read first, then the receiver's; what the LSTM answers at the second step
takes the receiver's place. Its state begins at zero. The paper has 1000 hidden numbers beside
encoders of 64 channels; they go with the width here. Features are the encoders' 512 averaged
channels (ObMan's), not the 1000 classes of ImageNet: 6.06 million weights.

The MLPs' layers are not in the paper, which says that they have about as many weights as the LSTM.
Here the mapping of the provider has two hidden layers of four times its channels (6.30 million).
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn

from hand_object_recon.networks.resnet import PAPER_WIDTH
from hand_object_recon.reconstructors.cross_branch.options import Fusion

_PAPER_HIDDEN: Final = 1000
_GROWTH: Final = 4


class LstmFusion(nn.Module):
    """channels_out: of the fused feature."""

    def __init__(self, channels: int, width: int, layers: int = 1) -> None:
        super().__init__()
        self.channels_out = _PAPER_HIDDEN * width // PAPER_WIDTH
        self.lstm = nn.LSTM(channels, self.channels_out, layers, batch_first=True)

    def forward(self, receiver: Tensor, provider: Tensor) -> Tensor:
        """(B, C) features of both branches to (B, channels_out)."""
        answers: Tensor = self.lstm(torch.stack([provider, receiver], dim=1))[0]
        return answers[:, 1]


class AddFusion(nn.Module):
    """The receiver's feature and a mapping of the provider's, added up."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels_out = channels
        self.mapping = _mapping(channels)

    def forward(self, receiver: Tensor, provider: Tensor) -> Tensor:
        """(B, C) features of both branches to (B, C)."""
        mapped: Tensor = self.mapping(provider)
        return receiver + mapped


class ConcatFusion(nn.Module):
    """The receiver's feature and a mapping of the provider's side by side, joined by a layer."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels_out = channels
        self.mapping = _mapping(channels)
        self.join = nn.Linear(2 * channels, channels)

    def forward(self, receiver: Tensor, provider: Tensor) -> Tensor:
        """(B, C) features of both branches to (B, C)."""
        joined: Tensor = self.join(torch.cat([receiver, self.mapping(provider)], dim=1))
        return joined


FeatureFusion = LstmFusion | AddFusion | ConcatFusion


def feature_fusion(fusion: Fusion, channels: int, width: int) -> FeatureFusion:
    """What brings a provider's feature to a receiver."""
    if fusion is Fusion.MLP_ADD:
        return AddFusion(channels)
    if fusion is Fusion.MLP_CONCAT:
        return ConcatFusion(channels)
    layers = 2 if fusion is Fusion.LSTM_OBJECT_TWO_LAYERS else 1
    return LstmFusion(channels, width, layers)


def _mapping(channels: int) -> nn.Sequential:
    hidden = _GROWTH * channels
    return nn.Sequential(
        nn.Linear(channels, hidden),
        nn.ReLU(),
        nn.Linear(hidden, hidden),
        nn.ReLU(),
        nn.Linear(hidden, channels),
    )
