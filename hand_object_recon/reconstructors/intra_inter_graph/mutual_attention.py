"""Vertices and joints that look at each other (section 3.3.2)."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional


class MutualAttention(nn.Module):
    """(B, 21, C) features of joints and (B, V, C) of vertices to the same, each fused with what it
    attends to in the other graph (Eqs. 3 to 7)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.joints = GraphAttention(channels)
        self.vertices = GraphAttention(channels)

    def forward(self, joints: Tensor, vertices: Tensor) -> tuple[Tensor, Tensor]:
        return self.joints(joints, vertices), self.vertices(vertices, joints)


class GraphAttention(nn.Module):
    """One graph's way to look at another one.

    All its layers are its own: the other graph's keys and values are made here.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.queries = nn.Linear(channels, channels)
        self.keys = nn.Linear(channels, channels)
        self.values = nn.Linear(channels, channels)
        self.of_own = nn.Linear(channels, channels)
        self.of_found = nn.Linear(channels, channels, bias=False)
        self.fused = nn.Linear(channels, channels)

    def forward(self, features: Tensor, others: Tensor) -> Tensor:
        found = functional.scaled_dot_product_attention(
            self.queries(features), self.keys(others), self.values(others)
        )
        # One layer on both features side by side is the sum of one on each.
        hidden = functional.relu(self.of_own(features) + self.of_found(found))
        result: Tensor = self.fused(hidden)
        return result
