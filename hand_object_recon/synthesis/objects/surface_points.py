"""Points on a triangle mesh: at random, or so close together that none of it is missed."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.geometry.mesh_normals import face_area_vectors

FloatArray = NDArray[np.floating[Any]]
Faces = NDArray[np.int32]


def random_surface_points(
    vertices_m: FloatArray, faces: Faces, count: int, random: np.random.Generator
) -> NDArray[np.float64]:
    """(count, 3) points spread evenly over the surface."""
    vertices = np.asarray(vertices_m, dtype=np.float64)
    areas = np.linalg.norm(face_area_vectors(vertices, faces), axis=1)
    chosen = random.choice(len(faces), size=count, p=areas / areas.sum())
    along, across = np.sqrt(random.random(count)), random.random(count)
    weights = np.stack([1.0 - along, along * (1.0 - across), along * across], axis=1)
    return np.asarray(np.einsum("nc,nck->nk", weights, vertices[faces[chosen]]))


def dense_surface_points(vertices: FloatArray, faces: Faces, spacing: float) -> FloatArray:
    """(N, 3) points of which one lies within ``spacing`` of every point of the surface."""
    corners = np.asarray(vertices, dtype=np.float64)[faces]
    sides = np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2).max(axis=1)
    # no point of a triangle is farther from all its corners than its longest side over root 3
    needed = np.maximum(sides / (np.sqrt(3.0) * spacing), 1.0)
    divisions = 2 ** np.ceil(np.log2(needed)).astype(int)
    return np.concatenate(
        [
            np.einsum("wc,fck->fwk", _lattice(number), corners[divisions == number]).reshape(-1, 3)
            for number in np.unique(divisions).tolist()
        ]
    )


def _lattice(divisions: int) -> FloatArray:
    """(W, 3) barycentric weights of the corners of a triangle cut into ``divisions``² alike."""
    first, second = np.mgrid[: divisions + 1, : divisions + 1]
    within = first + second <= divisions
    weights = np.stack([first[within], second[within], divisions - (first + second)[within]], 1)
    return weights / divisions
