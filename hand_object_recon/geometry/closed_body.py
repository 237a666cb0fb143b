"""Closed meshes: seen from elsewhere, their middle, points on their surface."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.geometry.mesh_normals import face_area_vectors

FloatArray = NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False)
class Body:
    """A closed mesh: (V, 3) vertices in metres, (F, 3) faces counter-clockwise from outside."""

    vertices_m: FloatArray
    faces: NDArray[np.int32]

    def seen_from(self, origin_m: FloatArray, axes: FloatArray) -> Body:
        """The same about an origin in other (3, 3) axes, which may mirror it."""
        is_mirrored = np.linalg.det(axes) < 0.0
        faces = self.faces[:, ::-1] if is_mirrored else self.faces
        return Body((self.vertices_m - origin_m) @ axes.T, faces)

    @property
    def center_m(self) -> FloatArray:
        """(3,) the mean of its surface."""
        areas = self._face_areas()
        return np.asarray(areas @ self.vertices_m[self.faces].mean(axis=1) / areas.sum())

    @property
    def signed_volume_m3(self) -> float:
        """The volume inside; below zero where the faces are counter-clockwise from inside."""
        corners = self.vertices_m[self.faces].astype(np.float64) - self.vertices_m.mean(axis=0)
        return float(np.linalg.det(corners).sum() / 6.0)

    def surface_points(self, count: int, random: np.random.Generator) -> FloatArray:
        """(count, 3) points spread evenly over the surface."""
        areas = self._face_areas()
        corners = self.vertices_m[
            self.faces[random.choice(len(areas), count, p=areas / areas.sum())]
        ]
        weights = random.dirichlet(np.ones(3), count)
        return np.asarray(np.einsum("nc,nck->nk", weights, corners))

    def _face_areas(self) -> FloatArray:
        """(F,) in the double of their unit's square."""
        return np.asarray(np.linalg.norm(face_area_vectors(self.vertices_m, self.faces), axis=1))
