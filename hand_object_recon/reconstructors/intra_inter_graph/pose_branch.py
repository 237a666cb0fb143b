"""Turns of the hand model's joints, from 2-D joints (section 3.2.2) or from the image's vector."""

from __future__ import annotations

import functools

import torch
from scipy.sparse import csr_matrix
from torch import Tensor, nn

from hand_object_recon.core.hands import HandSide
from hand_object_recon.core.keypoints import KEYPOINT_COUNT
from hand_object_recon.geometry.torch_rotations import axis_angle_to_matrix, matrix_to_rotation_6d
from hand_object_recon.hand_model.conventions import JOINT_COUNT
from hand_object_recon.hand_model.model import load_hand_model
from hand_object_recon.hand_model.posing_arrays import KEYPOINT_OF_JOINT
from hand_object_recon.hand_model.topology.skeleton_graph import joint_adjacency, keypoint_adjacency
from hand_object_recon.reconstructors.intra_inter_graph.graph_layers import (
    GraphConvolution,
    GraphLayer,
    NodeNorm,
    ResidualGraphBlock,
    SemanticGraphConvolution,
)
from hand_object_recon.reconstructors.intra_inter_graph.options import (
    IntraInterGraphOptions,
    PoseBranch,
    PoseHead,
    PoseNodes,
    Rotation,
)

_HIDDEN = 512
_VECTOR_HIDDEN = (1024, 512)


class GraphPose(nn.Module):
    """(B, 21, 2 + E) joints in the crop, and E extra numbers of each, to (B, 16, R) turns.

    Residual blocks on the 21 joints, the latent pose of the 16 that turn, one more convolution on
    these, and layers.
    """

    def __init__(self, options: IntraInterGraphOptions, extra_channels: int) -> None:
        super().__init__()
        channels = options.pose_channels
        on_keypoints = graph_layer(options, keypoint_adjacency())
        on_joints = graph_layer(options, joint_adjacency())
        self.encoder = nn.Sequential(
            *(on_keypoints(2 + extra_channels, channels), NodeNorm(channels)),
            *(ResidualGraphBlock(channels, on_keypoints) for _ in range(options.pose_blocks)),
        )
        is_mixed = options.pose_nodes is PoseNodes.LEARNED
        self.latent = MixedJoints() if is_mixed else SelectedJoints()
        self.decoder = nn.Sequential(on_joints(channels, channels), NodeNorm(channels))
        self.head = _joint_head(channels, numbers_of(options.rotation))
        if options.pose_head is PoseHead.WHOLE:
            self.head = _whole_head(channels, numbers_of(options.rotation))
        self.register_buffer("rest", rest_pose(options), persistent=False)
        self.rest: Tensor

    def forward(self, joints_uv: Tensor, extra: Tensor | None = None) -> Tensor:
        centred = 2.0 * joints_uv - 1.0
        nodes = centred if extra is None else torch.cat([centred, extra], dim=2)
        latent = self.latent(self.encoder(nodes))
        pose: Tensor = self.rest + self.head(self.decoder(latent))
        return pose


class VectorPose(nn.Module):
    """(B, C) vectors of the image to (B, 16, R) turns: the paper's baseline."""

    def __init__(self, options: IntraInterGraphOptions, channels: int) -> None:
        super().__init__()
        first, second = _VECTOR_HIDDEN
        numbers = numbers_of(options.rotation)
        self.layers = nn.Sequential(
            *(nn.Linear(channels, first), nn.ReLU(), nn.Linear(first, second), nn.ReLU()),
            nn.Linear(second, JOINT_COUNT * numbers),
            nn.Unflatten(1, (JOINT_COUNT, numbers)),
        )
        self.register_buffer("rest", rest_pose(options), persistent=False)
        self.rest: Tensor

    def forward(self, vectors: Tensor) -> Tensor:
        pose: Tensor = self.rest + self.layers(vectors)
        return pose


class SelectedJoints(nn.Module):
    """(B, 21, C) to the (B, 16, C) that turn, in the model's order."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("places", torch.tensor(KEYPOINT_OF_JOINT), persistent=False)
        self.places: Tensor

    def forward(self, features: Tensor) -> Tensor:
        return features.index_select(1, self.places)


class MixedJoints(nn.Module):
    """(B, 21, C) to (B, 16, C), each a learned sum that begins with the joint itself."""

    def __init__(self) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.eye(KEYPOINT_COUNT)[list(KEYPOINT_OF_JOINT)])

    def forward(self, features: Tensor) -> Tensor:
        return self.weights @ features


def graph_layer(options: IntraInterGraphOptions, adjacency: csr_matrix) -> GraphLayer:
    """The convolution that the pose's graphs are made of."""
    is_semantic = options.pose_branch is PoseBranch.SEMANTIC_GRAPH
    kind = SemanticGraphConvolution if is_semantic else GraphConvolution
    return functools.partial(kind, adjacency=adjacency)


def numbers_of(rotation: Rotation) -> int:
    """How many numbers a turn is answered by."""
    return 3 if rotation is Rotation.AXIS_ANGLE else 6


def rest_pose(options: IntraInterGraphOptions) -> Tensor:
    """(16, R) what turns are answered relative to: the model's mean pose, the wrist unturned."""
    mean = torch.tensor(load_hand_model(options.hand_model, HandSide.RIGHT).hands_mean)
    vectors = torch.cat([torch.zeros(1, 3), mean.reshape(JOINT_COUNT - 1, 3)])
    if options.rotation is Rotation.AXIS_ANGLE:
        return vectors
    return matrix_to_rotation_6d(axis_angle_to_matrix(vectors))


def _whole_head(channels: int, numbers: int) -> nn.Module:
    return nn.Sequential(
        nn.Flatten(),
        *(nn.Linear(JOINT_COUNT * channels, _HIDDEN), nn.ReLU()),
        nn.Linear(_HIDDEN, JOINT_COUNT * numbers),
        nn.Unflatten(1, (JOINT_COUNT, numbers)),
    )


def _joint_head(channels: int, numbers: int) -> nn.Module:
    return nn.Sequential(nn.Linear(channels, channels), nn.ReLU(), nn.Linear(channels, numbers))
