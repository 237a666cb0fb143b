"""What of the method is chosen when it is trained."""

from __future__ import annotations

from enum import Enum
from typing import Final

from pydantic import Field, model_validator

from hand_object_recon.networks.augmentation import AugmentationOptions
from hand_object_recon.networks.grasp_crops import CropRule

METHOD: Final = "cross_branch"


class Part(str, Enum):
    """What a stage trains, the rest as it was before (section IV-B): the depth's estimate; the
    hand's branch; the object's branch with what brings the hand's feature to it; or both branches
    together. For ``lstm_hand`` the object's branch comes before the hand's."""

    DEPTH = "depth"
    HAND = "hand"
    OBJECT = "object"
    JOINT = "joint"


class DepthSource(str, Enum):
    """What the fourth channel holds: measured depth; depth estimated from the image (the paper's);
    measured depth whose holes are filled with the estimate; or zeros."""

    SENSOR = "sensor"
    ESTIMATED = "estimated"
    BOTH = "both"
    NONE = "none"

    @property
    def is_estimated(self) -> bool:
        return self in (DepthSource.ESTIMATED, DepthSource.BOTH)


class Fusion(str, Enum):
    """How features of one branch reach the other one (Fig. 3, tables I and II)."""

    NONE = "none"
    LSTM_OBJECT = "lstm_object"
    LSTM_OBJECT_TWO_LAYERS = "lstm_object_two_layers"
    LSTM_HAND = "lstm_hand"
    LSTM_BOTH = "lstm_both"
    MLP_ADD = "mlp_add"
    MLP_CONCAT = "mlp_concat"

    @property
    def helps_hand(self) -> bool:
        return self in (Fusion.LSTM_HAND, Fusion.LSTM_BOTH)

    @property
    def helps_object(self) -> bool:
        return self not in (Fusion.NONE, Fusion.LSTM_HAND)


class Encoders(str, Enum):
    """A ResNet-18 for each branch, or one ResNet-34 for both (table III, index 4)."""

    SEPARATE = "separate"
    SHARED = "shared"


class Rotation(str, Enum):
    """How the wrist's turn is answered: axis times angle, as in ObMan; or two columns of the
    matrix (Zhou et al., 2019), which do not jump where a turn is half a circle."""

    AXIS_ANGLE = "axis_angle"
    TWO_COLUMNS = "two_columns"


class PlaceFeature(str, Enum):
    """Whose feature the object's place and size are worked out from: the object's, helped by the
    hand's where there is a fusion (the paper's text); or the hand's, as in ObMan's code."""

    OBJECT = "object"
    HAND = "hand"


class DepthTruth(str, Enum):
    """What the depth's estimate is learned from: clean depth of the hand and what it holds, which
    needs it and masks (the paper's ObMan); or measured depth wherever there is a reading, without
    a foreground (the paper's FHB)."""

    FOREGROUND = "foreground"
    SENSOR = "sensor"


class CrossBranchOptions(AugmentationOptions):
    """What of the method is chosen when it is trained, and kept with its weights.

    part
        What the stage trains.
    image_size
        Edge of the crop in pixels: 256 in ObMan.
    width
        Channels after the encoders' stems, 64 in the paper; all other widths go with it.
    fusion
        How one branch helps the other.
    encoders
        Whether the branches share one.
    depth_source
        What the fourth channel holds.
    rotation
        How the wrist's turn is answered.
    place_feature
        Whose feature the object's place and size come from.
    sphere_offsets
        The object's decoder answers how far each vertex is from its place on the sphere, so that
        it begins with a ball; the paper's answers the place itself.
    with_depth
        In the joint stage the depth's estimate is trained, too: the paper's end-to-end training.
    contact
        In the joint stage the contact of both meshes is trained, too.
    hand_model
        Whose joints and mesh the network gives.
    pose_components
        Principal components of the hand's pose: 30 in the paper.
    crop_around, crop_enlargement
        What crops are cut around, and how much longer their edge is than that of the least square:
        2.2 in ObMan.
    upright
        Crops are rolled so that the knuckles are above the wrist. Not the paper's; it needs
        detectors that give keypoints. ``turn_deg`` is then about that.
    kept_points, points
        Points of the object's surface that a record keeps and that a step sees: 600 in the paper.
    weights
        Of terms of the loss whose weight is not the usual one (``losses.WEIGHTS``).
    empty_hands
        Hands that hold nothing are learned from, too, and the object's branch tells whether there
        is anything. Not the paper's.
    hand_meshes
        Whether records have the hand's mesh to learn from; FHB has joints alone.
    depth_truth
        What the depth's estimate is learned from.
    depth_noise_m
        Largest standard deviation of more noise of measured depth at half a metre; it grows with
        the square of the distance.
    hole_share
        How often measured depth is missing in discs on the foreground.
    """

    part: Part = Part.JOINT
    image_size: int = Field(256, ge=64, le=512, multiple_of=32)
    width: int = Field(64, ge=8, le=64, multiple_of=8)
    fusion: Fusion = Fusion.LSTM_OBJECT
    encoders: Encoders = Encoders.SEPARATE
    depth_source: DepthSource = DepthSource.ESTIMATED
    rotation: Rotation = Rotation.AXIS_ANGLE
    place_feature: PlaceFeature = PlaceFeature.OBJECT
    sphere_offsets: bool = False
    with_depth: bool = False
    contact: bool = False
    hand_model: str = "open_hand"
    pose_components: int = Field(30, ge=1, le=45)
    crop_around: CropRule = CropRule.HAND
    crop_enlargement: float = Field(2.2, ge=1.0, le=4.0)
    upright: bool = False
    kept_points: int = Field(2000, ge=1, le=10_000)
    points: int = Field(600, ge=1, le=10_000)
    weights: dict[str, float] = Field(default_factory=dict)
    empty_hands: bool = False
    hand_meshes: bool = True
    depth_truth: DepthTruth = DepthTruth.FOREGROUND
    depth_noise_m: float = Field(0.001, ge=0.0, le=0.05)
    hole_share: float = Field(0.2, ge=0.0, le=1.0)

    @model_validator(mode="after")
    def _fit_together(self) -> CrossBranchOptions:
        if self.points > self.kept_points:
            raise ValueError(
                f"points is {self.points}; a record keeps kept_points={self.kept_points}"
            )
        self._require_an_estimate()
        self._require_a_hand()
        self._require_a_joint_stage()
        if self.encoders is Encoders.SHARED and self.fusion is not Fusion.NONE:
            raise ValueError(
                f"fusion is {self.fusion.value} with encoders=shared; branches that share an "
                "encoder have the same feature, set fusion to none"
            )
        return self

    @property
    def has_hand(self) -> bool:
        """The stage's network has the hand's branch, learning or not."""
        comes_later = self.part is Part.OBJECT and self.fusion is Fusion.LSTM_HAND
        return self.part is not Part.DEPTH and not comes_later

    @property
    def has_object(self) -> bool:
        """The stage's network has the object's branch, learning or not."""
        came_before = self.part is Part.HAND and self.fusion is Fusion.LSTM_HAND
        return self.part in (Part.OBJECT, Part.JOINT) or came_before

    @property
    def trains_depth(self) -> bool:
        return self.part is Part.DEPTH or self.with_depth

    @property
    def trains_hand(self) -> bool:
        return self.part in (Part.HAND, Part.JOINT)

    @property
    def trains_object(self) -> bool:
        return self.part in (Part.OBJECT, Part.JOINT)

    def _require_an_estimate(self) -> None:
        if self.trains_depth and not self.depth_source.is_estimated:
            raise ValueError(
                f"depth_source is {self.depth_source.value}, which estimates no depth to train; "
                "leave the depth's stage and with_depth out, or set it to estimated or both"
            )

    def _require_a_hand(self) -> None:
        if self.place_feature is PlaceFeature.HAND and self.fusion is Fusion.LSTM_HAND:
            raise ValueError(
                "place_feature is hand with fusion=lstm_hand; there the object's branch is learned "
                "before the hand's, set place_feature to object"
            )

    def _require_a_joint_stage(self) -> None:
        if self.part is Part.JOINT:
            return
        for name in ("with_depth", "contact"):
            if getattr(self, name):
                raise ValueError(f"{name} is true and part is {self.part.value}; it needs joint")
        is_mutual = self.fusion is Fusion.LSTM_BOTH or self.encoders is Encoders.SHARED
        if is_mutual and self.part is not Part.DEPTH:
            raise ValueError(
                f"part is {self.part.value} with fusion={self.fusion.value} and "
                f"encoders={self.encoders.value}; branches that depend on each other are trained "
                "together, set part to joint"
            )
