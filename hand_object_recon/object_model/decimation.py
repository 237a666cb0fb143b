"""Fewer triangles for a closed mesh, which stays closed."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.errors import InvalidValueError

MOST_ROUNDS = 60


def decimate(
    vertices_m: NDArray[np.floating[Any]], faces: NDArray[np.int32], max_faces: int
) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """A mesh of (V, 3) vertices and (F, 3) faces with edges collapsed to ``max_faces`` or fewer.

    Each edge goes to the point of least quadric error (Garland & Heckbert, *Surface
    Simplification Using Quadric Error Metrics*, 1997). Edges are taken in rounds: of those sorted
    by error the cheapest third, each only if no neighbour was changed in this round. An edge
    stays if its collapse would open the mesh, join it to itself or turn a face over, so a mesh
    may stop short of very few faces.
    """
    if max_faces < 4:
        raise InvalidValueError(f"max_faces is {max_faces}; a closed mesh has 4 or more")
    from hand_object_recon.object_model.decimation_kernels import collapse_round, quadrics

    vertices = np.array(vertices_m, dtype=np.float64)
    triangles = np.array(faces, dtype=np.int32)
    if len(triangles) <= max_faces:
        return vertices.astype(np.float32), triangles
    errors = quadrics(vertices, triangles)
    for _ in range(MOST_ROUNDS):
        wanted = (len(triangles) - max_faces + 1) // 2
        collapsed, triangles = collapse_round(vertices, triangles, errors, wanted)
        if collapsed == 0 or len(triangles) <= max_faces:
            break
    return _without_unused(vertices, triangles)


def _without_unused(
    vertices: NDArray[np.float64], faces: NDArray[np.int32]
) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    used = np.zeros(len(vertices), dtype=bool)
    used[faces] = True
    numbers = np.cumsum(used, dtype=np.int32) - 1
    return vertices[used].astype(np.float32), numbers[faces].astype(np.int32)
