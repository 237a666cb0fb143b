"""What of the method is chosen when it is trained."""

from __future__ import annotations

from enum import Enum
from typing import Final, Literal

from pydantic import Field, model_validator

from hand_object_recon.networks.augmentation import AugmentationOptions

METHOD: Final = "intra_inter_graph"
FEATURE_STRIDE: Final = 8
"""Pixels of the crop along the edge of a cell of the features and heat-maps."""


class Pyramid(str, Enum):
    """Where the features come from: the pyramid's level of a quarter of the crop's size, pooled
    (HandOccNet's code); or its level of an eighth."""

    POOLED_QUARTER = "pooled_quarter"
    EIGHTH = "eighth"


class PoseBranch(str, Enum):
    """What finds the pose (the first three rows of the paper's table 3): layers on the image's
    vector; or graphs of 2-D joints, with ordinary or with semantic convolutions."""

    REGRESSION = "regression"
    ORDINARY_GRAPH = "ordinary_graph"
    SEMANTIC_GRAPH = "semantic_graph"


class PoseNodes(str, Enum):
    """How 21 joints become the 16 that turn: the finger tips are left out; or each of the 16 is a
    learned mixture of all."""

    SELECTED = "selected"
    LEARNED = "learned"


class PoseHead(str, Enum):
    """What the last layers of the pose see: the whole latent pose; or one joint at a time."""

    WHOLE = "whole"
    PER_JOINT = "per_joint"


class Rotation(str, Enum):
    """How turns are answered: axis times angle, as the paper's text says; or two columns of the
    matrix (Zhou et al., 2019), as HandOccNet does, which do not jump at half a circle."""

    AXIS_ANGLE = "axis_angle"
    TWO_COLUMNS = "two_columns"


class Refinement(str, Enum):
    """What follows the hand model (rows iii to v of table 3): nothing; graph convolutions; or
    these with attention between vertices and joints."""

    NONE = "none"
    GRAPH = "graph"
    GRAPH_ATTENTION = "graph_attention"


class Refined(str, Enum):
    """What the refinement answers: how far each point is from where the hand model puts it; or
    where it is."""

    OFFSETS = "offsets"
    PLACES = "places"


class HeatmapLoss(str, Enum):
    """How heat-maps are compared: squared differences from a Gaussian (the paper's); or the
    cross-entropy of their softmax, which is not small for empty maps."""

    SQUARED = "squared"
    CROSS_ENTROPY = "cross_entropy"


class EdgeLoss(str, Enum):
    """Which edges are compared: vectors (Eq. 11 as it stands), or their lengths."""

    VECTORS = "vectors"
    LENGTHS = "lengths"


class IntraInterGraphOptions(AugmentationOptions):
    """What of the method is chosen when it is trained, and kept with its weights.

    image_size
        Edge of the crop in pixels: 256 in the paper.
    trunk_layers, width
        Of the ResNet, and its channels after the stem: 50 and 64 in the paper.
    channels
        Of the pyramid's features: 256 in the paper.
    pyramid
        Where the features come from.
    transformer_blocks, heads
        Of the self-enhancing transformer: 2 and 4 in HandOccNet.
    hourglasses, hourglass_depth
        How many stand in a row, and how often each halves its maps: 1 and 4 in HandOccNet.
    pose_branch, pose_channels, pose_blocks
        What finds the pose; channels of a node (128 in the paper) and residual blocks, of two
        convolutions each (4 in SemGCN).
    pose_nodes, pose_head, rotation
        From the nodes to turns.
    refinement, refinement_channels, refinement_blocks, graph_blocks
        What follows the hand model; channels of a node; basic blocks; residual blocks of two graph
        convolutions in each of these.
    refined
        What the refinement answers.
    vertex_level
        Level of the mesh that is refined, each with half the vertices of the one before; the
        whole mesh, 0, in the paper. Offsets of a coarser one are interpolated.
    local_features
        Nodes see the image's features where they project to, too. Not the paper's.
    with_depth
        Nodes of the refinement see measured depth where they project to. Not the paper's.
    hand_model
        Whose joints and mesh the network gives.
    crop_enlargement
        How much longer a crop's edge is than that of the least square around the joints.
    upright
        Crops are rolled so that the knuckles are above the wrist. Not the paper's; it needs
        detectors that give keypoints. ``turn_deg`` is then about that.
    any_turn
        Crops are turned by any angle, all alike, as the paper has it, and ``turn_deg`` and
        ``turn_share`` do not count.
    heatmap_loss, heatmap_deviation
        How heat-maps are compared, and the standard deviation of the true ones in cells.
    edge_loss
        Which edges are compared.
    weights
        Of terms of the loss whose weight is not the usual one (``losses.WEIGHTS``).
    depth_noise_m, hole_share
        As ``networks.depth_faults`` draws them: more noise of depth at half a metre, and how often
        there are holes.
    """

    image_size: int = Field(256, ge=64, le=512, multiple_of=64)
    trunk_layers: Literal[18, 34, 50] = 50
    width: int = Field(64, ge=8, le=64, multiple_of=8)
    channels: int = Field(256, ge=16, le=512, multiple_of=8)
    pyramid: Pyramid = Pyramid.POOLED_QUARTER
    transformer_blocks: int = Field(2, ge=0, le=8)
    heads: int = Field(4, ge=1, le=16)
    hourglasses: int = Field(1, ge=1, le=8)
    hourglass_depth: int = Field(4, ge=1, le=6)
    pose_branch: PoseBranch = PoseBranch.SEMANTIC_GRAPH
    pose_channels: int = Field(128, ge=8, le=512)
    pose_blocks: int = Field(4, ge=0, le=16)
    pose_nodes: PoseNodes = PoseNodes.SELECTED
    pose_head: PoseHead = PoseHead.WHOLE
    rotation: Rotation = Rotation.AXIS_ANGLE
    refinement: Refinement = Refinement.GRAPH_ATTENTION
    refinement_channels: int = Field(128, ge=8, le=512)
    refinement_blocks: int = Field(2, ge=1, le=8)
    graph_blocks: int = Field(1, ge=1, le=4)
    refined: Refined = Refined.OFFSETS
    vertex_level: int = Field(0, ge=0, le=4)
    local_features: bool = False
    with_depth: bool = False
    hand_model: str = "open_hand"
    crop_enlargement: float = Field(1.5, ge=1.0, le=4.0)
    upright: bool = False
    any_turn: bool = False
    heatmap_loss: HeatmapLoss = HeatmapLoss.SQUARED
    heatmap_deviation: float = Field(1.5, gt=0.0, le=8.0)
    edge_loss: EdgeLoss = EdgeLoss.VECTORS
    weights: dict[str, float] = Field(default_factory=dict)
    depth_noise_m: float = Field(0.001, ge=0.0, le=0.05)
    hole_share: float = Field(0.2, ge=0.0, le=1.0)

    @property
    def cells(self) -> int:
        """Along each edge of the features and heat-maps."""
        return self.image_size // FEATURE_STRIDE

    @property
    def refines(self) -> bool:
        return self.refinement is not Refinement.NONE

    @model_validator(mode="after")
    def _fit_together(self) -> IntraInterGraphOptions:
        self._require_whole_cells()
        if self.channels % self.heads:
            raise ValueError(
                f"channels is {self.channels} with heads={self.heads}; give a multiple of it"
            )
        if self.vertex_level and self.refined is Refined.PLACES:
            raise ValueError(
                f"vertex_level is {self.vertex_level} with refined=places; between the vertices of "
                "a coarser mesh only offsets can be interpolated, set refined to offsets"
            )
        if self.with_depth and not self.refines:
            raise ValueError(
                "with_depth is true with refinement=none; depth is seen by the refinement's nodes "
                "alone, set with_depth to false"
            )
        if self.any_turn and self.upright:
            raise ValueError(
                "any_turn is true with upright=true; upright crops are not turned by any angle, "
                "set any_turn to false"
            )
        return self

    def _require_whole_cells(self) -> None:
        if self.cells % 2**self.hourglass_depth:
            raise ValueError(
                f"hourglass_depth is {self.hourglass_depth}; heat-maps of image_size "
                f"{self.image_size} have {self.cells} cells, which cannot be halved so often"
            )
