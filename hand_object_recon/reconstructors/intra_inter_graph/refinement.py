"""The hand model's vertices and joints, refined as two graphs (section 3.3)."""

from __future__ import annotations

import functools
from typing import Final, NamedTuple

import torch
from scipy.sparse import csr_matrix
from torch import Tensor, nn

from hand_object_recon.core.hands import HandSide
from hand_object_recon.hand_model.model import load_hand_model
from hand_object_recon.hand_model.topology.adjacency import mesh_adjacency
from hand_object_recon.hand_model.topology.of_model import mesh_hierarchy
from hand_object_recon.hand_model.topology.skeleton_graph import keypoint_adjacency
from hand_object_recon.networks.mesh_layers import MeshUpsampling
from hand_object_recon.reconstructors.intra_inter_graph.graph_layers import (
    GraphConvolution,
    NodeNorm,
    ResidualGraphBlock,
    SemanticGraphConvolution,
)
from hand_object_recon.reconstructors.intra_inter_graph.mutual_attention import MutualAttention
from hand_object_recon.reconstructors.intra_inter_graph.options import (
    IntraInterGraphOptions,
    Refined,
    Refinement,
)
from hand_object_recon.reconstructors.intra_inter_graph.prediction import Hands

UNIT_M: Final = 0.1
"""Of coordinates inside the network."""

_FIRST_OFFSETS: Final = 0.01
"""The last layer's weights against usual ones: at first the hand stays where the model puts it."""


class NodeExtras(NamedTuple):
    """What nodes know beside the whole image and where they are: joints (B, 21, E) and vertices
    (B, V', E) of the mesh that is refined."""

    joints: Tensor
    vertices: Tensor


class GraphRefinement(nn.Module):
    """Hands to refined ones, by features of the whole image.

    whole_channels, extra_channels
        Of the image's vector, and of what nodes know beside.
    """

    def __init__(
        self, options: IntraInterGraphOptions, whole_channels: int, extra_channels: int
    ) -> None:
        super().__init__()
        self._is_offset = options.refined is Refined.OFFSETS
        mesh = RefinedMesh(options.hand_model, options.vertex_level)
        self.upsampling = mesh.upsampling
        self.register_buffer("kept", mesh.kept, persistent=False)
        self.kept: Tensor
        channels, own = options.refinement_channels, 3 + extra_channels
        self.joint_nodes = NodeFeatures(whole_channels, own, channels)
        self.vertex_nodes = NodeFeatures(whole_channels, own, channels)
        self.blocks = nn.ModuleList(
            RefinementBlock(options, mesh.adjacency) for _ in range(options.refinement_blocks)
        )
        self.joint_head = _head(channels, is_offset=self._is_offset)
        self.vertex_head = _head(channels, is_offset=self._is_offset)

    def refined_vertices(self, vertices_m: Tensor) -> Tensor:
        """(B, V', 3) those of (B, V, 3) vertices that are nodes."""
        return vertices_m.index_select(1, self.kept)

    def forward(self, hands: Hands, whole: Tensor, extras: NodeExtras | None) -> Hands:
        return self.moved(hands, self.answers(hands, whole, extras))

    def answers(self, hands: Hands, whole: Tensor, extras: NodeExtras | None) -> Hands:
        """Of joints and of vertices, how far they go or where they are."""
        of_joints, of_vertices = hands.joints_m, self.refined_vertices(hands.vertices_m)
        joints = self.joint_nodes(whole, _own(of_joints, extras and extras.joints))
        vertices = self.vertex_nodes(whole, _own(of_vertices, extras and extras.vertices))
        for block in self.blocks:
            joints, vertices = block(joints, vertices)
        joints_m = UNIT_M * self.joint_head(joints)
        return Hands(joints_m, UNIT_M * self.upsampling(self.vertex_head(vertices)))

    def moved(self, hands: Hands, answers: Hands) -> Hands:
        """The refined hands."""
        if not self._is_offset:
            return answers
        return Hands(hands.joints_m + answers.joints_m, hands.vertices_m + answers.vertices_m)


class NodeFeatures(nn.Module):
    """The image's (B, G) vector beside each node's own (B, N, E) numbers, to (B, N, C).

    One layer on both side by side, worked out without repeating the vector for every node.
    """

    def __init__(self, whole_channels: int, own_channels: int, channels: int) -> None:
        super().__init__()
        self.of_whole = nn.Linear(whole_channels, channels, bias=False)
        self.of_own = nn.Linear(own_channels, channels, bias=False)
        self.norm = NodeNorm(channels)

    def forward(self, whole: Tensor, own: Tensor) -> Tensor:
        result: Tensor = self.norm(self.of_whole(whole)[:, None] + self.of_own(own))
        return result


class RefinementBlock(nn.Module):
    """Graph convolutions within both graphs, then attention between them where it is asked for."""

    def __init__(self, options: IntraInterGraphOptions, mesh: csr_matrix) -> None:
        super().__init__()
        channels, count = options.refinement_channels, options.graph_blocks
        on_joints = functools.partial(SemanticGraphConvolution, adjacency=keypoint_adjacency())
        on_mesh = functools.partial(GraphConvolution, adjacency=mesh)
        self.joints = nn.Sequential(
            *(ResidualGraphBlock(channels, on_joints) for _ in range(count))
        )
        self.vertices = nn.Sequential(
            *(ResidualGraphBlock(channels, on_mesh) for _ in range(count))
        )
        self.attention: MutualAttention | None = None
        if options.refinement is Refinement.GRAPH_ATTENTION:
            self.attention = MutualAttention(channels)

    def forward(self, joints: Tensor, vertices: Tensor) -> tuple[Tensor, Tensor]:
        joints, vertices = self.joints(joints), self.vertices(vertices)
        if self.attention is None:
            return joints, vertices
        found: tuple[Tensor, Tensor] = self.attention(joints, vertices)
        return found


class RefinedMesh:
    """The level of a model's mesh that is refined.

    adjacency (V', V'); kept (V',) the whole mesh's vertices that are here; upsampling leads back.
    """

    def __init__(self, hand_model: str, level: int) -> None:
        model = load_hand_model(hand_model, HandSide.RIGHT)
        hierarchy = mesh_hierarchy(model, steps=level)
        refined = hierarchy.levels[level]
        self.adjacency = mesh_adjacency(refined.faces, refined.vertex_count)
        self.kept = torch.tensor(refined.template_indices.astype("int64"))
        self.upsampling = nn.Sequential(
            *(MeshUpsampling(step.up_columns, step.up_weights) for step in hierarchy.steps[::-1])
        )


def _own(places_m: Tensor, extra: Tensor | None) -> Tensor:
    own = places_m / UNIT_M
    return own if extra is None else torch.cat([own, extra], dim=2)


def _head(channels: int, *, is_offset: bool) -> nn.Sequential:
    last = nn.Linear(channels, 3)
    if is_offset:
        with torch.no_grad():
            last.weight *= _FIRST_OFFSETS
            last.bias.zero_()
    return nn.Sequential(nn.Linear(channels, channels), nn.ReLU(), last)
