"""From a feature of each hand to its mesh, over graphs of more and more nodes.

Graph convolutions and attention between the hands are IntagHand's (Li et al., CVPR 2022), without
its attention to the image. Features of nodes are (B, 2, N, C), left hand first.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from hand_object_recon.reconstructors.pdfnet.hand_attention import HandAttention
from hand_object_recon.reconstructors.pdfnet.hand_layers import HandLinear, HandNorm
from hand_object_recon.reconstructors.pdfnet.hand_template import HandTemplate

FloatArray = NDArray[np.floating[Any]]

WIDTHS: Final = (8, 4, 2, 1)
"""Channels that enter each graph, and leave the last one, in widths."""

_AXES: Final = 3
_BLOCKS: Final = 4
_FIRST_SPREAD: Final = 0.01


class DecodedHands(NamedTuple):
    """vertices (B, 2, V, 3) and nodes (B, 2, n, 3) in metres; scale (B, 2) and shift (B, 2, 2) of
    an orthographic camera; root (B, 2, 3): depth, right and down, as ``roots_in_camera`` takes
    them."""

    vertices: Tensor
    nodes: Tensor
    scale: Tensor
    shift: Tensor
    root: Tensor


class GraphDecoder(nn.Module):
    """(B, 2, C) features of hands to their meshes."""

    def __init__(
        self, channels_in: int, width: int, template: HandTemplate, dropout: float
    ) -> None:
        super().__init__()
        widths = [width * growth for growth in WIDTHS]
        self.enter = HandLinear(channels_in, widths[0] - _AXES)
        self.enter_norm = HandNorm(widths[0] - _AXES)
        self.graphs = nn.ModuleList(
            GraphLevel(laplacian, channels, channels_out, dropout)
            for laplacian, channels, channels_out in zip(
                template.laplacians, widths[:-1], widths[1:], strict=True
            )
        )
        self.places = nn.Linear(widths[-1], _AXES)
        self.lifting = nn.Parameter(torch.from_numpy(template.lifting.astype(np.float32)))
        self.average = nn.Linear(template.finest_count, 1)
        self.orthographic = nn.Linear(widths[-1], _AXES)
        self.root = nn.Linear(widths[-1], _AXES)
        for layer in (self.average, self.orthographic, self.root):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)
        # Hands of centimetres to begin with, not of metres.
        nn.init.normal_(self.places.weight, std=_FIRST_SPREAD * widths[-1] ** -0.5)
        nn.init.zeros_(self.places.bias)
        code = torch.from_numpy(template.vertex_code.astype(np.float32))
        self.register_buffer("vertex_code", code, persistent=False)
        self.vertex_code: Tensor

    def forward(self, features: Tensor) -> DecodedHands:
        nodes = self._first_nodes(features)
        for number, graph in enumerate(self.graphs):
            nodes = graph(nodes if number == 0 else nodes.repeat_interleave(2, dim=2))
        places = self.places(nodes)
        average = self.average(nodes.transpose(2, 3))[..., 0]
        orthographic = self.orthographic(average)
        return DecodedHands(
            vertices=self.lifting @ places,
            nodes=places,
            scale=orthographic[..., 0],
            shift=orthographic[..., 1:],
            root=self.root(average),
        )

    def _first_nodes(self, features: Tensor) -> Tensor:
        entered = self.enter_norm(self.enter(features[:, :, None]))
        count = self.vertex_code.shape[0]
        code = self.vertex_code.expand(*entered.shape[:2], -1, -1)
        return torch.cat([entered.expand(-1, -1, count, -1), code], dim=-1)


class GraphLevel(nn.Module):
    """One graph: convolutions of each hand, then attention."""

    def __init__(
        self, laplacian: FloatArray, channels_in: int, channels_out: int, dropout: float
    ) -> None:
        super().__init__()
        self.node_code = nn.Parameter(torch.randn(len(laplacian), channels_in))
        inputs = [channels_in, *[channels_out] * (_BLOCKS - 1)]
        self.blocks = nn.ModuleList(
            GraphBlock(channels, channels_out, dropout) for channels in inputs
        )
        self.attention = HandAttention(channels_out, dropout)
        self.register_buffer(
            "laplacian", torch.from_numpy(laplacian.astype(np.float32)), persistent=False
        )
        self.laplacian: Tensor

    def forward(self, nodes: Tensor) -> Tensor:
        nodes = nodes + self.node_code
        for number, block in enumerate(self.blocks):
            nodes = block(nodes if number == 0 else functional.relu(nodes), self.laplacian)
        result: Tensor = self.attention(nodes)
        return result


class GraphBlock(nn.Module):
    """Two Chebyshev convolutions of first order added to a linear map of their input."""

    def __init__(self, channels_in: int, channels_out: int, dropout: float) -> None:
        super().__init__()
        self.first = HandLinear(2 * channels_in, channels_out)
        self.first_norm = HandNorm(channels_out)
        self.second = HandLinear(2 * channels_out, channels_out)
        self.shortcut = HandLinear(channels_in, channels_out)
        self.last_norm = HandNorm(channels_out)
        self.dropout = nn.Dropout(dropout)

    def forward(self, nodes: Tensor, laplacian: Tensor) -> Tensor:
        hidden = self.first(_with_neighbours(nodes, laplacian))
        hidden = functional.relu(self.first_norm(hidden))
        hidden = self.dropout(self.second(_with_neighbours(hidden, laplacian)))
        result: Tensor = self.last_norm(hidden + self.shortcut(nodes))
        return result


def _with_neighbours(nodes: Tensor, laplacian: Tensor) -> Tensor:
    """(B, 2, N, 2C) each node's own features, then those of its surroundings."""
    return torch.cat([nodes, laplacian @ nodes], dim=-1)
