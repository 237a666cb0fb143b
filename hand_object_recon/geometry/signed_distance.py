"""Distance to a mesh's surface, and with a sign, negative inside."""

from __future__ import annotations

from importlib import import_module
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.errors import DependencyError

FloatArray = NDArray[np.floating[Any]]
Faces = NDArray[np.integer[Any]]

_INSIDE: Final = 0.5


def signed_distances(points_m: FloatArray, vertices_m: FloatArray, faces: Faces) -> FloatArray:
    """(N,) metres from points (N, 3) to the nearest triangle of a mesh (V, 3), (F, 3), negative
    inside.

    Inside is where the winding number is above one half, so that small holes and overlapping
    parts do no harm; for a closed mesh it is what the published code takes (pseudo-normals).

    Raises
    ------
    DependencyError
        libigl is not installed.
    """
    if not len(points_m):
        return np.empty(0)
    # libigl's own signed distance by winding numbers is the distance times 1 - 2 w, and w is
    # only nearly 0 or 1: a thousandth of the distance is lost.
    distances = unsigned_distances(points_m, vertices_m, faces)
    points, vertices, triangles = _as_igl_takes_them(points_m, vertices_m, faces)
    inside = _import_igl().fast_winding_number(vertices, triangles, points) > _INSIDE
    return np.where(inside, -distances, distances)


def unsigned_distances(points_m: FloatArray, vertices_m: FloatArray, faces: Faces) -> FloatArray:
    """(N,) metres from points (N, 3) to the nearest triangle of a mesh, which may be open.

    Raises
    ------
    DependencyError
        libigl is not installed.
    """
    if not len(points_m):
        return np.empty(0)
    igl = _import_igl()
    arrays = _as_igl_takes_them(points_m, vertices_m, faces)
    distances, *_ = igl.signed_distance(*arrays, igl.SIGNED_DISTANCE_TYPE_UNSIGNED)
    return np.asarray(distances)


def _as_igl_takes_them(
    points_m: FloatArray, vertices_m: FloatArray, faces: Faces
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    return (
        np.ascontiguousarray(points_m, dtype=np.float64),
        np.ascontiguousarray(vertices_m, dtype=np.float64),
        np.ascontiguousarray(faces, dtype=np.int64),
    )


def _import_igl() -> Any:
    try:
        return import_module("igl")
    except ImportError:
        raise DependencyError(
            "signed distances need libigl, which is not installed: "
            "pip install 'hand_object_recon[evaluation]', or [training] to train"
        ) from None
