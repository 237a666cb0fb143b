"""Normals of triangle meshes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.floating[Any]]


def face_area_vectors(vertices: FloatArray, faces: NDArray[np.int32]) -> FloatArray:
    """(F, 3) normals outwards of counter-clockwise (F, 3) faces, twice the area long."""
    first, second, third = (vertices[faces[:, corner]] for corner in range(3))
    return cross(second - first, third - first)


def vertex_normals(
    area_vectors: FloatArray, faces: NDArray[np.int32], vertex_count: int
) -> FloatArray:
    """(V, 3) unit normals from ``face_area_vectors``: the faces around a vertex by their area.

    A vertex without a face has the normal zero.
    """
    corners = faces.ravel()
    summed = np.stack(
        [
            np.bincount(corners, np.repeat(area_vectors[:, axis], 3), vertex_count)
            for axis in range(3)
        ],
        axis=1,
    )
    length = np.sqrt(np.einsum("vc,vc->v", summed, summed))
    unit = summed / np.maximum(length, 1e-12)[:, None]
    return np.asarray(unit, dtype=area_vectors.dtype)


def cross(first: FloatArray, second: FloatArray) -> FloatArray:
    """Cross product of broadcastable (..., 3); several times faster than ``np.cross``."""
    ax, ay, az = first[..., 0], first[..., 1], first[..., 2]
    bx, by, bz = second[..., 0], second[..., 1], second[..., 2]
    product = np.empty(np.broadcast_shapes(first.shape, second.shape), dtype=first.dtype)
    product[..., 0] = ay * bz - az * by
    product[..., 1] = az * bx - ax * bz
    product[..., 2] = ax * by - ay * bx
    return product
