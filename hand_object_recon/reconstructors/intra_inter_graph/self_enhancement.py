"""Attention of each place of the features to all others.

The self-enhancing transformer of Park et al., "HandOccNet", CVPR 2022, section 3.3.
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

_GROWTH: Final = 4
_DEVIATION: Final = 0.02


class SelfEnhancement(nn.Module):
    """(B, C, K, K) features to the same of as many blocks."""

    def __init__(self, channels: int, cells: int, blocks: int, heads: int) -> None:
        super().__init__()
        self.blocks = nn.Sequential(
            *(SelfEnhancingBlock(channels, cells * cells, heads) for _ in range(blocks))
        )

    def forward(self, features: Tensor) -> Tensor:
        tokens = features.flatten(2).transpose(1, 2)
        enhanced: Tensor = self.blocks(tokens).transpose(1, 2)
        return enhanced.reshape(features.shape)


class SelfEnhancingBlock(nn.Module):
    """(B, N, C) tokens, looked up by place: queries and keys know which token they are of.

    Attention is added to its input, then layers on the norm of that.
    """

    def __init__(self, channels: int, tokens: int, heads: int) -> None:
        super().__init__()
        self._heads = heads
        self.query_places = nn.Parameter(_DEVIATION * torch.randn(tokens, channels))
        self.key_places = nn.Parameter(_DEVIATION * torch.randn(tokens, channels))
        self.queries = nn.Linear(channels, channels)
        self.keys = nn.Linear(channels, channels)
        self.values = nn.Linear(channels, channels)
        self.norm = nn.LayerNorm(channels)
        self.layers = nn.Sequential(
            nn.Linear(channels, _GROWTH * channels),
            nn.GELU(),
            nn.Linear(_GROWTH * channels, channels),
        )

    def forward(self, tokens: Tensor) -> Tensor:
        found = functional.scaled_dot_product_attention(
            self._by_head(self.queries(tokens + self.query_places)),
            self._by_head(self.keys(tokens + self.key_places)),
            self._by_head(self.values(tokens)),
        )
        tokens = tokens + found.transpose(1, 2).reshape(tokens.shape)
        result: Tensor = tokens + self.layers(self.norm(tokens))
        return result

    def _by_head(self, tokens: Tensor) -> Tensor:
        """(B, heads, N, C / heads)."""
        batch, count, channels = tokens.shape
        split = tokens.reshape(batch, count, self._heads, channels // self._heads)
        return split.transpose(1, 2)
