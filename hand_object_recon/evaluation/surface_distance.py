"""Exact distance from points to a triangle mesh, many points at once."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.errors import InvalidValueError

FloatArray = NDArray[np.floating[Any]]


def distances_to_surface(
    points_m: NDArray[Any], vertices_m: NDArray[Any], faces: NDArray[np.integer[Any]]
) -> FloatArray:
    """(N,) float64 distance from each point (N, 3) to the nearest point of the mesh's triangles.

    The nearest corner bounds the distance from above; a triangle is left out only where its
    centre is farther than what was found and its own radius together, so the result is exact.

    Raises
    ------
    InvalidValueError
        The mesh has no triangle.
    """
    from scipy.spatial import cKDTree

    from hand_object_recon.evaluation.surface_distance_kernels import nearest_distances

    if not len(faces):
        raise InvalidValueError("surface has 0 triangles; a distance needs at least one")
    points = np.ascontiguousarray(points_m, dtype=np.float64)
    if not len(points):
        return np.empty(0)
    triangles = np.ascontiguousarray(np.asarray(vertices_m, dtype=np.float64)[faces])
    centers = np.ascontiguousarray(triangles.mean(axis=1))
    radii = np.linalg.norm(triangles - centers[:, None], axis=2).max(axis=1)
    bounds, _ = cKDTree(triangles.reshape(-1, 3)).query(points)
    return nearest_distances(points, triangles, centers, radii, bounds)
