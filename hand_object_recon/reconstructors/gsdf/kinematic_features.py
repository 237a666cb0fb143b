"""Query points in the axes of the hand's parts and of the object (section 3.2).

All of these features are affine in the point, so they are kept as one matrix and one offset a
frame; what is linear in them may then be worked out once a frame instead of once a point.
"""

from __future__ import annotations

from enum import Enum
from typing import Final, NamedTuple

import torch
from torch import Tensor

from hand_object_recon.core.keypoints import KEYPOINT_COUNT
from hand_object_recon.geometry.single_precision import in_single_precision
from hand_object_recon.hand_model.conventions import JOINT_COUNT
from hand_object_recon.reconstructors.gsdf.conventions import Source

HAND_FEATURES: Final = 3 * (1 + JOINT_COUNT)
OBJECT_FEATURES: Final = 3 * (3 + KEYPOINT_COUNT)


class HandKinematics(str, Enum):
    """What the hand's distances know of its pose (table 1): nothing but the point about the wrist,
    the wrist's axes too, or those of all parts."""

    NONE = "none"
    WRIST = "wrist"
    ALL = "all"

    @property
    def feature_count(self) -> int:
        """Features of a point."""
        return {"none": 3, "wrist": 6, "all": HAND_FEATURES}[self.value]


class ObjectKinematics(str, Enum):
    """What the object's distances know (table 2): nothing but the point about the wrist, the
    object's centre too, or that and the hand's joints and wrist."""

    NONE = "none"
    CENTER = "center"
    ALL = "all"

    @property
    def feature_count(self) -> int:
        """Features of a point."""
        return {"none": 3, "center": 6, "all": OBJECT_FEATURES}[self.value]


class AffineFeatures(NamedTuple):
    """``features = point @ matrix.T + offset`` with matrix (B, C, 3) and offset (B, C)."""

    matrix: Tensor
    offset: Tensor

    @in_single_precision
    def of(self, points: Tensor) -> Tensor:
        """(B, P, C) features of (B, P, 3) points."""
        return torch.baddbmm(self.offset[:, None], points, self.matrix.mT)

    def first(self, count: int) -> AffineFeatures:
        """The first so many of them."""
        return AffineFeatures(self.matrix[:, :count], self.offset[:, :count])


def hand_features(transforms: Tensor, unit_m: float) -> AffineFeatures:
    """The point itself, then in the axes of each part: 51 features of points in query units.

    transforms: (B, 16, 4, 4) of ``HandFrames``, metres.
    """
    turns, shifts = _into(transforms, unit_m)
    identity, zero = _unmoved(transforms)
    matrix = torch.cat([identity, turns.flatten(1, 2)], dim=1)
    return AffineFeatures(matrix, torch.cat([zero, shifts.flatten(1, 2)], dim=1))


def object_features(
    transforms: Tensor, joints_m: Tensor, center_m: Tensor, unit_m: float, order: Source
) -> AffineFeatures:
    """The point itself, seen from the object's centre, from each joint, and in the wrist's axes.

    72 features. joints_m (B, 21, 3) and center_m (B, 3) about the wrist.
    """
    turns, shifts = _into(transforms[:, :1], unit_m)
    identity, zero = _unmoved(transforms)
    wrist = (turns.flatten(1, 2), shifts.flatten(1, 2))
    center = (identity, -center_m / unit_m)
    joints = (identity.repeat(1, KEYPOINT_COUNT, 1), -joints_m.flatten(1, 2) / unit_m)
    tail = (wrist, joints) if order is Source.CODE else (joints, wrist)
    parts = ((identity, zero), center, *tail)
    matrices, offsets = zip(*parts, strict=True)
    return AffineFeatures(torch.cat(matrices, dim=1), torch.cat(offsets, dim=1))


def _into(transforms: Tensor, unit_m: float) -> tuple[Tensor, Tensor]:
    """(B, N, 3, 3) turns and (B, N, 3) shifts from query coordinates into each frame."""
    turns = transforms[..., :3, :3].mT
    shifts = -(turns @ transforms[..., :3, 3:])[..., 0] / unit_m
    return turns, shifts


def _unmoved(transforms: Tensor) -> tuple[Tensor, Tensor]:
    identity = torch.eye(3).to(transforms).expand(len(transforms), 3, 3)
    return identity, transforms.new_zeros(len(transforms), 3)
