"""Triangles that rays can be cast at (Intel Embree through embreex)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.errors import DependencyError
from hand_object_recon.geometry.mesh_normals import face_area_vectors, vertex_normals

FloatArray = NDArray[np.floating[Any]]
Float32Array = NDArray[np.float32]

_LIFT_M = 4e-4


@dataclass(frozen=True, eq=False)
class Hits:
    """What the rays that hit something met first.

    rays (N,) numbers of those rays; distances (N,) in lengths of the ray's direction;
    faces (N,); weights (N, 3) barycentric weights of the face's corners.
    """

    rays: NDArray[np.intp]
    distances: Float32Array
    faces: NDArray[np.intp]
    weights: Float32Array


class RaySurface:
    """A triangle mesh, vertices (V, 3) metres and faces (F, 3), prepared for ray casting."""

    def __init__(self, vertices_m: FloatArray, faces: NDArray[np.int32]) -> None:
        rtcore_scene, mesh_construction = _import_embree()
        self.vertices_m = np.ascontiguousarray(vertices_m, dtype=np.float32)
        self.faces = np.ascontiguousarray(faces, dtype=np.int32)
        self._scene = rtcore_scene.EmbreeScene()
        mesh_construction.TriangleMesh(self._scene, self.vertices_m, self.faces)

    def first_hits(self, origins_m: FloatArray, directions: FloatArray) -> Hits:
        """Cast rays (N, 3) and return the nearest triangle of each that hits one."""
        answer = self._scene.run(_plain(origins_m), _plain(directions), output=True)
        rays = np.flatnonzero(answer["primID"] >= 0)
        second, third = answer["u"][rays], answer["v"][rays]
        weights = np.stack([1.0 - second - third, second, third], axis=1)
        return Hits(rays, answer["tfar"][rays], answer["primID"][rays].astype(np.intp), weights)

    def openness(
        self, points_m: FloatArray, normals: FloatArray, directions: FloatArray
    ) -> Float32Array:
        """(N,) share of the ``directions`` (D, 3) in which nothing is in the way of each point.

        Directions below a point's own horizon count as blocked.
        """
        origins = np.repeat(points_m + _LIFT_M * normals, len(directions), axis=0)
        rays = np.tile(directions, (len(points_m), 1))
        blocked = self._scene.run(_plain(origins), _plain(rays), query="OCCLUDED") >= 0
        above = (normals @ directions.T) > 0
        free = ~blocked.reshape(above.shape) & above
        return np.asarray(free.mean(axis=1), dtype=np.float32)

    def vertex_normals(self) -> Float32Array:
        """(V, 3) unit normals, faces weighted by area."""
        areas = face_area_vectors(self.vertices_m, self.faces)
        return vertex_normals(areas, self.faces, len(self.vertices_m)).astype(np.float32)


def _plain(vectors: FloatArray) -> Float32Array:
    return np.ascontiguousarray(vectors, dtype=np.float32)


def _import_embree() -> tuple[Any, Any]:
    try:
        from embreex import mesh_construction, rtcore_scene
    except ImportError:
        raise DependencyError(
            "rendering the demo needs embreex, which is not installed: pip install embreex"
        ) from None
    return rtcore_scene, mesh_construction
