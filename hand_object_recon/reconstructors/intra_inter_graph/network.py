"""A hand model posed by a graph of 2-D joints, and its mesh and joints refined as two graphs.

Shuang et al., "3D Hand Reconstruction via Aggregating Intra and Inter Graphs Guided by Prior
Knowledge for Hand-Object Interaction Scenario", 2024. It sees right hands only; left ones are
mirrored for it.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from hand_object_recon.core.hands import HandSide
from hand_object_recon.core.keypoints import KEYPOINT_COUNT, WRIST
from hand_object_recon.geometry.single_precision import in_single_precision
from hand_object_recon.geometry.torch_rotations import axis_angle_to_matrix, rotation_6d_to_matrix
from hand_object_recon.hand_model.layer import HandLayer
from hand_object_recon.reconstructors.intra_inter_graph.depth_nodes import (
    DEPTH_CHANNELS,
    NodeDepth,
    depth_of_nodes,
)
from hand_object_recon.reconstructors.intra_inter_graph.heatmap_joints import (
    FoundJoints,
    HeatmapJoints,
)
from hand_object_recon.reconstructors.intra_inter_graph.hourglass import HeatmapStack
from hand_object_recon.reconstructors.intra_inter_graph.options import (
    IntraInterGraphOptions,
    PoseBranch,
    Rotation,
)
from hand_object_recon.reconstructors.intra_inter_graph.pose_branch import GraphPose, VectorPose
from hand_object_recon.reconstructors.intra_inter_graph.prediction import Hands, Prediction, View
from hand_object_recon.reconstructors.intra_inter_graph.projection import (
    points_to_uv,
    sampled,
    uv_to_slopes,
    wrists_on_rays,
)
from hand_object_recon.reconstructors.intra_inter_graph.pyramid import (
    FeaturePyramid,
    ImageFeatures,
)
from hand_object_recon.reconstructors.intra_inter_graph.refinement import (
    GraphRefinement,
    NodeExtras,
)
from hand_object_recon.reconstructors.intra_inter_graph.self_enhancement import SelfEnhancement
from hand_object_recon.reconstructors.intra_inter_graph.shape_branch import ImageVector, ShapeHead


class IntraInterGraphNetwork(nn.Module):
    """Crops to hands."""

    def __init__(self, options: IntraInterGraphOptions) -> None:
        super().__init__()
        self.options = options
        self.pyramid = FeaturePyramid(options)
        self.enhancement = SelfEnhancement(
            options.channels, options.cells, options.transformer_blocks, options.heads
        )
        self.heatmaps = HeatmapStack(
            options.channels, KEYPOINT_COUNT, options.hourglasses, options.hourglass_depth
        )
        self.joints = HeatmapJoints(KEYPOINT_COUNT)
        self.vector = ImageVector(options)
        self.shape = ShapeHead(self.vector.channels_out)
        local = options.channels if options.local_features else 0
        self.pose: GraphPose | VectorPose
        if options.pose_branch is PoseBranch.REGRESSION:
            self.pose = VectorPose(options, self.vector.channels_out)
        else:
            self.pose = GraphPose(options, local)
        self.layer = HandLayer.load(options.hand_model, HandSide.RIGHT)
        self.refinement: GraphRefinement | None = None
        if options.refines:
            extra = local + (DEPTH_CHANNELS if options.with_depth else 0)
            self.refinement = GraphRefinement(options, self.pyramid.whole_channels, extra)

    def forward(self, view: View) -> Prediction:
        features: ImageFeatures = self.pyramid(view.images)
        maps = self.enhancement(features.maps)
        heatmaps = self.heatmaps(maps)
        joints: FoundJoints = self.joints(heatmaps[:, -1])
        vector = self.vector(maps, heatmaps[:, -1])
        pose, shape = self._pose(joints.uv, maps, vector), self.shape(vector)
        initial = self._posed(pose, shape)
        refined, depth = None, None
        if self.refinement is not None:
            local, depth = self._at_nodes(view, maps, joints, initial)
            refined = self.refinement(initial, features.whole, _extras(local, depth))
        return Prediction(
            heatmaps=heatmaps,
            heatmap_logits=self.joints.sharpened(heatmaps),
            joints_uv=joints.uv,
            confidence=joints.confidence,
            rotations=self._matrices(pose),
            pose=pose,
            shape=shape,
            initial=initial,
            refined=refined,
            distance_m=None if depth is None else depth.distance_m,
        )

    def _pose(self, joints_uv: Tensor, maps: Tensor, vector: Tensor) -> Tensor:
        if isinstance(self.pose, VectorPose):
            of_vector: Tensor = self.pose(vector)
            return of_vector
        local = sampled(maps, joints_uv.detach()) if self.options.local_features else None
        of_joints: Tensor = self.pose(joints_uv, local)
        return of_joints

    def _posed(self, pose: Tensor, shape: Tensor) -> Hands:
        """The hand model about its wrist."""
        is_vector = self.options.rotation is Rotation.AXIS_ANGLE
        posed = self.layer(pose.flatten(1) if is_vector else pose, shape)
        wrist = posed.joints_m[:, WRIST : WRIST + 1]
        return Hands(posed.joints_m - wrist, posed.vertices_m - wrist)

    @in_single_precision
    def _matrices(self, pose: Tensor) -> Tensor:
        if self.options.rotation is Rotation.AXIS_ANGLE:
            return axis_angle_to_matrix(pose)
        return rotation_6d_to_matrix(pose)

    def _at_nodes(
        self, view: View, maps: Tensor, joints: FoundJoints, initial: Hands
    ) -> tuple[Tensor | None, NodeDepth | None]:
        """The features (B, 21 + V', C) and the depth that the crop shows where the initial hand's
        nodes are, as far as the network looks at them; places get no gradient."""
        options = self.options
        if not (options.local_features or options.with_depth):
            return None, None
        assert self.refinement is not None
        nodes_m = torch.cat(
            [initial.joints_m, self.refinement.refined_vertices(initial.vertices_m)], dim=1
        ).detach()
        slopes = uv_to_slopes(joints.uv.detach(), view.half_slopes, options.image_size)
        wrists_m = wrists_on_rays(nodes_m[:, :KEYPOINT_COUNT], slopes, joints.confidence.detach())
        uv = points_to_uv(nodes_m + wrists_m[:, None], view.half_slopes, options.image_size)
        local = sampled(maps, uv) if options.local_features else None
        if not options.with_depth:
            return local, None
        assert view.depth_m is not None
        return local, depth_of_nodes(view.depth_m, uv, nodes_m[..., 2], wrists_m[:, 2])


def _extras(local: Tensor | None, depth: NodeDepth | None) -> NodeExtras | None:
    known = [part for part in (local, depth and depth.channels) if part is not None]
    if not known:
        return None
    of_nodes = torch.cat(known, dim=2)
    return NodeExtras(of_nodes[:, :KEYPOINT_COUNT], of_nodes[:, KEYPOINT_COUNT:])
