"""What the networks are trained for: section 3.5 of the paper, and where its code differs.

The differences are chosen by ``LossRules``: the code compares rotation matrices entry by entry,
the paper how far ``R^T R_true`` is from the identity.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

from hand_object_recon.networks.mesh_losses import edge_errors, normal_errors
from hand_object_recon.reconstructors.h2onet.network import HandMesh

_NORMAL_WEIGHT: Final = 0.1


class OrientationLoss(str, Enum):
    """How two rotations are compared: entry by entry (the code), or by what turns one into the
    other (the paper)."""

    CODE = "code"
    PAPER = "paper"


@dataclass(frozen=True)
class LossRules:
    """with_orientation: the second stage, which supervises the turned hand as well."""

    with_orientation: bool
    orientation: OrientationLoss = OrientationLoss.CODE


@dataclass(frozen=True, eq=False)
class HandTruth:
    """What is true of a batch of crops; shapes as in ``HandMesh``.

    occluded: (B, 6) whether each finger, and the whole hand, is hidden.
    """

    canonical_vertices: Tensor
    canonical_joints: Tensor
    vertices: Tensor
    joints: Tensor
    joints_uv: Tensor
    orientation: Tensor
    occluded: Tensor


def mesh_losses(
    found: HandMesh, true: HandTruth, faces: Tensor, rules: LossRules
) -> dict[str, Tensor]:
    """Weighted terms by name; their sum is to be minimised.

    faces: (F, 3) int64 triangles of the mesh.
    """
    canonical, true_canonical = found.canonical_vertices, true.canonical_vertices
    losses = {
        "canonical_vertices": functional.l1_loss(canonical, true_canonical),
        "canonical_joints": functional.l1_loss(found.canonical_joints, true.canonical_joints),
        "canonical_normals": _NORMAL_WEIGHT
        * normal_errors(canonical, true_canonical, faces).mean(),
        "canonical_edges": edge_errors(canonical, true_canonical, faces).mean(),
        "joints_uv": functional.l1_loss(found.joints_uv, true.joints_uv),
    }
    if found.occlusion_logits is not None:
        losses["occlusion"] = functional.cross_entropy(found.occlusion_logits, true.occluded.long())
    if rules.with_orientation:
        losses |= _turned_losses(found, true, faces, rules.orientation)
    return losses


def _turned_losses(
    found: HandMesh, true: HandTruth, faces: Tensor, kind: OrientationLoss
) -> dict[str, Tensor]:
    losses = {
        "vertices": functional.l1_loss(found.vertices, true.vertices),
        "joints": functional.l1_loss(found.joints, true.joints),
        "orientation": _orientation_loss(found.orientation, true.orientation, kind),
    }
    if found.occlusion_logits is not None:
        vertices = found.vertices, true.vertices
        losses["normals"] = _NORMAL_WEIGHT * normal_errors(*vertices, faces).mean()
        losses["edges"] = edge_errors(*vertices, faces).mean()
    return losses


def _orientation_loss(rotation: Tensor, true_rotation: Tensor, kind: OrientationLoss) -> Tensor:
    if kind is OrientationLoss.CODE:
        return functional.mse_loss(rotation, true_rotation)
    difference = rotation.transpose(1, 2) @ true_rotation - torch.eye(3, device=rotation.device)
    norms: Tensor = torch.linalg.matrix_norm(difference)
    return norms.mean()
