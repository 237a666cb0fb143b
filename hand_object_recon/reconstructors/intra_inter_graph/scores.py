"""How far hands are from the truth: the paper's measures (section 4.2)."""

from __future__ import annotations

import torch
from torch import Tensor

from hand_object_recon.core.keypoints import WRIST
from hand_object_recon.geometry.torch_alignment import align_rigid
from hand_object_recon.reconstructors.intra_inter_graph.losses import Truth
from hand_object_recon.reconstructors.intra_inter_graph.prediction import Hands, Prediction

_HIDDEN_BELOW = 0.75


def hand_scores(
    found: Prediction, true: Truth, visible_shares: Tensor, image_size: int
) -> dict[str, Tensor]:
    """(B,) mean errors of each hand.

    joints_mm, vertices_mm
        With the wrists laid on each other (the paper's J-PE, V-PE).
    aligned_joints_mm, aligned_vertices_mm
        After the best turn, shift and scale, of joints and of vertices (PA-J-PE, PA-V-PE).
    initial_joints_mm, initial_vertices_mm
        What the hand model alone makes of it.
    joints_px
        In the crop, pixels of it.
    hidden_joints_mm
        ``joints_mm`` of hands of which less than three quarters can be seen, NaN of the others.
    """
    best, initial = _about_wrist(found.hands), _about_wrist(found.initial)
    target = _about_wrist(true.hands)
    joints_mm = _gaps_mm(best.joints_m, target.joints_m)
    aligned_joints_m = similarity_aligned(best.joints_m, target.joints_m)
    aligned_vertices_m = similarity_aligned(best.vertices_m, target.vertices_m)
    in_crop: Tensor = torch.linalg.vector_norm(found.joints_uv - true.joints_uv, dim=2)
    return {
        "joints_mm": joints_mm,
        "vertices_mm": _gaps_mm(best.vertices_m, target.vertices_m),
        "aligned_joints_mm": _gaps_mm(aligned_joints_m, target.joints_m),
        "aligned_vertices_mm": _gaps_mm(aligned_vertices_m, target.vertices_m),
        "initial_joints_mm": _gaps_mm(initial.joints_m, target.joints_m),
        "initial_vertices_mm": _gaps_mm(initial.vertices_m, target.vertices_m),
        "joints_px": image_size * in_crop.mean(dim=1),
        "hidden_joints_mm": torch.where(visible_shares < _HIDDEN_BELOW, joints_mm, torch.nan),
    }


def similarity_aligned(points: Tensor, true_points: Tensor) -> Tensor:
    """(B, N, 3) points after the rotation, shift and scale that bring them nearest to others."""
    turned = align_rigid(points, true_points, torch.ones_like(points[..., 0])).apply(points)
    middle = true_points.mean(dim=1, keepdim=True)
    own, other = turned - middle, true_points - middle
    scale = (own * other).sum(dim=(1, 2)) / own.square().sum(dim=(1, 2))
    return middle + scale[:, None, None] * own


def _about_wrist(hands: Hands) -> Hands:
    wrist = hands.joints_m[:, WRIST : WRIST + 1]
    return Hands(hands.joints_m - wrist, hands.vertices_m - wrist)


def _gaps_mm(found_m: Tensor, true_m: Tensor) -> Tensor:
    gaps: Tensor = torch.linalg.vector_norm(found_m - true_m, dim=2)
    return 1e3 * gaps.mean(dim=1)
