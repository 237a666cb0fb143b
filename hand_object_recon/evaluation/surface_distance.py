"""Exact distance from points to a triangle mesh, many points at once."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.errors import InvalidValueError

FloatArray = NDArray[np.floating[Any]]

_POINTS_AT_ONCE = 256


def distances_to_surface(
    points_m: NDArray[Any], vertices_m: NDArray[Any], faces: NDArray[np.integer[Any]]
) -> FloatArray:
    """(N,) float64 distance from each point (N, 3) to the nearest point of the mesh's triangles.

    The nearest corner bounds the distance from above; a triangle is left out only where its
    centre is farther than that bound and its own radius together, so the result is exact.

    Raises
    ------
    InvalidValueError
        The mesh has no triangle.
    """
    if not len(faces):
        raise InvalidValueError("surface has 0 triangles; a distance needs at least one")
    points = np.asarray(points_m, dtype=np.float64)
    search = _TriangleSearch(np.asarray(vertices_m, dtype=np.float64)[faces])
    parts = [
        search.distances(points[start : start + _POINTS_AT_ONCE])
        for start in range(0, len(points), _POINTS_AT_ONCE)
    ]
    return np.concatenate(parts) if parts else np.empty(0)


class _TriangleSearch:
    """Triangles (F, 3, 3) ready to be searched for the nearest to a point."""

    def __init__(self, triangles: FloatArray) -> None:
        from scipy.spatial import cKDTree

        self._triangles = triangles
        self._centers = triangles.mean(axis=1)
        self._radii = np.linalg.norm(triangles - self._centers[:, None], axis=2).max(axis=1)
        self._corner_tree = cKDTree(triangles.reshape(-1, 3))
        self._center_tree = cKDTree(self._centers)

    def distances(self, points: FloatArray) -> FloatArray:
        """(N,) exact distances of a few hundred points (N, 3)."""
        bounds, _ = self._corner_tree.query(points)
        rows, candidates = self._candidates(points, bounds)
        squared = _squared_distances(points[rows], self._triangles[candidates])
        nearest = np.square(bounds)
        np.minimum.at(nearest, rows, squared)
        return np.asarray(np.sqrt(nearest))

    def _candidates(
        self, points: FloatArray, bounds: FloatArray
    ) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Numbers of points and of triangles, pairwise, that may be nearer than the bounds."""
        near = self._center_tree.query_ball_point(points, bounds + self._radii.max())
        rows = np.repeat(np.arange(len(points)), [len(found) for found in near])
        triangles = np.concatenate([np.asarray(found, dtype=np.intp) for found in near])
        offsets = np.linalg.norm(points[rows] - self._centers[triangles], axis=1)
        within = offsets - self._radii[triangles] <= bounds[rows]
        return rows[within], triangles[within]


def _squared_distances(points: FloatArray, triangles: FloatArray) -> FloatArray:
    """Squared distance from points (..., 3) to triangles (..., 3, 3), broadcast together.

    Inside the triangle's prism it is the distance to the plane, elsewhere that to an edge.
    """
    first, second, third = (triangles[..., corner, :] for corner in range(3))
    to_edges = np.minimum(
        np.minimum(_to_segment(points, first, second), _to_segment(points, second, third)),
        _to_segment(points, third, first),
    )
    normal = np.cross(second - first, third - first)
    area_squared = _dot(normal, normal)
    offset = points - first
    weight_second = _dot(np.cross(offset, third - first), normal)
    weight_third = _dot(np.cross(second - first, offset), normal)
    inside = (
        (weight_second >= 0)
        & (weight_third >= 0)
        & (weight_second + weight_third <= area_squared)
        & (area_squared > 0)
    )
    to_plane = _dot(offset, normal) ** 2 / np.where(area_squared > 0, area_squared, 1.0)
    nearest: FloatArray = np.where(inside, to_plane, to_edges)
    return nearest


def _to_segment(points: FloatArray, start: FloatArray, end: FloatArray) -> FloatArray:
    direction = end - start
    length_squared = _dot(direction, direction)
    along = _dot(points - start, direction) / np.where(length_squared > 0, length_squared, 1.0)
    offset = points - start - np.clip(along, 0.0, 1.0)[..., None] * direction
    return _dot(offset, offset)


def _dot(a: FloatArray, b: FloatArray) -> FloatArray:
    product: FloatArray = np.einsum("...i,...i->...", a, b)
    return product
