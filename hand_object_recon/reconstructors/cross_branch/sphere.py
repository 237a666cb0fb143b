"""The sphere whose vertices become the object's: an icosahedron, its triangles cut three times."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

_CUTS: Final = 3
_GOLDEN: Final = (1.0 + 5.0**0.5) / 2.0


@dataclass(frozen=True, eq=False)
class Sphere:
    """vertices (642, 3) float32 of length 1, faces (1280, 3) int32 seen from outside; read-only."""

    vertices: NDArray[np.float32]
    faces: NDArray[np.int32]

    def __post_init__(self) -> None:
        self.vertices.setflags(write=False)
        self.faces.setflags(write=False)


@lru_cache(maxsize=1)
def object_sphere() -> Sphere:
    """The sphere with 642 vertices."""
    vertices, faces = _icosahedron()
    for _ in range(_CUTS):
        vertices, faces = _cut(vertices, faces)
    return Sphere(vertices.astype(np.float32), faces.astype(np.int32))


def _icosahedron() -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    corners = [
        np.roll([0.0, one, golden], turn)
        for turn in range(3)
        for one in (-1.0, 1.0)
        for golden in (-_GOLDEN, _GOLDEN)
    ]
    vertices = np.array(corners) / np.linalg.norm(corners[0])
    distances = np.linalg.norm(vertices[:, None] - vertices, axis=2)
    nearest = distances[0][distances[0] > 0.0].min()
    is_edge = np.isclose(distances, nearest)
    faces = [
        (a, b, c)
        for a in range(12)
        for b in range(a + 1, 12)
        for c in range(b + 1, 12)
        if is_edge[a, b] and is_edge[b, c] and is_edge[a, c]
    ]
    return vertices, _seen_from_outside(vertices, np.array(faces))


def _seen_from_outside(
    vertices: NDArray[np.float64], faces: NDArray[np.int64]
) -> NDArray[np.int64]:
    is_inward = np.linalg.det(vertices[faces]) < 0.0
    return np.where(is_inward[:, None], faces[:, ::-1], faces)


def _cut(
    vertices: NDArray[np.float64], faces: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Each triangle into four, the new vertices on the unit sphere."""
    sides = faces[:, [[0, 1], [1, 2], [2, 0]]]
    edges, place = np.unique(np.sort(sides.reshape(-1, 2), axis=1), axis=0, return_inverse=True)
    middles = vertices[edges].mean(axis=1)
    middles /= np.linalg.norm(middles, axis=1, keepdims=True)
    ab, bc, ca = (len(vertices) + place.reshape(-1, 3)).T
    a, b, c = faces.T
    cut = np.stack([[a, ab, ca], [ab, b, bc], [ca, bc, c], [ab, bc, ca]])
    return np.concatenate([vertices, middles]), cut.transpose(2, 0, 1).reshape(-1, 3)
