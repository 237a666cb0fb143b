"""Layers on the vertices of a mesh: spiral convolution, and the way up to a finer level."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

FloatArray = NDArray[np.floating[Any]]
Indices = NDArray[np.integer[Any]]


class SpiralConvolution(nn.Module):
    """One linear map of each vertex's spiral of neighbours (Gong et al., SpiralNet++, 2019).

    spirals: (N, L) vertex numbers. Features are (B, N, C).
    """

    def __init__(self, channels_in: int, channels_out: int, spirals: Indices) -> None:
        super().__init__()
        self.linear = nn.Linear(channels_in * spirals.shape[1], channels_out)
        self.register_buffer("spirals", _numbers(spirals), persistent=False)
        self.spirals: Tensor
        nn.init.xavier_uniform_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def forward(self, features: Tensor) -> Tensor:
        around = features.index_select(1, self.spirals.flatten())
        result: Tensor = self.linear(around.reshape(features.shape[0], self.spirals.shape[0], -1))
        return result


class MeshUpsampling(nn.Module):
    """Each vertex of a finer level as the weighted sum of three of the coarser one.

    columns (N, 3) vertex numbers, weights (N, 3). Features are (B, M, C) to (B, N, C).
    """

    def __init__(self, columns: Indices, weights: FloatArray) -> None:
        super().__init__()
        self.register_buffer("columns", _numbers(columns), persistent=False)
        self.register_buffer(
            "weights", torch.from_numpy(weights.astype(np.float32)), persistent=False
        )
        self.columns: Tensor
        self.weights: Tensor

    def forward(self, features: Tensor) -> Tensor:
        corners = features.index_select(1, self.columns.flatten())
        corners = corners.reshape(features.shape[0], *self.columns.shape, -1)
        result: Tensor = (corners * self.weights[None, :, :, None]).sum(dim=2)
        return result


def _numbers(indices: Indices) -> Tensor:
    return torch.from_numpy(indices.astype(np.int64))
