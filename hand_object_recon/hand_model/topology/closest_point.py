"""The nearest points of a triangle mesh, in barycentric coordinates."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

FloatArray = NDArray[np.floating[Any]]
Indices = NDArray[np.int32]


def closest_points(
    points: FloatArray, vertices: FloatArray, faces: Indices
) -> tuple[Indices, NDArray[np.float64]]:
    """For each of (P, 3) points the nearest face (P,) and barycentric weights (P, 3) in it.

    Weights are at least zero and sum to one. Of faces equally near, the first is taken.
    """
    corners = vertices.astype(np.float64)[faces]
    point, face = _near_pairs(points, corners)
    weights = _weights_in_triangles(points.astype(np.float64)[point], corners[face])
    offsets = np.einsum("kc,kcx->kx", weights, corners[face]) - points[point]
    distances = np.einsum("kx,kx->k", offsets, offsets)
    order = np.lexsort((face, distances, point))
    _, first = np.unique(point[order], return_index=True)
    nearest = order[first]
    return face[nearest].astype(np.int32), weights[nearest]


def _near_pairs(
    points: FloatArray, corners: NDArray[np.float64]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Pairs (point, face), among them for each point its nearest face.

    That face is no farther than the nearest corner, so its centre is no farther than that plus
    the greatest distance of a corner from the centre of its face.
    """
    centres = corners.mean(axis=1)
    reach = np.linalg.norm(corners - centres[:, None], axis=2).max()
    to_corner, _ = cKDTree(corners.reshape(-1, 3)).query(points)
    radii = (to_corner + reach) * (1.0 + 1e-9)
    faces_of_points = cKDTree(centres).query_ball_point(points, radii)
    counts = [len(found) for found in faces_of_points]
    return np.repeat(np.arange(len(points)), counts), np.concatenate(faces_of_points).astype(int)


def _weights_in_triangles(
    points: NDArray[np.float64], triangles: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(K, 3) barycentric weights of the point of a triangle (K, 3, 3) nearest to (K, 3) points.

    The foot on the triangle's plane where it lies inside, else the best of the feet on the three
    edges.
    """
    weights = _plane_weights(points, triangles)
    is_outside = ~(weights >= 0.0).all(axis=1)
    weights[is_outside] = _edge_weights(points[is_outside], triangles[is_outside])
    return weights


def _plane_weights(
    points: NDArray[np.float64], triangles: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(K, 3) barycentric weights of the feet on the planes; NaN for a triangle without area."""
    first, second = triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0]
    to_point = points - triangles[:, 0]
    aa, bb = np.einsum("kx,kx->k", first, first), np.einsum("kx,kx->k", second, second)
    ab = np.einsum("kx,kx->k", first, second)
    ap, bp = np.einsum("kx,kx->k", first, to_point), np.einsum("kx,kx->k", second, to_point)
    determinant = aa * bb - ab * ab
    determinant = np.where(determinant > 1e-12 * aa * bb, determinant, np.nan)
    along_first = (bb * ap - ab * bp) / determinant
    along_second = (aa * bp - ab * ap) / determinant
    return np.column_stack([1.0 - along_first - along_second, along_first, along_second])


def _edge_weights(
    points: NDArray[np.float64], triangles: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(K, 3) barycentric weights of the nearest point on the triangles' edges."""
    weights = np.zeros((3, len(points), 3))
    distances = np.empty((3, len(points)))
    for edge in range(3):
        start, end = triangles[:, edge], triangles[:, (edge + 1) % 3]
        along = end - start
        squared = np.maximum(np.einsum("kx,kx->k", along, along), 1e-300)
        share = np.clip(np.einsum("kx,kx->k", points - start, along) / squared, 0.0, 1.0)
        weights[edge, :, edge], weights[edge, :, (edge + 1) % 3] = 1.0 - share, share
        distances[edge] = np.linalg.norm(start + share[:, None] * along - points, axis=1)
    best: NDArray[np.float64] = weights[distances.argmin(axis=0), np.arange(len(points))]
    return best
