"""How far hands are from the truth: the paper's measures."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from hand_object_recon.reconstructors.pdfnet.conventions import ROOT_KEYPOINT, SIDES
from hand_object_recon.reconstructors.pdfnet.losses import HandsTruth
from hand_object_recon.reconstructors.pdfnet.prediction import HandsPrediction

_MASK_ABOVE = 0.5

Measure = Callable[[HandsPrediction, HandsTruth], Tensor]


def hand_errors_mm(found: HandsPrediction, true: HandsTruth) -> dict[str, Tensor]:
    """(B,) mean errors over the hands that are there, NaN where there is none.

    In camera axes (MPJPE, MPVPE), of both hands, and of each; then with the roots laid on each
    other (AL-MPJPE, AL-MPVPE). Of vertices where there are any.
    """
    measures: dict[str, Measure] = {
        "joints_mm": _joint_errors_mm,
        "aligned_joints_mm": _aligned_joint_errors_mm,
        "root_mm": _root_errors_mm,
    }
    if found.vertices.shape[2]:
        measures |= {
            "vertices_mm": _vertex_errors_mm,
            "aligned_vertices_mm": _aligned_vertex_errors_mm,
        }
    errors = {name: measure(found, true) for name, measure in measures.items()}
    scores = {name: mean_of_hands(values, true.is_learned) for name, values in errors.items()}
    for place, side in enumerate(SIDES):
        is_there = true.is_learned[:, place]
        for name, values in errors.items():
            scores[f"{side.value}_{name}"] = torch.where(is_there, values[:, place], torch.nan)
    return scores


def mask_overlap(mask_shares: Tensor, true: HandsTruth) -> Tensor:
    """(B,) intersection over union of the hands' masks, mean over those that are there."""
    found, masks = mask_shares > _MASK_ABOVE, true.masks.bool()
    both, either = (joined.sum(dim=(2, 3)).float() for joined in (found & masks, found | masks))
    return mean_of_hands(both / either.clamp_min(1.0), true.is_present)


def presence_accuracy(presence_logits: Tensor, true: HandsTruth) -> Tensor:
    """(B,) share of the two hands of which it is said rightly whether they are there."""
    is_right = (presence_logits > 0.0) == true.is_present
    return is_right.float().mean(dim=1)


def count_accuracy(presence_logits: Tensor, true: HandsTruth) -> Tensor:
    """(B,) 1 where as many hands are likely as there are, whichever they are; otherwise 0.

    A hand that is as likely the left as the right one counts half on either side.
    """
    likely = presence_logits.sigmoid().sum(dim=1).round()
    return (likely == true.is_present.sum(dim=1)).float()


def mean_of_hands(values: Tensor, counted: Tensor) -> Tensor:
    """(B,) of (B, 2); NaN where no hand counts."""
    mean: Tensor = torch.where(counted, values, torch.nan).nanmean(dim=1)
    return mean


def _joint_errors_mm(found: HandsPrediction, true: HandsTruth) -> Tensor:
    return _distances_mm(_in_camera(found.joints, found), _in_camera(true.joints, true))


def _vertex_errors_mm(found: HandsPrediction, true: HandsTruth) -> Tensor:
    return _distances_mm(_in_camera(found.vertices, found), _in_camera(true.vertices, true))


def _aligned_joint_errors_mm(found: HandsPrediction, true: HandsTruth) -> Tensor:
    return _distances_mm(_about_root(found.joints, found), _about_root(true.joints, true))


def _aligned_vertex_errors_mm(found: HandsPrediction, true: HandsTruth) -> Tensor:
    return _distances_mm(_about_root(found.vertices, found), _about_root(true.vertices, true))


def _root_errors_mm(found: HandsPrediction, true: HandsTruth) -> Tensor:
    distances: Tensor = torch.linalg.vector_norm(found.roots_m - true.roots_m, dim=2)
    return 1e3 * distances


def _in_camera(points: Tensor, hands: HandsPrediction | HandsTruth) -> Tensor:
    return points + hands.roots_m[:, :, None]


def _about_root(points: Tensor, hands: HandsPrediction | HandsTruth) -> Tensor:
    return points - hands.joints[:, :, ROOT_KEYPOINT, None]


def _distances_mm(points: Tensor, true_points: Tensor) -> Tensor:
    """(B, 2) mean over the points."""
    distances: Tensor = torch.linalg.vector_norm(points - true_points, dim=3)
    return 1e3 * distances.mean(dim=2)
