"""The spiral around each vertex: an order of its neighbourhood for convolutions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.hand_model.topology.vertex_rings import vertex_rings

FloatArray = NDArray[np.floating[Any]]
Indices = NDArray[np.int32]
Rings = Sequence[Sequence[int]]

SPIRAL_LENGTH: Final = 9


def build_spirals(
    vertices: FloatArray, faces: Indices, length: int = SPIRAL_LENGTH, dilation: int = 1
) -> Indices:
    """(V, length) int32: each vertex, its first ring, its second and so on, spirally.

    As in SpiralNet++ (Gong et al., 2019), whose rings come from OpenMesh: see ``vertex_rings``.
    Of every ``dilation`` entries the first is kept. Where the surface around a vertex ends
    before the spiral is long enough, the spiral is the vertices nearest to it in space, itself
    first. vertices (V, 3), faces (F, 3).

    Raises
    ------
    InvalidValueError
        The mesh has fewer vertices than a spiral needs, or its faces are not wound alike.
    """
    reach = length * dilation
    if length < 1 or dilation < 1 or reach > len(vertices):
        raise InvalidValueError(
            f"spirals of length {length} and dilation {dilation} need {reach} vertices and the "
            f"mesh has {len(vertices)}; both must be at least 1 and their product at most that"
        )
    rings = vertex_rings(faces, len(vertices))
    spirals = np.empty((len(vertices), length), dtype=np.int32)
    for vertex in range(len(vertices)):
        spiral = _spiral(vertex, rings, reach)
        if len(spiral) < reach:
            spirals[vertex] = nearest_vertices(vertices, vertex, reach)[::dilation]
        else:
            spirals[vertex] = spiral[:reach:dilation]
    return spirals


def nearest_vertices(vertices: FloatArray, vertex: int, count: int) -> Indices:
    """(count,) vertices by their distance to one, that one first, equally far ones ascending."""
    offsets = vertices.astype(np.float64) - vertices[vertex]
    distances = np.einsum("vc,vc->v", offsets, offsets)
    distances[vertex] = -1.0
    return np.argsort(distances, kind="stable")[:count].astype(np.int32)


def _spiral(vertex: int, rings: Rings, reach: int) -> list[int]:
    """The rings around a vertex one after the other, until there are ``reach`` or none is left."""
    spiral = [vertex]
    ring: Sequence[int] = rings[vertex]
    while ring:
        spiral.extend(ring)
        if len(spiral) >= reach:
            break
        ring = _next_ring(ring, spiral, rings)
    return spiral


def _next_ring(ring: Sequence[int], inside: Iterable[int], rings: Rings) -> list[int]:
    """Neighbours of a ring that are outside it, for each member from the ring's side onwards."""
    seen, members = set(inside), set(ring)
    further = []
    for member in ring:
        for neighbour in _turned_past(rings[member], members):
            if neighbour not in seen:
                seen.add(neighbour)
                further.append(neighbour)
    return further


def _turned_past(around: Sequence[int], members: set[int]) -> Sequence[int]:
    """``around``, turned to start behind the first neighbour that is a member."""
    first = next((place for place, other in enumerate(around) if other in members), None)
    if first is None:
        return around
    return [*around[first + 1 :], *around[:first]]
