"""What of the method is chosen when it is trained."""

from __future__ import annotations

from enum import Enum
from typing import Final, Literal

from pydantic import Field, model_validator

from hand_object_recon.networks.augmentation import AugmentationOptions
from hand_object_recon.networks.grasp_crops import CropRule
from hand_object_recon.networks.volume_heatmaps import PAPER_DOUBLINGS
from hand_object_recon.reconstructors.gsdf.conventions import (
    IMAGE_SIZE,
    Conventions,
    Source,
)
from hand_object_recon.reconstructors.gsdf.kinematic_features import (
    HandKinematics,
    ObjectKinematics,
)
from hand_object_recon.reconstructors.gsdf.losses import LossSource
from hand_object_recon.reconstructors.gsdf.network import FeatureChoice, Sharing, Visual

METHOD: Final = "gsdf"
VIDEO_FRAMES: Final = 3
"""Frames of a sample of the network for videos: the current one and two earlier ones."""


class Part(str, Enum):
    """What a stage trains: the hand's joints alone, or everything."""

    POSE = "pose"
    SHAPE = "shape"


class GSDFOptions(AugmentationOptions):
    """What of the method is chosen when it is trained, and kept with its weights.

    part
        What the stage trains.
    image_size
        Edge of the crop in pixels: 256 in the paper.
    width
        Channels after the trunks' stems: 64 in the paper.
    heatmap_doublings
        How often features, a 32nd of the crop's size, are doubled on the way to heat-maps: 3 in
        the paper.
    sharing
        Which parts share a trunk.
    visual, hand_kinematics, object_kinematics
        What distances are worked out from: variants of tables 3, 1 and 2. ``frames`` says whether
        it is a network for videos.
    frames
        1, or 3 for the network of videos.
    earlier_s
        How long before the current frame the other two lie, the nearer first.
    hand_model
        Whose bones inverse kinematics bends, and whose mesh the truth has.
    half_depth_m, unit_m, kinematics, features
        See ``conventions.Conventions``.
    crop_around, crop_enlargement
        What crops are cut around, and how much longer their edge is.
    upright
        Crops are rolled so that the knuckles are above the wrist. Not the paper's; it needs
        detectors that give keypoints. ``turn_deg`` is then about that.
    kept_points, points
        Points of each kind (inside and outside, of hand and of object) that a record keeps and
        that a step sees.
    largest_distance
        Distances are learned up to this, in query units: 0.05 is 16.1 mm of ``unit_m``.
    clamped_answers
        Answers farther than that are taken for so far, too, as the authors' code does. Without it
        an answer that is too far off on the wrong side is still learned from.
    losses
        Who is followed where the losses differ.
    order_weight
        Of the loss of the joints' order, 1 for both. Its slope is far steeper than that of squared
        gaps in metres: a network that begins with a random trunk learns to put all joints in one
        place, where no order is wrong, and stays there for a thousand steps.
    heatmap_weight
        Of a loss that is neither's: how unlikely the heat-maps make the true places.
    joint_error_mm
        While distances are learned features of points are counted from the true joints, with
        errors of about this size (see ``joint_errors.with_errors``), and not from those that the
        joints' network finds; None for the latter, as the paper does.
    own_points
        Each body learns from the points around it alone; the authors' first 1200 epochs.
    """

    part: Part = Part.SHAPE
    image_size: int = Field(IMAGE_SIZE, ge=64, le=512, multiple_of=32)
    width: int = Field(64, ge=24, le=256, multiple_of=8)
    heatmap_doublings: int = Field(PAPER_DOUBLINGS, ge=1, le=4)
    sharing: Sharing = Sharing.ASYMMETRIC
    visual: Visual = Visual.LOCAL
    hand_kinematics: HandKinematics = HandKinematics.ALL
    object_kinematics: ObjectKinematics = ObjectKinematics.ALL
    frames: Literal[1, 3] = 1
    earlier_s: tuple[float, float] = (1 / 6, 2 / 6)
    hand_model: str = "open_hand"
    half_depth_m: float = Field(0.28, gt=0.0, le=1.0)
    unit_m: float = Field(2.0 / 6.2, gt=0.0, le=1.0)
    kinematics: Source = Source.PAPER
    features: Source = Source.PAPER
    crop_around: CropRule = CropRule.HAND_AND_OBJECT
    crop_enlargement: float = Field(1.25, ge=1.0, le=4.0)
    upright: bool = False
    kept_points: int = Field(2500, ge=1, le=10_000)
    points: int = Field(500, ge=1, le=10_000)
    largest_distance: float = Field(0.05, gt=0.0, le=1.0)
    clamped_answers: bool = True
    losses: LossSource = LossSource.CODE
    order_weight: float = Field(1.0, ge=0.0, le=1.0)
    heatmap_weight: float = Field(0.0, ge=0.0, le=1.0)
    joint_error_mm: float | None = Field(None, ge=0.0, le=100.0)
    own_points: bool = True
    turn_deg: float = Field(45.0, ge=0.0, le=90.0)

    @model_validator(mode="after")
    def _fit_together(self) -> GSDFOptions:
        nearer, farther = self.earlier_s
        if not 0.0 < nearer < farther:
            raise ValueError(f"earlier_s is {self.earlier_s}; give two rising times above 0")
        if self.points > self.kept_points:
            raise ValueError(
                f"points is {self.points}; a record keeps kept_points={self.kept_points}"
            )
        if self.visual is Visual.VIDEO or (
            self.frames == VIDEO_FRAMES and self.visual is not Visual.LOCAL
        ):
            raise ValueError(
                f"visual is {self.visual.value} with frames={self.frames}; leave visual out, and "
                f"set frames to {VIDEO_FRAMES} for the network of videos"
            )
        if self.part is Part.POSE and self.sharing is not Sharing.ASYMMETRIC:
            raise ValueError(
                f"part is pose with sharing={self.sharing.value}; joints that share a trunk are "
                "learned with the rest, in one stage"
            )
        return self

    @property
    def feature_choice(self) -> FeatureChoice:
        """What distances are worked out from."""
        visual = Visual.VIDEO if self.frames == VIDEO_FRAMES else self.visual
        return FeatureChoice(visual, self.hand_kinematics, self.object_kinematics)

    @property
    def conventions(self) -> Conventions:
        """What the network is built with."""
        return Conventions(self.half_depth_m, self.unit_m, self.kinematics, self.features)
