"""Attention over the cells of a feature map, then over the frames at each cell (section 3.3)."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from hand_object_recon.reconstructors.gsdf.conventions import MAP_SIZE

_LAYERS: Final = 8
_HEADS: Final = 4
_HEAD_CHANNELS: Final = 256
_GROWTH: Final = 4


class VideoTransformer(nn.Module):
    """Eight layers over space, then eight over time; the order of frames does not matter.

    map_size
        Edge of the maps in cells.
    has_time
        Without it frames do not help each other.
    """

    def __init__(self, channels: int, map_size: int = MAP_SIZE, *, has_time: bool = True) -> None:
        super().__init__()
        self.embed = nn.Linear(channels, channels)
        self.places = nn.Parameter(torch.randn(1, 1, map_size**2, channels))
        self.spatial = _Stack(channels)
        self.temporal = _Stack(channels) if has_time else None

    def forward(self, maps: Tensor) -> Tensor:
        """(B, F, C, H, W) maps of F frames, each helped by the others."""
        count, frames, _, height, width = maps.shape
        tokens = self.embed(maps.flatten(3).mT) + self.places
        tokens = self.spatial(tokens.flatten(0, 1)).reshape(tokens.shape)
        by_cell: Tensor = tokens.transpose(1, 2)
        if self.temporal is not None:
            by_cell = self.temporal(by_cell.flatten(0, 1))
        by_cell = by_cell.reshape(count, height * width, frames, -1)
        return by_cell.permute(0, 2, 3, 1).reshape(maps.shape)


class _Stack(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(_Layer(channels) for _ in range(_LAYERS))
        self.norm = nn.LayerNorm(channels)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, N, C)."""
        for layer in self.layers:
            tokens = layer(tokens)
        result: Tensor = self.norm(tokens)
        return result


class _Layer(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        inner = _HEADS * _HEAD_CHANNELS
        self.norm1 = nn.LayerNorm(channels)
        self.queries_keys_values = nn.Linear(channels, 3 * inner, bias=False)
        self.out = nn.Linear(inner, channels)
        self.norm2 = nn.LayerNorm(channels)
        self.forward1 = nn.Linear(channels, _GROWTH * channels)
        self.forward2 = nn.Linear(_GROWTH * channels, channels)

    def forward(self, tokens: Tensor) -> Tensor:
        tokens = tokens + self._attended(self.norm1(tokens))
        grown = functional.gelu(self.forward1(self.norm2(tokens)))
        result: Tensor = tokens + self.forward2(grown)
        return result

    def _attended(self, tokens: Tensor) -> Tensor:
        parts = self.queries_keys_values(tokens).unflatten(2, (3, _HEADS, _HEAD_CHANNELS))
        queries, keys, values = parts.permute(2, 0, 3, 1, 4)
        attended = functional.scaled_dot_product_attention(queries, keys, values)
        result: Tensor = self.out(attended.transpose(1, 2).flatten(2))
        return result
