"""Attention among the nodes of a hand, and between those of the two hands.

Li et al., "Interacting Attention Graph for Single Image Two-Hand Reconstruction" (IntagHand),
CVPR 2022. Features are (B, 2, N, C), left hand first.
"""

from __future__ import annotations

from typing import Final

from torch import Tensor, nn
from torch.nn import functional

from hand_object_recon.reconstructors.pdfnet.hand_layers import HandLinear, HandNorm

HEADS: Final = 4


class HandAttention(nn.Module):
    """Each hand looks at itself, then at the other one."""

    def __init__(self, channels: int, dropout: float) -> None:
        super().__init__()
        self.own_norm = HandNorm(channels)
        self.own_queries = HandLinear(channels, channels)
        self.own_keys = HandLinear(channels, channels)
        self.own_values = HandLinear(channels, channels)
        self.own_out = HandLinear(channels, channels)
        self.own_forward_layers = HandForward(channels, dropout)
        self.norm = HandNorm(channels)
        self.queries, self.keys = _linear(channels), _linear(channels)
        self.values, self.out = _linear(channels), _linear(channels)
        self.forward_layers = HandForward(channels, dropout)
        self.dropout = nn.Dropout(dropout)

    def forward(self, features: Tensor) -> Tensor:
        return self._of_other(self._of_own(features))

    def _of_own(self, features: Tensor) -> Tensor:
        seen = self.own_norm(features)
        found = self._attended(self.own_queries(seen), self.own_keys(seen), self.own_values(seen))
        result: Tensor = self.own_forward_layers(features + self.dropout(self.own_out(found)))
        return result

    def _of_other(self, features: Tensor) -> Tensor:
        seen = self.norm(features)
        other = seen.flip(1)
        found = self._attended(self.queries(seen), self.keys(other), self.values(other))
        result: Tensor = self.forward_layers(features + self.dropout(self.out(found)))
        return result

    def _attended(self, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        batch, hands, count, channels = queries.shape
        found = functional.scaled_dot_product_attention(
            _by_head(queries),
            _by_head(keys),
            _by_head(values),
            dropout_p=self.dropout.p if self.training else 0.0,
        )
        return found.transpose(1, 2).reshape(batch, hands, count, channels)


class HandForward(nn.Module):
    """Two layers at each node, added to their input."""

    def __init__(self, channels: int, dropout: float) -> None:
        super().__init__()
        self.norm = HandNorm(channels)
        self.first = HandLinear(channels, channels)
        self.second = HandLinear(channels, channels)
        self.dropout = nn.Dropout(dropout)

    def forward(self, features: Tensor) -> Tensor:
        hidden = self.dropout(functional.relu(self.first(self.norm(features))))
        result: Tensor = features + self.dropout(self.second(hidden))
        return result


def _by_head(features: Tensor) -> Tensor:
    """(B, 2, N, C) to (2B, heads, N, C / heads)."""
    _, _, count, channels = features.shape
    return features.reshape(-1, count, HEADS, channels // HEADS).transpose(1, 2)


def _linear(channels: int) -> nn.Linear:
    layer = nn.Linear(channels, channels)
    nn.init.xavier_uniform_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer
