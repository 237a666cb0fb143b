"""What the networks are trained for: section 3.5 of the paper, and where its code differs.

Lengths are metres, distances are in query units. The terms by ``LossSource``:

joints, centre: the paper adds up the squares of a gap's coordinates, the code takes their mean, and
half of that for the centre.
order of joints: the paper adds up over pairs of joints; the code takes the mean of logarithms over
them, and of the same without logarithm over pairs of bones, and counts the camera's own view, too.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

from hand_object_recon.core.keypoints import BONES, KEYPOINT_COUNT
from hand_object_recon.reconstructors.gsdf.network import Prediction

_DISTANCE_WEIGHT: Final = 0.5
_CODE_CENTER_WEIGHT: Final = 0.5


class LossSource(str, Enum):
    """Who is followed where the losses differ."""

    PAPER = "paper"
    CODE = "code"


@dataclass(frozen=True)
class ShapeRules:
    """largest_distance: what is truly farther counts as so far. clamped_answers: the network's
    answers, too, so that nothing is learned from one that is farther off on the wrong side.
    own_points: each body learns from the half of the points that was drawn for it."""

    source: LossSource
    largest_distance: float
    clamped_answers: bool
    own_points: bool


@dataclass(frozen=True, eq=False)
class ShapeTruth:
    """What is true of a batch; shapes and units as in ``Prediction``.

    The first half of the points was drawn for the hand, the other for the object.
    """

    hand_distances: Tensor
    object_distances: Tensor
    centers_m: Tensor


def pose_losses(
    joints_m: Tensor, true_joints_m: Tensor, views: Tensor, source: LossSource
) -> dict[str, Tensor]:
    """Weighted terms of (B, 21, 3) joints by name.

    views: (B, V, 3) unit directions of virtual cameras.
    """
    return {
        "joints": _gap_loss(joints_m, true_joints_m, source),
        "order": order_loss(joints_m, true_joints_m, views, source),
    }


def shape_losses(found: Prediction, true: ShapeTruth, rules: ShapeRules) -> dict[str, Tensor]:
    """Weighted terms of distances and of the object's centre by name."""
    half = found.hand_distances.shape[1] // 2
    of_hand, of_object = slice(None), slice(None)
    if rules.own_points:
        of_hand, of_object = slice(half), slice(half, None)
    pairs = {
        "hand": (found.hand_distances[:, of_hand], true.hand_distances[:, of_hand]),
        "object": (found.object_distances[:, of_object], true.object_distances[:, of_object]),
    }
    losses = {name: _DISTANCE_WEIGHT * _distance_loss(*pair, rules) for name, pair in pairs.items()}
    weight = _CODE_CENTER_WEIGHT if rules.source is LossSource.CODE else 1.0
    losses["center"] = weight * _gap_loss(found.centers_m, true.centers_m, rules.source)
    return losses


def order_loss(
    joints_m: Tensor, true_joints_m: Tensor, views: Tensor, source: LossSource
) -> Tensor:
    """How far pairs of joints, and bones, lie in the wrong order as seen from virtual cameras."""
    if source is LossSource.PAPER:
        of_joints = _wrong_way(_joint_gaps(joints_m), _joint_gaps(true_joints_m), views)
        return of_joints.sum(dim=2).mean()
    camera = views.new_tensor([0.0, 0.0, 1.0]).expand(len(views), 1, 3)
    all_views = torch.cat([camera, views], dim=1)
    of_joints, of_bones = (
        _wrong_way(pairs(joints_m), pairs(true_joints_m), all_views)
        for pairs in (_joint_gaps, _bone_turns)
    )
    return of_joints.log1p().mean() + of_bones.mean()


def _distance_loss(found: Tensor, true: Tensor, rules: ShapeRules) -> Tensor:
    limit = rules.largest_distance
    if rules.clamped_answers:
        compared = found.clamp(-limit, limit)
    else:
        highest = torch.where(true >= limit, limit, torch.inf)
        lowest = torch.where(true <= -limit, -limit, -torch.inf)
        compared = found.clamp(lowest, highest)
    return functional.l1_loss(compared, true.clamp(-limit, limit))


def _gap_loss(found: Tensor, true: Tensor, source: LossSource) -> Tensor:
    squared: Tensor = (found - true).square()
    return squared.mean() if source is LossSource.CODE else squared.sum(dim=-1).mean()


def _wrong_way(vectors: Tensor, true_vectors: Tensor, views: Tensor) -> Tensor:
    """(B, V, N) how far (B, N, 3) vectors point against the true ones along (B, V, 3) views."""
    along, true_along = views @ vectors.mT, views @ true_vectors.mT
    return functional.relu(-true_along.sign() * along)


def _joint_gaps(joints_m: Tensor) -> Tensor:
    """(B, 210, 3) from each joint to each before it."""
    later, earlier = torch.tril_indices(KEYPOINT_COUNT, KEYPOINT_COUNT, -1, device=joints_m.device)
    return joints_m[:, earlier] - joints_m[:, later]


def _bone_turns(joints_m: Tensor) -> Tensor:
    """(B, 190, 3) cross products of each pair of bones."""
    parents, children = torch.tensor(BONES, device=joints_m.device).T
    bones = joints_m[:, children] - joints_m[:, parents]
    later, earlier = torch.tril_indices(len(BONES), len(BONES), -1, device=joints_m.device)
    turns: Tensor = torch.linalg.cross(bones[:, earlier], bones[:, later])
    return turns
