"""Convolutions on graphs; features are (B, N, C).

Semantic ones: Zhao et al., "Semantic Graph Convolutional Networks for 3D Human Pose Regression",
CVPR 2019, section 3.2 (Eq. 2 of the paper). Ordinary ones: Kipf and Welling, ICLR 2017.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, identity
from torch import Tensor, nn
from torch.nn import functional

GraphLayer = Callable[[int, int], nn.Module]
"""Makes a convolution of so many channels in and out."""

_DENSE_NODES: Final = 64


class SemanticGraphConvolution(nn.Module):
    """A node and its neighbours, each by its own weights, in shares that are learned.

    adjacency (N, N): which nodes are joined. Every edge, and every node's with itself, has a logit;
    a node's shares are the softmax of its own. What a node knows of itself and what it hears of
    neighbours are transformed by two matrices, as in the authors' code; Eq. 2 of the paper writes
    one.
    """

    def __init__(self, channels_in: int, channels_out: int, adjacency: csr_matrix) -> None:
        super().__init__()
        nodes = adjacency.shape[0]
        rows, columns = (adjacency + identity(nodes)).nonzero()
        self.logits = nn.Parameter(torch.ones(len(rows)))
        self.own = nn.Linear(channels_in, channels_out, bias=False)
        self.neighbours = nn.Linear(channels_in, channels_out, bias=False)
        self.bias = nn.Parameter(torch.zeros(channels_out))
        self.register_buffer("edges", _numbers(rows * nodes + columns), persistent=False)
        self.edges: Tensor
        self.register_buffer("same", torch.eye(nodes), persistent=False)
        self.same: Tensor
        self._nodes = nodes

    def shares(self) -> Tensor:
        """(N, N) how much of each column's node reaches each row's; rows sum to 1."""
        logits = self.logits.new_full((self._nodes**2,), -torch.inf)
        logits = logits.scatter(0, self.edges, self.logits)
        return logits.reshape(self._nodes, self._nodes).softmax(dim=1)

    def forward(self, features: Tensor) -> Tensor:
        shares = self.shares()
        # By a mask, as OpenVINO knows no diagonals.
        of_self = shares * self.same
        result: Tensor = (
            of_self.sum(dim=1)[:, None] * self.own(features)
            + (shares - of_self) @ self.neighbours(features)
            + self.bias
        )
        return result


class GraphConvolution(nn.Module):
    """Neighbours and the node itself, weighted by their degrees: D^-1/2 (A + I) D^-1/2 X W.

    adjacency (N, N): which nodes are joined.
    """

    def __init__(self, channels_in: int, channels_out: int, adjacency: csr_matrix) -> None:
        super().__init__()
        self.linear = nn.Linear(channels_in, channels_out, bias=False)
        self.bias = nn.Parameter(torch.zeros(channels_out))
        self.mixing = NeighbourSum(normalised_adjacency(adjacency))

    def forward(self, features: Tensor) -> Tensor:
        result: Tensor = self.mixing(self.linear(features)) + self.bias
        return result


class NeighbourSum(nn.Module):
    """Features times a matrix of few entries in each row.

    Small matrices are multiplied as they are; of large ones the entries' columns are collected.
    """

    def __init__(self, matrix: csr_matrix) -> None:
        super().__init__()
        self._is_dense = matrix.shape[0] <= _DENSE_NODES
        weights = matrix.toarray()
        if not self._is_dense:
            weights, columns = _padded_rows(matrix)
            self.register_buffer("columns", _numbers(columns), persistent=False)
        self.register_buffer("weights", torch.tensor(weights).float(), persistent=False)
        self.weights: Tensor
        self.columns: Tensor

    def forward(self, features: Tensor) -> Tensor:
        if self._is_dense:
            return self.weights @ features
        chosen = features.index_select(1, self.columns.flatten())
        chosen = chosen.reshape(features.shape[0], *self.columns.shape, features.shape[2])
        mixed: Tensor = (self.weights[:, None] @ chosen).squeeze(2)
        return mixed


class NodeNorm(nn.Module):
    """Batch norm of each channel over all nodes of all graphs, then ReLU."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(channels)

    def forward(self, features: Tensor) -> Tensor:
        return functional.relu(self.norm(features.flatten(0, 1)).reshape(features.shape))


class ResidualGraphBlock(nn.Module):
    """Two graph convolutions, each with norm and ReLU, added to their input."""

    def __init__(self, channels: int, layer: GraphLayer) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            *(layer(channels, channels), NodeNorm(channels)),
            *(layer(channels, channels), NodeNorm(channels)),
        )

    def forward(self, features: Tensor) -> Tensor:
        result: Tensor = features + self.layers(features)
        return result


def normalised_adjacency(adjacency: csr_matrix) -> csr_matrix:
    """(N, N) adjacency with loops, divided by the roots of both nodes' degrees."""
    looped = (adjacency + identity(adjacency.shape[0])).tocoo()
    degrees = np.asarray(looped.sum(axis=1)).ravel()
    weights = looped.data / np.sqrt(degrees[looped.row] * degrees[looped.col])
    return csr_matrix((weights, (looped.row, looped.col)), looped.shape)


def _padded_rows(matrix: csr_matrix) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """(N, L) weights and columns of each row's entries; shorter rows end with zeros."""
    counts = np.diff(matrix.indptr)
    is_entry = np.arange(counts.max()) < counts[:, None]
    weights = np.zeros(is_entry.shape)
    columns = np.zeros(is_entry.shape, dtype=np.int64)
    weights[is_entry], columns[is_entry] = matrix.data, matrix.indices
    return weights, columns


def _numbers(indices: NDArray[Any]) -> Tensor:
    return torch.from_numpy(np.asarray(indices, dtype=np.int64))
