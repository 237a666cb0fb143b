"""Volume and centre of a closed triangle mesh, and whether it is one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.geometry.mesh_normals import cross, face_area_vectors
from hand_object_recon.hand_model.topology.adjacency import directed_edges

FloatArray = NDArray[np.floating[Any]]
Faces = NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class TriangleMesh:
    """Vertices (V, 3) in metres and faces (F, 3), counter-clockwise seen from outside."""

    vertices_m: FloatArray
    faces: Faces

    def moved(self, offset_m: ArrayLike) -> TriangleMesh:
        """Each vertex shifted by an offset: (3,), or (V, 3)."""
        return TriangleMesh(self.vertices_m + np.asarray(offset_m), self.faces)

    def scaled(self, factors: ArrayLike) -> TriangleMesh:
        """Each axis multiplied by a positive factor: (3,), one for all, or (V, 3)."""
        return TriangleMesh(self.vertices_m * np.asarray(factors), self.faces)


def require_closed(name: str, faces: Faces) -> None:
    """Refuse (F, 3) faces unless each edge has two, which run along it in opposite directions."""
    if not len(faces):
        raise InvalidValueError(f"{name} has no faces; give a closed mesh")
    edges = directed_edges(faces).astype(np.int64)
    count = int(edges.max()) + 1
    forward = np.sort(edges[:, 0] * count + edges[:, 1])
    backward = np.sort(edges[:, 1] * count + edges[:, 0])
    if (forward[1:] == forward[:-1]).any():
        raise InvalidValueError(
            f"{name} has an edge that two faces run along in the same direction; "
            "turn the faces of the mesh the same way round"
        )
    if not np.array_equal(forward, backward):
        rim = int((~np.isin(forward, backward)).sum())
        raise InvalidValueError(f"{name} has {rim} open edges; close the holes of the mesh")


def volume_m3(vertices_m: FloatArray, faces: Faces) -> float:
    """Volume within a closed mesh; negative if its faces point inwards."""
    centered, _ = _from_box_center(vertices_m)
    return float(_tetrahedra_m3(centered, faces).sum())


def center_of_volume(vertices_m: FloatArray, faces: Faces) -> NDArray[np.float64]:
    """(3,) centre of mass of a closed mesh of even density."""
    centered, middle = _from_box_center(vertices_m)
    volumes = _tetrahedra_m3(centered, faces)
    apexes = centered[faces].sum(axis=1) / 4.0
    return np.asarray(middle + volumes @ apexes / volumes.sum())


def surface_area_m2(vertices_m: FloatArray, faces: Faces) -> float:
    """Area of all faces."""
    doubled = face_area_vectors(np.asarray(vertices_m, dtype=np.float64), faces)
    return float(np.linalg.norm(doubled, axis=1).sum() / 2.0)


def extent_m(vertices_m: FloatArray) -> float:
    """Longest side of the bounding box."""
    return float(np.ptp(vertices_m, axis=0).max())


def _from_box_center(vertices_m: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The vertices about the middle of their bounding box, for precision, and that middle."""
    vertices = np.asarray(vertices_m, dtype=np.float64)
    middle = (vertices.min(axis=0) + vertices.max(axis=0)) / 2.0
    return vertices - middle, middle


def _tetrahedra_m3(vertices_m: FloatArray, faces: Faces) -> FloatArray:
    """(F,) signed volumes between the origin and each face."""
    first, second, third = (vertices_m[faces[:, corner]] for corner in range(3))
    return np.asarray(np.einsum("fc,fc->f", first, cross(second, third)) / 6.0)
