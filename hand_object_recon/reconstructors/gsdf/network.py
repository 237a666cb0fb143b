"""The networks: hand joints first, then the signed distances of a hand and what it holds.

Chen et al., "gSDF: Geometry-Driven Signed Distance Functions for 3D Hand-Object Reconstruction",
CVPR 2023. A network sees right hands only; left ones are mirrored for it. Crops are (B, 3, 256,
256), red, green and blue normalised as for ImageNet, seen by a camera that looks straight at them.
Crops of fewer pixels do as well; cameras are those of a crop of 256 all the same.
"""

from __future__ import annotations

from enum import Enum
from typing import Final, NamedTuple

import torch
from torch import Tensor, nn

from hand_object_recon.core.keypoints import KEYPOINT_COUNT
from hand_object_recon.geometry.single_precision import in_single_precision
from hand_object_recon.networks.resnet import PAPER_WIDTH, ResNet18
from hand_object_recon.networks.upsampling import upsampling
from hand_object_recon.networks.volume_heatmaps import (
    CELLS,
    PAPER_DOUBLINGS,
    VolumeHeatmaps,
    camera_to_cells,
    cells_to_camera,
    heatmap_loss,
    places_of,
)
from hand_object_recon.reconstructors.gsdf.aligned_features import (
    PLACE_FEATURES,
    aligned_features,
)
from hand_object_recon.reconstructors.gsdf.conventions import IMAGE_SIZE, MAP_SIZE, Conventions
from hand_object_recon.reconstructors.gsdf.hand_frames import HandFrames
from hand_object_recon.reconstructors.gsdf.kinematic_features import (
    AffineFeatures,
    HandKinematics,
    ObjectKinematics,
    hand_features,
    object_features,
)
from hand_object_recon.reconstructors.gsdf.sdf_head import SdfHead
from hand_object_recon.reconstructors.gsdf.video_transformer import VideoTransformer

_NECK_GROWTH = 4  # times the trunk's first width
_HEAD_GROWTH = 8
_PIXELS_PER_CELL = IMAGE_SIZE / CELLS


class Sharing(str, Enum):
    """Which parts share a trunk (section 3.4): all three; the two poses; the object's pose and
    the distances."""

    SINGLE = "single"
    SYMMETRIC = "symmetric"
    ASYMMETRIC = "asymmetric"


class Visual(str, Enum):
    """What the image tells about a point (table 3): the mean of the feature map (V1), the map where
    the point is seen (V2), the same after attention over the map (V3), and over frames (V4)."""

    GLOBAL = "global"
    LOCAL = "local"
    SPATIAL = "spatial"
    VIDEO = "video"


class FeatureChoice(NamedTuple):
    """What distances are worked out from; the paper's best by default."""

    visual: Visual = Visual.LOCAL
    hand: HandKinematics = HandKinematics.ALL
    object: ObjectKinematics = ObjectKinematics.ALL


class Views(NamedTuple):
    """cameras (B, 3, 3) of the crops, pixels; wrists_m (B, 3) where the wrists are."""

    cameras: Tensor
    wrists_m: Tensor


_PAPER_FEATURES: Final = FeatureChoice()


class Seen(NamedTuple):
    """What images show, wherever the wrists are: maps (B, C, 16, 16) for the distances, and the
    heat-maps of the joints, if they were looked for, and of the object's centre."""

    maps: Tensor
    joint_volumes: Tensor | None
    center_volumes: Tensor


class Scene(NamedTuple):
    """All that distances of any point are worked out from.

    maps (B, C, 16, 16); transforms (B, 16, 4, 4) of ``HandFrames``; joints_m (B, 21, 3) and
    centers_m (B, 3), the object's, in the camera's axes; hand and object: kinematic features.
    """

    views: Views
    maps: Tensor
    transforms: Tensor
    joints_m: Tensor
    centers_m: Tensor
    hand: AffineFeatures
    object: AffineFeatures


class JointPrediction(NamedTuple):
    """joints_m (B, 21, 3) in metres in the camera's axes, and the heat-maps they are read from."""

    joints_m: Tensor
    joint_volumes: Tensor


class Prediction(NamedTuple):
    """hand_distances and object_distances (B, P) in query units; joints and centres as in
    ``Scene``, and the heat-maps they are read from, None where joints were not looked for."""

    hand_distances: Tensor
    object_distances: Tensor
    joints_m: Tensor
    centers_m: Tensor
    joint_volumes: Tensor | None
    center_volumes: Tensor


class PoseNetwork(nn.Module):
    """21 joints from a crop, and a wrist whose depth is known."""

    def __init__(
        self, width: int, conventions: Conventions, doublings: int = PAPER_DOUBLINGS
    ) -> None:
        super().__init__()
        self.trunk = ResNet18(width)
        channels_in, channels = self.trunk.channels_out, _NECK_GROWTH * width
        self.joints = VolumeHeatmaps(channels_in, channels, KEYPOINT_COUNT, doublings)
        self._half_depth_m = conventions.half_depth_m

    def forward(self, images: Tensor, cameras: Tensor, wrists_m: Tensor) -> JointPrediction:
        volumes = self.joints.volumes(self.trunk(images))
        return JointPrediction(self.joints_of(volumes, Views(cameras, wrists_m)), volumes)

    def joints_of(self, volumes: Tensor, views: Views) -> Tensor:
        """(B, 21, 3) joints of heat-maps."""
        return _in_camera(places_of(volumes), views, self._half_depth_m)


class PoseStage(nn.Module):
    """What is trained first: the hand's joints, named as they are in ``GSDFNetwork``."""

    def __init__(
        self, width: int, conventions: Conventions, doublings: int = PAPER_DOUBLINGS
    ) -> None:
        super().__init__()
        self.pose = PoseNetwork(width, conventions, doublings)

    def forward(self, images: Tensor, cameras: Tensor, wrists_m: Tensor) -> JointPrediction:
        """B * F hands of F frames (B, F, 3, 256, 256) of each sample."""
        found: JointPrediction = self.pose(
            *(part.flatten(0, 1) for part in (images, cameras, wrists_m))
        )
        return found


class GSDFNetwork(nn.Module):
    """Signed distances from crops.

    rest_m
        (21, 3) keypoints of the rest hand that inverse kinematics bends.
    features
        What distances are worked out from.
    width
        Channels after the trunk's stem.
    doublings
        See ``VolumeHeatmaps``.
    map_size
        Edge in cells of the feature maps: a sixteenth of the crop's pixels.
    """

    def __init__(
        self,
        rest_m: Tensor,
        conventions: Conventions,
        sharing: Sharing = Sharing.ASYMMETRIC,
        *,
        features: FeatureChoice = _PAPER_FEATURES,
        width: int = PAPER_WIDTH,
        doublings: int = PAPER_DOUBLINGS,
        map_size: int = MAP_SIZE,
    ) -> None:
        super().__init__()
        self.conventions, self.sharing, self.features = conventions, sharing, features
        channels, hidden = _NECK_GROWTH * width, _HEAD_GROWTH * width
        self.pose = PoseNetwork(width, conventions, doublings)
        self.trunk = None if sharing is Sharing.SINGLE else ResNet18(width)
        self.frames = HandFrames(rest_m, conventions)
        self.center = VolumeHeatmaps(self.pose.trunk.channels_out, channels, 1, doublings)
        self.map_neck = upsampling(self.pose.trunk.channels_out, channels, 1)
        self.video = _attention(features.visual, channels, map_size)
        self.encoder = nn.Linear(channels + PLACE_FEATURES, channels)
        self.hand_head = SdfHead(channels + features.hand.feature_count, hidden)
        self.object_head = SdfHead(channels + features.object.feature_count, hidden)

    def train(self, mode: bool = True) -> GSDFNetwork:
        """Where the pose has a trunk of its own it is learned before, and its norms stay, too."""
        super().train(mode)
        if self.sharing is Sharing.ASYMMETRIC:
            self.pose.eval()
        return self

    def forward(
        self,
        images: Tensor,
        cameras: Tensor,
        wrists_m: Tensor,
        points: Tensor,
        known_joints_m: Tensor | None = None,
    ) -> Prediction:
        """Distances of (B, F, P, 3) points in F frames (B, F, 3, 256, 256) of each sample.

        Answers are those of B * F frames, those of a sample one after the other. With known joints
        (B, F, 21, 3) features of points are counted from those instead of the network's own; where
        the joints have a trunk of their own, which learns nothing then, they are not looked for.
        """
        is_told = known_joints_m is not None and self.sharing is Sharing.ASYMMETRIC
        seen = self._look_at_videos(images, finds_joints=not is_told)
        views = Views(cameras.flatten(0, 1), wrists_m.flatten(0, 1))
        volumes, centers = seen.joint_volumes, self._centers_of(seen.center_volumes, views)
        found = None if volumes is None else self.pose.joints_of(volumes, views)
        joints = found if known_joints_m is None else known_joints_m.flatten(0, 1)
        assert joints is not None
        hand, held = self.distances(
            self.scene(views, seen.maps, joints, centers), points.flatten(0, 1)
        )
        answered = joints if found is None else found
        return Prediction(hand, held, answered, centers, volumes, seen.center_volumes)

    def encode(self, images: Tensor, views: Views) -> Scene:
        """Work out once what all points of a frame need; leading dimensions as in ``forward``."""
        return self.placed(self._look_at_videos(images), views)

    def look(self, images: Tensor, *, finds_joints: bool = True) -> Seen:
        """What (B, 3, 256, 256) images show, each by itself."""
        features = self._features(images, finds_joints=finds_joints)
        maps = self.map_neck(features.distances)
        if self.features.visual is Visual.GLOBAL:
            maps = maps.mean(dim=(2, 3), keepdim=True).expand_as(maps)
        return Seen(
            maps,
            None if features.hand is None else self.pose.joints.volumes(features.hand),
            self.center.volumes(features.object),
        )

    def placed(self, seen: Seen, views: Views) -> Scene:
        """The scene of what is seen where the wrists are; ``views`` as in ``forward``."""
        flat = Views(*(part.flatten(0, 1) for part in views))
        assert seen.joint_volumes is not None
        joints = self.pose.joints_of(seen.joint_volumes, flat)
        return self.scene(flat, seen.maps, joints, self._centers_of(seen.center_volumes, flat))

    @in_single_precision
    def scene(self, views: Views, maps: Tensor, joints_m: Tensor, centers_m: Tensor) -> Scene:
        """The scene of maps, joints and centres that are known."""
        transforms = self.frames(joints_m)
        about_wrist = (joints_m - views.wrists_m[:, None]).detach()
        unit_m, order = self.conventions.unit_m, self.conventions.features
        to_centers_m = centers_m - views.wrists_m
        hand = hand_features(transforms, unit_m)
        held = object_features(transforms, about_wrist, to_centers_m, unit_m, order)
        return Scene(
            views,
            maps,
            transforms,
            joints_m,
            centers_m,
            hand.first(self.features.hand.feature_count),
            held.first(self.features.object.feature_count),
        )

    def distances(self, scene: Scene, points: Tensor) -> tuple[Tensor, Tensor]:
        """(B, P) distances to hand and object of (B, P, 3) points, all in query units."""
        visual = self.visual_features(scene, points)
        return (
            self.hand_head(torch.cat([visual, scene.hand.of(points)], dim=2)),
            self.object_head(torch.cat([visual, scene.object.of(points)], dim=2)),
        )

    def visual_features(self, scene: Scene, points: Tensor) -> Tensor:
        """(B, P, C) what the image says about points."""
        points_m = points * self.conventions.unit_m + scene.views.wrists_m[:, None]
        seen: Tensor = self.encoder(aligned_features(scene.maps, points_m, scene.views.cameras))
        return seen

    def _centers_of(self, volumes: Tensor, views: Views) -> Tensor:
        return _in_camera(places_of(volumes), views, self.conventions.half_depth_m)[:, 0]

    def _look_at_videos(self, images: Tensor, *, finds_joints: bool = True) -> Seen:
        seen = self.look(images.flatten(0, 1), finds_joints=finds_joints)
        if self.video is None:
            return seen
        of_frames = seen.maps.reshape(*images.shape[:2], *seen.maps.shape[1:])
        return seen._replace(maps=self.video(of_frames).flatten(0, 1))

    def _features(self, images: Tensor, *, finds_joints: bool) -> _Features:
        if self.trunk is None:
            shared = self.pose.trunk(images)
            return _Features(shared, shared, shared)
        shape = self.trunk(images)
        if self.sharing is Sharing.SYMMETRIC:
            pose = self.pose.trunk(images)
            return _Features(pose, pose, shape)
        return _Features(self._learned_before(images) if finds_joints else None, shape, shape)

    @torch.no_grad()
    def _learned_before(self, images: Tensor) -> Tensor:
        features: Tensor = self.pose.trunk(images)
        return features


def _attention(visual: Visual, channels: int, map_size: int) -> VideoTransformer | None:
    if visual not in (Visual.SPATIAL, Visual.VIDEO):
        return None
    return VideoTransformer(channels, map_size, has_time=visual is Visual.VIDEO)


class _Features(NamedTuple):
    """The trunks' features as hand joints, object centre and distances see them; of the hand None
    where its joints are not looked for."""

    hand: Tensor | None
    object: Tensor
    distances: Tensor


def place_loss(volumes: Tensor, places_m: Tensor, views: Views, half_depth_m: float) -> Tensor:
    """How unlikely (B, N, D, H, W) heat-maps make (B, N, 3) true places in metres."""
    wrist_z_m = views.wrists_m[:, 2]
    cells = camera_to_cells(places_m, views.cameras, wrist_z_m, half_depth_m, _PIXELS_PER_CELL)
    return heatmap_loss(volumes, cells)


@in_single_precision
def _in_camera(cells: Tensor, views: Views, half_depth_m: float) -> Tensor:
    wrist_z_m = views.wrists_m[:, 2]
    return cells_to_camera(cells, views.cameras, wrist_z_m, half_depth_m, _PIXELS_PER_CELL)
