"""How far a prediction is from the truth: the paper's measures (section IV-A).

What the paper leaves open is decided so: joints and vertices are compared about the wrist, as its
ancestor's are (ObMan); its MPJPE is ``joints_mm``, its HME ``vertices_mm``. CD is Eq. 6 in square
millimetres, half the sum of both means. PD is how deep the deepest of the hand's vertices is in the
object (ObMan's); the paper's words would have vertices of the object in the hand, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import torch
from torch import Tensor

from hand_object_recon.geometry.signed_distance import signed_distances
from hand_object_recon.reconstructors.cross_branch.depth_channel import UNIT_M, relative_depth
from hand_object_recon.reconstructors.cross_branch.losses import Truth
from hand_object_recon.reconstructors.cross_branch.point_distances import chamfer
from hand_object_recon.reconstructors.cross_branch.prediction import (
    HandPrediction,
    ObjectPrediction,
)
from hand_object_recon.reconstructors.cross_branch.sphere import object_sphere

_HIDDEN_BELOW: Final = 0.75


def depth_scores(estimate: Tensor, true_depth_m: Tensor) -> dict[str, Tensor]:
    """(B,) mean error of (B, S, S) relative depth where the truth is told, each about its own
    reference; NaN where it is told nowhere."""
    is_told = true_depth_m > 0.0
    gaps = (estimate - relative_depth(true_depth_m)).abs()
    mean = torch.where(is_told, gaps, torch.nan).flatten(1).nanmean(dim=1)
    return {"depth_mm": 1e3 * UNIT_M * mean}


def hand_scores(
    found: HandPrediction,
    true_joints_m: Tensor,
    true_vertices_m: Tensor | None,
    visible_shares: Tensor,
) -> dict[str, Tensor]:
    """(B,) mean errors of joints and vertices; truth (B, 21, 3) and (B, V, 3) about the wrist.

    ``hidden_joints_mm`` is that of hands of which less than three quarters can be seen, NaN of the
    others.
    """
    joints_mm = _mean_gaps_mm(found.joints_m, true_joints_m)
    scores = {"joints_mm": joints_mm}
    if true_vertices_m is not None:
        scores["vertices_mm"] = _mean_gaps_mm(found.vertices_m, true_vertices_m)
    is_hidden = visible_shares < _HIDDEN_BELOW
    scores["hidden_joints_mm"] = torch.where(is_hidden, joints_mm, torch.nan)
    return scores


def object_scores(found: ObjectPrediction, true: Truth) -> dict[str, Tensor]:
    """(B,) distance to the true surface, and from its centre; NaN of hands that hold nothing.

    Where the network tells whether there is an object, ``is_held_wrong_percent`` is 100 if not so.
    """
    scores = {
        "chamfer_mm2": 1e6 * chamfer(found.vertices_m, true.points_m),
        "center_mm": 1e3 * torch.linalg.vector_norm(found.translation_m - true.center_m, dim=1),
    }
    if true.is_held is None:
        return scores
    of_held = {name: torch.where(true.is_held, score, torch.nan) for name, score in scores.items()}
    assert found.is_held is not None
    is_wrong = (found.is_held > 0.0) != true.is_held
    return {**of_held, "is_held_wrong_percent": 100.0 * is_wrong.to(found.scale_m.dtype)}


def joined_scores(
    hand: HandPrediction, held: ObjectPrediction, scores: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """(B,) of hands with their objects, from their scores alone and how deep the hand is in the
    object: ``both_mm`` is the mean of the joints' error and the root of the surface's."""
    both_mm = 0.5 * (scores["joints_mm"] + scores["chamfer_mm2"].sqrt())
    penetration_mm = penetrations_mm(hand.vertices_m, held.vertices_m)
    return {
        "both_mm": both_mm,
        "penetration_mm": torch.where(both_mm.isnan(), torch.nan, penetration_mm),
    }


def penetrations_mm(hand_vertices_m: Tensor, object_vertices_m: Tensor) -> Tensor:
    """(B,) how deep the deepest of (B, V, 3) vertices is in an object of (B, 642, 3) vertices."""
    faces = object_sphere().faces
    hands, objects = (one.detach().cpu().numpy() for one in (hand_vertices_m, object_vertices_m))
    pairs = zip(hands, objects, strict=True)
    deepest = [max(0.0, -float(signed_distances(*pair, faces).min())) for pair in pairs]
    return 1e3 * hand_vertices_m.new_tensor(deepest)


def _mean_gaps_mm(found_m: Tensor, true_m: Tensor) -> Tensor:
    gaps: Tensor = torch.linalg.vector_norm(found_m - true_m, dim=2)
    return 1e3 * gaps.mean(dim=1)
