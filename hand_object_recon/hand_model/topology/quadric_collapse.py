"""A coarser mesh out of a finer one: edges collapsed in the order of their quadric error."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.geometry.mesh_normals import cross, face_area_vectors
from hand_object_recon.hand_model.topology.adjacency import (
    directed_edges,
    is_boundary,
    mesh_edges,
)

FloatArray = NDArray[np.floating[Any]]
Indices = NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class CoarserMesh:
    """kept (n,) vertices of the finer mesh, ascending; faces (F, 3) in numbers of those kept."""

    kept: Indices
    faces: Indices


def collapse_edges(
    vertices: FloatArray, faces: Indices, vertex_count: int, rim_weight: float = 0.0
) -> CoarserMesh:
    """Reduce a mesh of (V, 3) vertices and (F, 3) faces to ``vertex_count`` of its vertices.

    An edge collapses to that of its two ends at which the sum of both ends' quadrics is less
    (Garland & Heckbert, *Surface Simplification Using Quadric Error Metrics*, 1997), so kept
    vertices stay where they are; faces left with two corners go. This is the choice of CoMA
    (Ranjan et al., 2018), SpiralNet++ and MobRecon, down to their order: an edge found dearer
    than when it was queued goes back into the queue, one found cheaper does not move up, and of
    equal ends the second stays. Equal edges go in ascending order of their vertices.

    They let an open rim creep inwards at no cost. ``rim_weight`` adds, for each rim edge, the
    plane through it at right angles to its face, that many times (Garland & Heckbert, section 6).

    Raises
    ------
    InvalidValueError
        The count is more than there is, or collapsing cannot stop at it.
    """
    if not 0 < vertex_count <= len(vertices):
        raise InvalidValueError(
            f"vertex_count is {vertex_count}; it must lie in [1, {len(vertices)}]"
        )
    collapse = _Collapse(vertices, faces, rim_weight)
    while collapse.vertex_count > vertex_count and collapse.queue:
        collapse.take_next_edge()
    if collapse.vertex_count != vertex_count:
        raise InvalidValueError(
            f"vertex_count is {vertex_count}, but collapsing this mesh leads past it to "
            f"{collapse.vertex_count}; ask for more vertices"
        )
    kept, corners = np.unique(collapse.faces, return_inverse=True)
    return CoarserMesh(kept.astype(np.int32), corners.reshape(-1, 3).astype(np.int32))


def vertex_quadrics(vertices: FloatArray, faces: Indices) -> NDArray[np.float64]:
    """(V, 4, 4) sum over the faces of a vertex of their planes' outer products.

    ``(x, y, z, 1) @ Q @ (x, y, z, 1)`` is the sum of squared distances to those planes.
    """
    normals = face_area_vectors(vertices.astype(np.float64), faces)
    return _summed_quadrics(normals, vertices, faces)


def rim_quadrics(vertices: FloatArray, faces: Indices) -> NDArray[np.float64]:
    """(V, 4, 4) as ``vertex_quadrics``, of the planes through the rim's edges across their faces.

    Zero for a vertex that is not on a rim.
    """
    directed = directed_edges(faces)
    on_rim = np.flatnonzero(is_boundary(directed))
    rim, rim_faces = directed[on_rim], faces[on_rim // 3]
    along = (vertices[rim[:, 1]] - vertices[rim[:, 0]]).astype(np.float64)
    face_normals = face_area_vectors(vertices.astype(np.float64), rim_faces)
    return _summed_quadrics(cross(along, face_normals), vertices, rim)


def _summed_quadrics(
    normals: FloatArray, vertices: FloatArray, members: Indices
) -> NDArray[np.float64]:
    """(V, 4, 4) quadrics of planes with (N, 3) normals of any length, each at its (N, k) members.

    A plane without a normal adds nothing.
    """
    lengths = np.linalg.norm(normals, axis=1, keepdims=True)
    units = np.divide(normals, lengths, out=np.zeros_like(normals), where=lengths > 0)
    offsets = -np.einsum("nc,nc->n", units, vertices[members[:, 0]])
    planes = np.column_stack([units, offsets])
    quadrics = np.zeros((len(vertices), 4, 4))
    np.add.at(quadrics, members, (planes[:, :, None] * planes[:, None, :])[:, None])
    return quadrics


class _Collapse:
    """The mesh while it shrinks, and the queue of its edges by cost."""

    def __init__(self, vertices: FloatArray, faces: Indices, rim_weight: float) -> None:
        self.faces = faces
        self.vertex_count = len(vertices)
        self._points = np.column_stack([vertices, np.ones(len(vertices))]).astype(np.float64)
        self._quadrics = vertex_quadrics(vertices, faces)
        if rim_weight > 0.0:
            self._quadrics += rim_weight * rim_quadrics(vertices, faces)
        self._merged_into = list(range(len(vertices)))
        self.queue = [
            (min(self._costs(first, second)), first, second)
            for first, second in mesh_edges(faces).tolist()
        ]
        heapq.heapify(self.queue)

    def take_next_edge(self) -> None:
        """Collapse the cheapest edge, or queue it again if it has become dearer."""
        queued_cost, queued_first, queued_second = heapq.heappop(self.queue)
        first, second = self._survivor(queued_first), self._survivor(queued_second)
        if first == second:
            return
        cost_at_first, cost_at_second = self._costs(first, second)
        cost = min(cost_at_first, cost_at_second)
        if cost > queued_cost:
            heapq.heappush(self.queue, (cost, first, second))
        elif cost_at_first < cost_at_second:
            self._merge(second, into=first)
        else:
            self._merge(first, into=second)

    def _costs(self, first: int, second: int) -> tuple[float, float]:
        """Quadric error of both ends' planes at the first and at the second end."""
        quadric = self._quadrics[first] + self._quadrics[second]
        at_first, at_second = self._points[first], self._points[second]
        return float(at_first @ quadric @ at_first), float(at_second @ quadric @ at_second)

    def _survivor(self, vertex: int) -> int:
        """The vertex that stands for ``vertex`` now."""
        while (further := self._merged_into[vertex]) != vertex:
            vertex = further
        return vertex

    def _merge(self, gone: int, into: int) -> None:
        self._merged_into[gone] = into
        self._quadrics[into] += self._quadrics[gone]
        faces = np.where(self.faces == gone, into, self.faces)
        is_triangle = (faces != np.roll(faces, 1, axis=1)).all(axis=1)
        self.faces = faces[is_triangle]
        self.vertex_count = len(np.unique(self.faces))
