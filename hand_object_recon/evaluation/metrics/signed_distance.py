"""Distance to a mesh's surface, and with a sign, negative inside."""

from __future__ import annotations

from importlib import import_module
from typing import Any, Final

import numpy as np

from hand_object_recon.core.errors import DependencyError
from hand_object_recon.evaluation.metrics.metric_value import FloatArray
from hand_object_recon.evaluation.metrics.surface_mesh import SurfaceMesh

_INSIDE: Final = 0.5


def signed_distances(points_m: FloatArray, mesh: SurfaceMesh) -> FloatArray:
    """(N,) metres from points (N, 3) to the nearest triangle, negative inside.

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
    distances = unsigned_distances(points_m, mesh)
    points = np.ascontiguousarray(points_m, dtype=np.float64)
    vertices = np.ascontiguousarray(mesh.vertices_m)
    faces = np.ascontiguousarray(mesh.faces, dtype=np.int64)
    inside = _import_igl().fast_winding_number(vertices, faces, points) > _INSIDE
    return np.where(inside, -distances, distances)


def unsigned_distances(points_m: FloatArray, mesh: SurfaceMesh) -> FloatArray:
    """(N,) metres from points (N, 3) to the nearest triangle of a mesh, which may be open.

    Raises
    ------
    DependencyError
        libigl is not installed.
    """
    if not len(points_m):
        return np.empty(0)
    igl = _import_igl()
    points = np.ascontiguousarray(points_m, dtype=np.float64)
    vertices = np.ascontiguousarray(mesh.vertices_m)
    faces = np.ascontiguousarray(mesh.faces, dtype=np.int64)
    distances, *_ = igl.signed_distance(points, vertices, faces, igl.SIGNED_DISTANCE_TYPE_UNSIGNED)
    return np.asarray(distances)


def _import_igl() -> Any:
    try:
        return import_module("igl")
    except ImportError:
        raise DependencyError(
            "signed distances need libigl, which is not installed: "
            "pip install 'hand_object_recon[evaluation]'"
        ) from None
