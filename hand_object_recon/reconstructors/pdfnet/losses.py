"""What the network is trained for: section III-E of the paper, with the weights of its code.

Lengths are metres; pixels count from -1 to 1 over the picture. Each term is added up over the
hands that are there and has a mean over the batch. The paper gives no weights. Where this parts
from the authors' code:

absolute joints, reprojected joints, bones
    The code adds the true root to the joints, so that only what is about the root is learned; here
    it is the root that was found, as in the paper's projections.
nodes
    The code's target of the right hand is the left hand; here it is the right one.
mask_cross_entropy, heatmap_cross_entropy
    Ours, instead of masks and heatmaps where they are asked for. A heat-map is then a softmax over
    its cells.
absent hands
    The code's terms of pictures, normals and edges count them, too.
center
    The code divides a picture without hands by a thousandth.
presence
    Ours; the network of the code cannot tell that a hand is not there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

from hand_object_recon.core.keypoints import BONES
from hand_object_recon.networks.heatmap_losses import image_cross_entropy
from hand_object_recon.networks.mesh_losses import edge_errors, normal_errors
from hand_object_recon.reconstructors.pdfnet.conventions import CELL_PX
from hand_object_recon.reconstructors.pdfnet.prediction import (
    HandsPrediction,
    Seen,
    orthographic_px,
)
from hand_object_recon.reconstructors.pdfnet.target_maps import spot_radii, spots

WEIGHTS: Final = {
    "center": 200.0,
    "presence": 50.0,
    "masks": 2000.0,
    "mask_cross_entropy": 200.0,
    "heatmaps": 2000.0,
    "heatmap_cross_entropy": 20.0,
    "root": 1000.0,
    "vertices": 500.0,
    "joints": 500.0,
    "absolute_vertices": 100.0,
    "absolute_joints": 100.0,
    "vertices_2d": 50.0,
    "nodes": 100.0,
    "nodes_2d": 50.0,
    "normals": 10.0,
    "bones": 200.0,
    "reprojected_joints": 1000.0,
    "edges": 2000.0,
}
"""Of the terms by name, those of the authors' code, and of ours."""

_FINE_TERMS: Final = ("reprojected_joints", "edges")
_FOCUS: Final = 2
_NEAR_MIDDLE: Final = 4
_LEAST_DEPTH_M: Final = 0.05
_LEAST_SQUARED_BONE: Final = 1e-4


@dataclass(frozen=True, eq=False)
class HandsTruth:
    """What is true of a batch; the axis of hands is left, right. S is the picture's edge.

    is_present
        (B, 2) bool.
    is_learned
        (B, 2) bool: is there, and what the network reads of it is, too.
    joints, roots_m
        (B, 2, 21, 3) metres about the root, and (B, 2, 3) that in camera axes.
    vertices, nodes
        (B, 2, V, 3) and (B, 2, n, 3) about the root.
    cameras
        (B, 3, 3) intrinsics.
    masks
        (B, 2, S, S) 0 or 1.
    centers, extents
        (B, 2) cell of the hand's middle, row after row, and (B, 2, 2) its width and height in
        cells.
    """

    is_present: Tensor
    is_learned: Tensor
    joints: Tensor
    roots_m: Tensor
    vertices: Tensor
    nodes: Tensor | None
    cameras: Tensor
    masks: Tensor
    centers: Tensor
    extents: Tensor

    @property
    def image_size(self) -> int:
        return self.masks.shape[-1]


@dataclass(frozen=True)
class LossRules:
    """with_fine_terms: joints are reprojected and edges compared, too, which the authors do from
    epoch 20 on. with_cross_entropies: of masks and heat-maps, instead of differences of maps.
    weights: of the terms by name.
    """

    with_fine_terms: bool
    with_cross_entropies: bool = False
    weights: Mapping[str, float] = field(default_factory=lambda: WEIGHTS)


def hands_losses(
    seen: Seen,
    mask_shares: Tensor,
    found: HandsPrediction,
    true: HandsTruth,
    faces: Tensor,
    rules: LossRules,
) -> dict[str, Tensor]:
    """Weighted terms by name; their sum is to be minimised.

    mask_shares
        (B, 2, S, S) from 0 to 1, of the seen masks.
    faces
        (F, 3) int64 triangles of the mesh.
    """
    terms = _seen_terms(seen, true)
    if rules.with_cross_entropies:
        terms |= _cross_entropies(seen, true)
    else:
        terms |= _differences(seen, mask_shares, true)
    of_hands = _shape_terms(found, true, faces) | _picture_terms(found, true)
    left_out = () if rules.with_fine_terms else _FINE_TERMS
    terms |= {
        name: _over_hands(values, true.is_learned)
        for name, values in of_hands.items()
        if name not in left_out
    }
    return {name: rules.weights[name] * value for name, value in terms.items()}


def center_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """CenterNet's focal loss of (B, 2, H, W) maps whose targets are 1 in middles alone."""
    is_middle = targets == 1.0
    found, missed = logits.sigmoid(), (-logits).sigmoid()
    of_middles = missed**_FOCUS * functional.logsigmoid(logits) * is_middle
    others = found**_FOCUS * functional.logsigmoid(-logits) * (1.0 - targets) ** _NEAR_MIDDLE
    count = is_middle.sum(dim=(1, 2, 3)).clamp_min(1)
    total = (of_middles + others * ~is_middle).sum(dim=(1, 2, 3))
    mean: Tensor = -(total / count).mean()
    return mean


def _differences(seen: Seen, mask_shares: Tensor, true: HandsTruth) -> dict[str, Tensor]:
    masks = true.masks.to(mask_shares.dtype)
    terms = {"masks": functional.smooth_l1_loss(mask_shares, masks)}
    if seen.heatmaps is not None:
        cells = true.image_size // CELL_PX
        places = _joint_cells(true).floor()
        radii = spot_radii(true.extents)[..., None]
        drawn = spots(places, radii.expand(places.shape[:-1]), cells)
        targets = (drawn * true.is_present[..., None, None, None]).flatten(1, 2)
        terms["heatmaps"] = functional.mse_loss(seen.heatmaps, targets)
    return terms


def _cross_entropies(seen: Seen, true: HandsTruth) -> dict[str, Tensor]:
    """Of masks; and of heat-maps, the mean over joints in the picture."""
    masks = true.masks.to(seen.mask_logits.dtype)
    of_masks = functional.binary_cross_entropy_with_logits(seen.mask_logits, masks)
    terms = {"mask_cross_entropy": of_masks}
    if seen.heatmaps is not None:
        cells = _joint_cells(true)
        count = true.image_size // CELL_PX
        is_pictured = ((cells >= -0.5) & (cells < count - 0.5)).all(dim=-1)
        is_learned = (is_pictured & true.is_present[..., None]).flatten(1, 2)
        of_joints = image_cross_entropy(seen.heatmaps, cells.flatten(1, 2))
        total = torch.where(is_learned, of_joints, 0.0).sum()
        terms["heatmap_cross_entropy"] = total / is_learned.sum().clamp_min(1)
    return terms


def _seen_terms(seen: Seen, true: HandsTruth) -> dict[str, Tensor]:
    cells = true.image_size // CELL_PX
    radii = spot_radii(true.extents)
    is_there = true.is_present[..., None, None]
    middles = torch.stack([true.centers % cells, true.centers // cells], dim=-1)
    terms = {
        "center": center_loss(seen.center_logits, spots(middles, radii, cells) * is_there),
    }
    if seen.presence_logits is not None:
        terms["presence"] = functional.binary_cross_entropy_with_logits(
            seen.presence_logits, true.is_present.to(seen.presence_logits.dtype)
        )
    return terms


def _joint_cells(true: HandsTruth) -> Tensor:
    """(B, 2, 21, 2) places of joints in cells of the heat-maps."""
    return _projected_px(true.joints, true.roots_m, true.cameras) / CELL_PX


def _shape_terms(found: HandsPrediction, true: HandsTruth, faces: Tensor) -> dict[str, Tensor]:
    """(B, 2) of each hand, in space."""
    root_gap, joint_gap = found.roots_m - true.roots_m, found.joints - true.joints
    terms = {
        "root": root_gap.abs().mean(dim=2),
        "joints": _mean_size(joint_gap),
        "absolute_joints": _mean_size(joint_gap + root_gap[:, :, None]),
    }
    if found.vertices.shape[2]:
        vertex_gap = found.vertices - true.vertices
        meshes = found.vertices.flatten(0, 1), true.vertices.flatten(0, 1)
        terms |= {
            "vertices": _mean_size(vertex_gap),
            "absolute_vertices": _mean_size(vertex_gap + root_gap[:, :, None]),
            "normals": normal_errors(*meshes, faces).reshape(true.is_present.shape),
            "edges": edge_errors(*meshes, faces).reshape(true.is_present.shape),
        }
    if found.nodes is not None and true.nodes is not None:
        terms["nodes"] = _mean_size(found.nodes - true.nodes)
    return terms


def _picture_terms(found: HandsPrediction, true: HandsTruth) -> dict[str, Tensor]:
    """(B, 2) of each hand, in the picture."""
    half = true.image_size / 2
    joints, true_joints = (
        _projected_px(hand.joints, hand.roots_m, true.cameras) / half for hand in (found, true)
    )
    gaps = {"reprojected_joints": joints - true_joints}
    if found.scale is not None and found.shift is not None:
        camera = found.scale, found.shift, true.image_size
        true_px = _projected_px(true.vertices, true.roots_m, true.cameras)
        gaps["vertices_2d"] = (orthographic_px(found.vertices, *camera) - true_px) / half
    if found.nodes is not None and found.scale is not None and found.shift is not None:
        assert true.nodes is not None
        true_px = _projected_px(true.nodes, true.roots_m, true.cameras)
        gaps["nodes_2d"] = (orthographic_px(found.nodes, *camera) - true_px) / half
    terms = {name: gap.square().mean(dim=(2, 3)) for name, gap in gaps.items()}
    terms["bones"] = _bone_errors(half * joints, half * true_joints)
    return terms


def _bone_errors(joints_px: Tensor, true_joints_px: Tensor) -> Tensor:
    """(B, 2) mean squared gap of the directions of bones in the picture."""
    parents, children = torch.tensor(BONES, device=joints_px.device).T
    directions = []
    for pixels in (joints_px, true_joints_px):
        bones = pixels[:, :, children] - pixels[:, :, parents]
        squared = bones.square().sum(dim=-1, keepdim=True)
        directions.append(bones / (squared + _LEAST_SQUARED_BONE).sqrt())
    gap: Tensor = directions[0] - directions[1]
    return gap.square().sum(dim=-1).mean(dim=-1)


def _projected_px(points: Tensor, roots_m: Tensor, cameras: Tensor) -> Tensor:
    """(B, 2, N, 2) pixels of (B, 2, N, 3) points about their roots."""
    rays = (points + roots_m[:, :, None]) @ cameras[:, None].mT
    return rays[..., :2] / rays[..., 2:].clamp_min(_LEAST_DEPTH_M)


def _mean_size(gap: Tensor) -> Tensor:
    """(B, 2) mean of the coordinates' sizes of (B, 2, N, 3)."""
    return gap.abs().mean(dim=(2, 3))


def _over_hands(values: Tensor, counted: Tensor) -> Tensor:
    """Sum over the hands that count, mean over the batch."""
    return torch.where(counted, values, 0.0).sum(dim=1).mean()
