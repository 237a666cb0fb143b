"""Edges, neighbours and rims of a triangle mesh, from its faces alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix, csr_matrix

from hand_object_recon.core.errors import InvalidValueError

Indices = NDArray[np.int32]


def directed_edges(faces: Indices) -> Indices:
    """(3F, 2) edges as the (F, 3) faces run along them, the three of a face together."""
    return faces[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2)


def mesh_edges(faces: Indices) -> Indices:
    """(E, 2) edges, each once, the smaller vertex first, in ascending order."""
    return np.unique(np.sort(directed_edges(faces), axis=1), axis=0)


def adjacency_matrix(edges: Indices, vertex_count: int) -> csr_matrix:
    """(V, V) symmetric float64 matrix with 1 where one of the (E, 2) edges joins two vertices."""
    rows, columns = np.concatenate([edges, edges[:, ::-1]]).T
    matrix = coo_matrix((np.ones(len(rows)), (rows, columns)), (vertex_count, vertex_count))
    adjacency = matrix.tocsr()
    adjacency.data[:] = 1.0
    return adjacency


def mesh_adjacency(faces: Indices, vertex_count: int) -> csr_matrix:
    """(V, V) ``adjacency_matrix`` of the edges of (F, 3) faces."""
    return adjacency_matrix(mesh_edges(faces), vertex_count)


def vertex_neighbours(faces: Indices, vertex_count: int) -> tuple[Indices, ...]:
    """For each vertex those it shares an edge with, in ascending order."""
    adjacency = mesh_adjacency(faces, vertex_count)
    return tuple(
        adjacency.indices[start:end]
        for start, end in zip(adjacency.indptr[:-1], adjacency.indptr[1:], strict=True)
    )


def boundary_edges(faces: Indices) -> Indices:
    """(B, 2) edges of exactly one face, in the direction of that face."""
    directed = directed_edges(faces)
    return directed[is_boundary(directed)]


def is_boundary(directed: Indices) -> NDArray[np.bool_]:
    """(3F,) whether an edge of ``directed_edges`` belongs to no other face."""
    _, edge, count = np.unique(
        np.sort(directed, axis=1), axis=0, return_inverse=True, return_counts=True
    )
    return np.asarray(count[edge.ravel()] == 1)


def boundary_loops(faces: Indices) -> tuple[Indices, ...]:
    """The mesh's rims: vertices along each, in the direction of its faces.

    The longest rim comes first, each starts at its smallest vertex. A closed mesh has none.

    Raises
    ------
    InvalidValueError
        Two rims touch in a vertex, so that neither has one next vertex there.
    """
    edges = boundary_edges(faces)
    following = {int(start): int(end) for start, end in edges}
    if len(following) != len(edges):
        starts, count = np.unique(edges[:, 0], return_counts=True)
        raise InvalidValueError(
            f"faces have rims that touch in vertex {starts[count > 1][0]}; split that vertex"
        )
    loops = []
    while following:
        loop = [min(following)]
        while (vertex := following.pop(loop[-1])) != loop[0]:
            loop.append(vertex)
        loops.append(np.array(loop, dtype=np.int32))
    return tuple(sorted(loops, key=len, reverse=True))
