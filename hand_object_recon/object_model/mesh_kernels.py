"""What belongs to the vertices of a mesh made from a fused volume, compiled."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.geometry.compiled import compiled


@compiled
def piece_of_vertices(vertex_count: int, faces: NDArray[np.int32]) -> NDArray[np.int32]:
    """(V,) number of the connected piece each vertex belongs to, in order of first vertices."""
    parents = np.arange(vertex_count).astype(np.int32)
    for f in range(len(faces)):
        first = _root(parents, faces[f, 0])
        for turn in range(1, 3):
            other = _root(parents, faces[f, turn])
            low, high = min(first, other), max(first, other)
            parents[high] = low
            first = low
    pieces = np.empty(vertex_count, dtype=np.int32)
    count = 0
    for vertex in range(vertex_count):
        if parents[vertex] == vertex:
            pieces[vertex] = count
            count += 1
        else:
            pieces[vertex] = pieces[_root(parents, vertex)]
    return pieces


@compiled
def seen_colors(
    distance: NDArray[np.float32],
    color: NDArray[np.float32],
    origin_m: NDArray[np.float64],
    voxel_m: float,
    near_m: float,
    vertices: NDArray[np.float32],
) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
    """Whether the voxel next to each vertex (V, 3) was coloured and lies within ``near_m`` of the
    surface, and its colour (V, 3); grey for others."""
    is_seen = np.zeros(len(vertices), dtype=np.bool_)
    colors = np.full((len(vertices), 3), np.float32(128.0))
    nx, ny, nz = distance.shape
    for n in range(len(vertices)):
        u = (vertices[n, 0] - origin_m[0]) / voxel_m
        v = (vertices[n, 1] - origin_m[1]) / voxel_m
        w = (vertices[n, 2] - origin_m[2]) / voxel_m
        if not (0.0 <= u < nx - 1 and 0.0 <= v < ny - 1 and 0.0 <= w < nz - 1):
            continue
        i, j, k = int(u + 0.5), int(v + 0.5), int(w + 0.5)
        if not (abs(distance[i, j, k]) <= near_m and color[i, j, k, 0] >= 0.0):
            continue
        is_seen[n] = True
        for channel in range(3):
            colors[n, channel] = color[i, j, k, channel]
    return is_seen, colors


@compiled
def _root(parents: NDArray[np.int32], vertex: int) -> int:
    """The first vertex of a piece; the path to it is halved on the way."""
    while parents[vertex] != vertex:
        parents[vertex] = parents[parents[vertex]]
        vertex = parents[vertex]
    return vertex
