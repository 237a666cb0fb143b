"""How far the surface of a mesh is from the true one's, beside where its vertices are."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def normal_errors(vertices: Tensor, true_vertices: Tensor, faces: Tensor) -> Tensor:
    """(B,) mean cosine between the edges of (B, V, 3) vertices and the true triangles' normals.

    faces: (F, 3) int64 triangles of the mesh.
    """
    corners = true_vertices[:, faces]
    normals = functional.normalize(
        torch.linalg.cross(
            corners[:, :, 1] - corners[:, :, 0], corners[:, :, 2] - corners[:, :, 0]
        ),
        dim=2,
    )
    edges = functional.normalize(_edges(vertices, faces), dim=3)
    return (edges * normals[:, :, None]).sum(dim=3).abs().mean(dim=(1, 2))


def edge_errors(vertices: Tensor, true_vertices: Tensor, faces: Tensor) -> Tensor:
    """(B,) mean difference of the lengths of the triangles' edges, metres."""
    lengths = torch.linalg.vector_norm(_edges(vertices, faces), dim=3)
    true_lengths = torch.linalg.vector_norm(_edges(true_vertices, faces), dim=3)
    difference: Tensor = lengths - true_lengths
    return difference.abs().mean(dim=(1, 2))


def _edges(vertices: Tensor, faces: Tensor) -> Tensor:
    """(B, F, 3, 3) the three edges of each triangle."""
    corners = vertices[:, faces]
    return corners - corners.roll(-1, dims=2)
