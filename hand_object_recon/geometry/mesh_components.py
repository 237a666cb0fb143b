"""The connected parts of a triangle mesh."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.geometry.mesh_normals import face_area_vectors

FloatArray = NDArray[np.floating[Any]]


def largest_component(
    vertices: FloatArray, faces: NDArray[np.int32]
) -> tuple[FloatArray, NDArray[np.int32]]:
    """Of (V, 3) vertices and (F, 3) faces the connected part of largest area, on its own.

    A vertex without a face belongs to no part.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    if not len(faces):
        return vertices[:0], faces
    pairs = np.concatenate([faces[:, :2], faces[:, 1:]])
    ones = np.ones(len(pairs), dtype=np.int8)
    graph = coo_array((ones, (pairs[:, 0], pairs[:, 1])), shape=(len(vertices),) * 2)
    _, part = connected_components(graph, directed=False)
    part_of_face = part[faces[:, 0]]
    areas = np.linalg.norm(face_area_vectors(vertices, faces), axis=1)
    largest = np.bincount(part_of_face, areas).argmax()
    is_kept = part == largest
    numbers = np.cumsum(is_kept, dtype=np.int32) - 1
    return vertices[is_kept], numbers[faces[part_of_face == largest]].astype(np.int32)
