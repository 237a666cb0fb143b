"""What the network is trained for: section 3.4 of the paper.

What the paper leaves open is decided so:

squared differences
    Means over all numbers, with HandOccNet's weights: metres, matrices' entries, shares of the
    crop's edge. The paper's lambdas are not told; weights of terms stand for them.
pose
    The numbers that are answered: vectors of axis times angle (Eq. 9), or the entries of matrices
    where turns are answered by two columns.
heat-maps
    Gaussians with a peak of 1, of all hourglasses. Or the cross-entropy of the softmax.
edges
    Mean over the mesh's edges of the sum of absolute differences of vectors, or the mean
    difference of their lengths.
normals
    Edges of length 1, as in H2ONet, so that shorter edges are no way out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

from hand_object_recon.core.hands import HandSide
from hand_object_recon.geometry.torch_rotations import axis_angle_to_matrix
from hand_object_recon.hand_model.model import load_hand_model
from hand_object_recon.hand_model.topology.adjacency import mesh_edges
from hand_object_recon.networks.heatmap_losses import image_cross_entropy
from hand_object_recon.networks.loss_weights import changed_weights
from hand_object_recon.networks.mesh_losses import edge_errors, normal_errors
from hand_object_recon.reconstructors.intra_inter_graph.heatmap_joints import cell_centres
from hand_object_recon.reconstructors.intra_inter_graph.options import (
    METHOD,
    EdgeLoss,
    HeatmapLoss,
    IntraInterGraphOptions,
    Rotation,
)
from hand_object_recon.reconstructors.intra_inter_graph.prediction import Hands, Prediction

WEIGHTS: Final = {
    "initial_vertices": 1e4,
    "initial_joints": 1e4,
    "pose": 10.0,
    "shape": 0.1,
    "heatmaps": 100.0,
    "heatmap_entropy": 1.0,
    "joints_uv": 100.0,
    "vertices": 1e4,
    "joints": 1e4,
    "edges": 100.0,
    "normals": 1.0,
}
"""Of the terms by name."""


@dataclass(frozen=True, eq=False)
class Truth:
    """What is true of a batch; hands are about the wrist, in the axes of the crop's camera.

    joints_uv (B, 21, 2) in the crop; pose_rad (B, 16, 3); shape (B, 10).
    """

    joints_uv: Tensor
    pose_rad: Tensor
    shape: Tensor
    hands: Hands


@dataclass(frozen=True, eq=False)
class LossMesh:
    """Triangles (F, 3) and edges (E, 2) of the hand model, int64."""

    faces: Tensor
    edges: Tensor

    @classmethod
    def of(cls, hand_model: str) -> LossMesh:
        """Of the right hand of an installed model."""
        faces = load_hand_model(hand_model, HandSide.RIGHT).faces
        return cls(
            torch.tensor(faces, dtype=torch.long),
            torch.tensor(mesh_edges(faces), dtype=torch.long),
        )

    def to(self, device: torch.device) -> LossMesh:
        """The same on a device."""
        return LossMesh(self.faces.to(device), self.edges.to(device))


def hand_losses(
    found: Prediction, true: Truth, mesh: LossMesh, options: IntraInterGraphOptions
) -> dict[str, Tensor]:
    """Weighted terms by name; their sum is to be minimised.

    Raises
    ------
    ConfigError
        ``options.weights`` names a term that there is not.
    """
    weights = changed_weights(WEIGHTS, options.weights, METHOD)
    terms = initial_terms(found, true, options)
    if found.refined is not None:
        terms |= refined_terms(found.refined, true.hands, mesh, options.edge_loss)
    return {name: weights[name] * value for name, value in terms.items()}


def initial_terms(
    found: Prediction, true: Truth, options: IntraInterGraphOptions
) -> dict[str, Tensor]:
    """The MANO loss (Eq. 9) without weights."""
    terms = {
        "initial_vertices": functional.mse_loss(found.initial.vertices_m, true.hands.vertices_m),
        "initial_joints": functional.mse_loss(found.initial.joints_m, true.hands.joints_m),
        "shape": functional.mse_loss(found.shape, true.shape),
        "joints_uv": functional.mse_loss(found.joints_uv, true.joints_uv),
    }
    if options.rotation is Rotation.AXIS_ANGLE:
        terms["pose"] = functional.mse_loss(found.pose, true.pose_rad)
    else:
        terms["pose"] = functional.mse_loss(found.rotations, axis_angle_to_matrix(true.pose_rad))
    if options.heatmap_loss is HeatmapLoss.SQUARED:
        true_maps = gaussians(found.heatmaps[:, 0], true.joints_uv, options.heatmap_deviation)
        gaps = found.heatmaps - true_maps[:, None]
        terms["heatmaps"] = gaps.square().mean()
    else:
        terms["heatmap_entropy"] = _heatmap_entropy(found.heatmap_logits, true.joints_uv)
    return terms


def refined_terms(found: Hands, true: Hands, mesh: LossMesh, kind: EdgeLoss) -> dict[str, Tensor]:
    """Eqs. 10 to 12 without weights."""
    vertices = found.vertices_m, true.vertices_m
    lengths = kind is EdgeLoss.LENGTHS
    return {
        "vertices": functional.mse_loss(*vertices),
        "joints": functional.mse_loss(found.joints_m, true.joints_m),
        "edges": edge_errors(*vertices, mesh.faces).mean()
        if lengths
        else edge_vector_error(*vertices, mesh.edges),
        "normals": normal_errors(*vertices, mesh.faces).mean(),
    }


def edge_vector_error(vertices_m: Tensor, true_vertices_m: Tensor, edges: Tensor) -> Tensor:
    """Mean over hands and (E, 2) edges of the L1 norm of the difference of vectors, metres."""
    start, end = edges.T
    gaps = vertices_m - true_vertices_m
    differences: Tensor = gaps[:, end] - gaps[:, start]
    return differences.abs().sum(dim=2).mean()


def gaussians(like: Tensor, uv: Tensor, deviation: float) -> Tensor:
    """(B, N, K, K) maps of the size of others, with a peak of 1 at (B, N, 2) shares of the edge
    and a standard deviation in cells."""
    cells = like.shape[-1]
    gaps = cells * (cell_centres(like) - uv[:, :, None])
    heights = torch.exp(-gaps.square().sum(dim=3) / (2.0 * deviation**2))
    return heights.reshape(*uv.shape[:2], *like.shape[-2:])


def _heatmap_entropy(logits: Tensor, uv: Tensor) -> Tensor:
    """Mean over hourglasses and joints inside the crop."""
    cells = logits.shape[-1] * uv - 0.5
    is_inside = ((uv >= 0.0) & (uv <= 1.0)).all(dim=2)
    counted = is_inside.to(logits.dtype)
    total = torch.stack([image_cross_entropy(maps, cells) for maps in logits.unbind(dim=1)])
    mean: Tensor = (total.mean(dim=0) * counted).sum() / counted.sum().clamp_min(1.0)
    return mean
