"""What the network is trained for: sections III-A and III-C of the paper.

The weights are the paper's (section IV-B), and so is what they apply to: squares of millimetres in
Eqs. 3 and 9, which ObMan's code counts in. What the paper leaves open, and where it errs:

points
    Joints, vertices and both Chamfer terms are means over points of the squared distance, as in
    Eq. 6; ObMan's code has means over coordinates for joints and vertices, a third of that.
canonical Chamfer
    Eq. 7 compares the predicted mesh with itself; here with the true points of Eq. 8.
unit of the canonical mesh
    It has none, its largest radius is 1. Beside the Chamfer term in mm2 that would weigh nothing,
    so canonical terms (Chamfer, edges, Laplacian) count that radius as 50 mm.
edges
    Mean of how far squares of edges are from their mean, as in ObMan's code.
Laplacian
    Mean length of the vertices' cotangent Laplacian, with the sphere's cotangents, as there.
contact
    The paper names one weight; attraction and repulsion have it both (ObMan: 0.3125 both, beside
    0.167 for vertices and joints). In millimetres it has by far the steepest slope, so small
    networks do better with ``weights`` near ObMan's share, 0.002.
empty hands
    Not the paper's: a cross-entropy of whether there is an object. Terms of objects are means over
    those hands that hold one.
depth
    Absolute differences of relative depth (units of 0.2 m), mean over the foreground. SSIM is the
    mean over the foreground of pictures that hold nothing else; it counts as 0.05 at least, since
    1 / SSIM has no meaning about zero.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from hand_object_recon.core.hands import HandSide
from hand_object_recon.hand_model.model import load_hand_model
from hand_object_recon.hand_model.topology.adjacency import mesh_edges
from hand_object_recon.hand_model.topology.laplacian import cotangent_laplacian
from hand_object_recon.hand_model.vertex_labels import vertex_labels
from hand_object_recon.networks.loss_weights import changed_weights
from hand_object_recon.reconstructors.cross_branch.contact import contact_errors_mm
from hand_object_recon.reconstructors.cross_branch.depth_channel import (
    FARTHEST,
    NEAREST,
    relative_depth,
)
from hand_object_recon.reconstructors.cross_branch.options import METHOD, CrossBranchOptions
from hand_object_recon.reconstructors.cross_branch.point_distances import chamfer
from hand_object_recon.reconstructors.cross_branch.prediction import (
    HandPrediction,
    ObjectPrediction,
    Prediction,
)
from hand_object_recon.reconstructors.cross_branch.sphere import object_sphere
from hand_object_recon.reconstructors.cross_branch.structural_similarity import (
    structural_similarity,
)

_HAND: Final = 0.001
_OBJECT: Final = 0.001
_CONTACT: Final = 0.1
_SIMILARITY: Final = 1.0 / 1000.0

WEIGHTS: Final = {
    "depth": 1.0,
    "depth_structure": _SIMILARITY,
    "vertices": _HAND,
    "joints": _HAND * 0.167,
    "shape": _HAND * 0.167,
    "pose": _HAND * 0.167,
    "chamfer": _OBJECT,
    "canonical_chamfer": _OBJECT,
    "translation": _OBJECT * 0.167,
    "scale": _OBJECT * 0.167,
    "laplacian": _OBJECT * 0.1,
    "edges": _OBJECT * 2.0,
    "attraction": _CONTACT,
    "repulsion": _CONTACT,
}
"""Of the terms by name, those of the paper."""

_OURS: Final = {"is_held": 1.0}

_MM: Final = 1e3
_CANONICAL_RADIUS_MM: Final = 50.0
_LEAST_SIMILARITY: Final = 0.05


@dataclass(frozen=True, eq=False)
class Truth:
    """What is true of a batch; metres are about the wrist, in the axes of the crop's camera.

    depth_m (B, S, S)
        Along the camera's axis, 0 where there is none.
    foreground (B, S, S)
        Bool, where depth is learned.
    joints_m (B, 21, 3), vertices_m (B, V, 3)
        The hand; vertices are None where the data have no meshes.
    points_m (B, P, 3)
        On the object's surface.
    center_m (B, 3), radius_m (B,)
        The object's centroid, and the largest distance of its surface from there.
    is_held (B,)
        Bool, whether there is an object; None where all hands hold one.
    """

    depth_m: Tensor
    foreground: Tensor
    joints_m: Tensor
    vertices_m: Tensor | None
    points_m: Tensor
    center_m: Tensor
    radius_m: Tensor
    is_held: Tensor | None = None


@dataclass(frozen=True, eq=False)
class LossMeshes:
    """What losses know of the meshes.

    faces (F, 3), edges (E, 2)
        Of the object's sphere.
    laplacian (O, O)
        Its cotangent Laplacian.
    zones
        Vertices of the hand, zone by zone, that touch things.
    """

    faces: Tensor
    edges: Tensor
    laplacian: Tensor
    zones: tuple[Tensor, ...]

    @classmethod
    def of(cls, hand_model: str) -> LossMeshes:
        """Of the right hand of an installed model."""
        sphere = object_sphere()
        laplacian = cotangent_laplacian(sphere.vertices, sphere.faces).toarray()
        zones = vertex_labels(load_hand_model(hand_model, HandSide.RIGHT)).contact_vertices()
        return cls(
            torch.tensor(sphere.faces, dtype=torch.long),
            torch.tensor(mesh_edges(sphere.faces), dtype=torch.long),
            torch.tensor(laplacian, dtype=torch.float32),
            tuple(torch.tensor(zone, dtype=torch.long) for zone in zones.values()),
        )

    def to(self, device: torch.device) -> LossMeshes:
        """The same on a device."""
        return LossMeshes(
            self.faces.to(device),
            self.edges.to(device),
            self.laplacian.to(device),
            tuple(zone.to(device) for zone in self.zones),
        )


class _HeldRows(NamedTuple):
    """rows (N,) of the hands that hold something, and 1; all of them and 0 where none does."""

    rows: Tensor
    share: float

    @classmethod
    def of(cls, true: Truth, found: ObjectPrediction) -> _HeldRows:
        everyone = torch.arange(len(found.scale_m), device=found.scale_m.device)
        rows = everyone if true.is_held is None else everyone[true.is_held]
        return cls(rows, 1.0) if len(rows) else cls(everyone, 0.0)


def cross_branch_losses(
    found: Prediction, true: Truth, meshes: LossMeshes, options: CrossBranchOptions
) -> dict[str, Tensor]:
    """Weighted terms by name of what the stage trains; their sum is to be minimised.

    Raises
    ------
    ConfigError
        ``options.weights`` names a term that there is not.
    """
    weights = changed_weights(WEIGHTS | _OURS, options.weights, METHOD)
    terms: dict[str, Tensor] = {}
    if options.trains_depth:
        assert found.relative_depth is not None
        terms |= depth_terms(found.relative_depth, true)
    if options.trains_hand:
        assert found.hand is not None
        terms |= hand_terms(found.hand, true)
    if options.trains_object:
        assert found.object is not None
        terms |= held_terms(found.object, true, meshes)
    if options.contact:
        assert found.hand is not None
        assert found.object is not None
        held = _HeldRows.of(true, found.object)
        hands_m, objects_m = found.hand.vertices_m[held.rows], found.object.vertices_m[held.rows]
        attraction, repulsion = contact_errors_mm(hands_m, objects_m, meshes.faces, meshes.zones)
        terms["attraction"], terms["repulsion"] = held.share * attraction, held.share * repulsion
    return {name: weights[name] * value for name, value in terms.items()}


def depth_terms(estimate: Tensor, true: Truth) -> dict[str, Tensor]:
    """L1 and 1 / SSIM of (B, S, S) relative depth on the foreground (Eqs. 1 and 2)."""
    is_learned = true.foreground & (true.depth_m > 0.0)
    truth = relative_depth(torch.where(is_learned, true.depth_m, 0.0))
    counts = is_learned.sum(dim=(1, 2)).clamp_min(1)
    gaps = torch.where(is_learned, estimate - truth, 0.0).abs().sum(dim=(1, 2)) / counts
    first, second = (torch.where(is_learned, depth - NEAREST, 0.0) for depth in (estimate, truth))
    similarity = structural_similarity(first, second, FARTHEST - NEAREST)
    mean_similarity = (is_learned * similarity).sum(dim=(1, 2)) / counts
    return {
        "depth": gaps.mean(),
        "depth_structure": (1.0 / mean_similarity.clamp_min(_LEAST_SIMILARITY)).mean(),
    }


def hand_terms(found: HandPrediction, true: Truth) -> dict[str, Tensor]:
    """Eq. 3 without its weights, mm2."""
    terms = {
        "joints": _squared_mm2(found.joints_m - true.joints_m),
        "shape": found.shape.square().sum(dim=1).mean(),
        "pose": found.components.square().sum(dim=1).mean(),
    }
    if true.vertices_m is not None:
        terms["vertices"] = _squared_mm2(found.vertices_m - true.vertices_m)
    return terms


def held_terms(found: ObjectPrediction, true: Truth, meshes: LossMeshes) -> dict[str, Tensor]:
    """``object_terms`` of the hands that hold something, and whether they do where it is told."""
    if true.is_held is None:
        return object_terms(found, true, meshes)
    assert found.is_held is not None
    rows, share = _HeldRows.of(true, found)
    of_held = ObjectPrediction(
        found.vertices_m[rows],
        found.canonical[rows],
        found.scale_m[rows],
        found.translation_m[rows],
    )
    truth = replace(
        true,
        points_m=true.points_m[rows],
        center_m=true.center_m[rows],
        radius_m=true.radius_m[rows],
    )
    terms = {name: share * term for name, term in object_terms(of_held, truth, meshes).items()}
    wrong = functional.binary_cross_entropy_with_logits(found.is_held.float(), true.is_held.float())
    return {**terms, "is_held": wrong}


def object_terms(found: ObjectPrediction, true: Truth, meshes: LossMeshes) -> dict[str, Tensor]:
    """Eq. 9 without its weights, mm2; the Laplacian's mm."""
    true_canonical = (true.points_m - true.center_m[:, None]) / true.radius_m[:, None, None]
    canonical_mm = _CANONICAL_RADIUS_MM * found.canonical
    return {
        "chamfer": chamfer(_MM * true.points_m, _MM * found.vertices_m).mean(),
        "canonical_chamfer": chamfer(_CANONICAL_RADIUS_MM * true_canonical, canonical_mm).mean(),
        "translation": _squared_mm2(found.translation_m - true.center_m),
        "scale": (_MM * (found.scale_m - true.radius_m)).square().mean(),
        "laplacian": laplacian_error(canonical_mm, meshes.laplacian),
        "edges": edge_error(canonical_mm, meshes.edges),
    }


def laplacian_error(vertices: Tensor, laplacian: Tensor) -> Tensor:
    """Mean length of the Laplacian of (B, O, 3) vertices."""
    lengths: Tensor = torch.linalg.vector_norm(laplacian @ vertices, dim=2)
    return lengths.mean()


def edge_error(vertices: Tensor, edges: Tensor) -> Tensor:
    """Mean over (E, 2) edges of how far their squared lengths are from the mesh's mean."""
    start, end = edges.T
    squared = (vertices[:, start] - vertices[:, end]).square().sum(dim=2)
    gaps: Tensor = squared - squared.mean(dim=1, keepdim=True)
    return gaps.abs().mean()


def _squared_mm2(gaps_m: Tensor) -> Tensor:
    """Mean squared length of (..., 3) gaps."""
    return (_MM * gaps_m).square().sum(dim=-1).mean()
