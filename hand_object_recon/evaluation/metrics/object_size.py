"""How large an object is: its volume, and the smallest box around it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.validation import require_array
from hand_object_recon.evaluation.metrics.metric_value import FloatArray
from hand_object_recon.evaluation.metrics.surface_mesh import SurfaceMesh

if TYPE_CHECKING:
    from scipy.spatial import ConvexHull

_DIRECTION_DIGITS: Final = 6
_MOST_DIRECTIONS: Final = 200


def enclosed_volume_m3(mesh: SurfaceMesh) -> float:
    """Volume within a closed mesh that faces outwards."""
    first, second, third = mesh.vertices_m[mesh.faces].transpose(1, 0, 2)
    return float(np.einsum("fc,fc->", first, np.cross(second, third)) / 6.0)


def smallest_box_extents(points_m: NDArray[Any]) -> FloatArray:
    """(3,) falling lengths of the smallest box, however turned, with a side on the convex hull.

    Of all boxes with a side on one of the hull's larger facets and another along one of its edges
    the one of least volume; the smallest box of all may be a few percent smaller.
    """
    from scipy.spatial import ConvexHull

    hull = ConvexHull(require_array("points", points_m, (None, 3), np.float64, finite=True))
    corners = hull.points[hull.vertices]
    boxes = np.array([_box_on(normal, corners) for normal in _facet_normals(hull)])
    return np.sort(boxes[int(np.argmin(boxes.prod(axis=1)))])[::-1]


def _facet_normals(hull: ConvexHull) -> FloatArray:
    """(N, 3) directions of the hull's facets, opposite ones once, those of the most area."""
    sides = hull.points[hull.simplices]
    areas = np.linalg.norm(np.cross(sides[:, 1] - sides[:, 0], sides[:, 2] - sides[:, 0]), axis=1)
    normals = hull.equations[:, :3]
    signs = np.sign(normals[np.arange(len(normals)), np.abs(normals).argmax(axis=1)])
    directions, member = np.unique(
        np.round(normals * signs[:, None], _DIRECTION_DIGITS), axis=0, return_inverse=True
    )
    largest = np.argsort(-np.bincount(member.ravel(), areas), kind="stable")[:_MOST_DIRECTIONS]
    return np.asarray(directions[largest] / np.linalg.norm(directions[largest], axis=1)[:, None])


def _box_on(normal: FloatArray, corners: FloatArray) -> FloatArray:
    """(3,) lengths of the smallest box around points (N, 3) with a side across a direction."""
    from scipy.spatial import ConvexHull

    axes = _across(normal)
    flat = corners @ axes.T
    outline = flat[ConvexHull(flat).vertices]
    edges = np.roll(outline, -1, axis=0) - outline
    edges /= np.linalg.norm(edges, axis=1, keepdims=True)
    along = np.ptp(outline @ edges.T, axis=0)
    across = np.ptp(outline @ np.stack([-edges[:, 1], edges[:, 0]]), axis=0)
    least = int(np.argmin(along * across))
    return np.array([along[least], across[least], np.ptp(corners @ normal)])


def _across(normal: FloatArray) -> FloatArray:
    """(2, 3) unit vectors across a direction and each other."""
    helper = np.eye(3)[int(np.abs(normal).argmin())]
    first = np.cross(normal, helper)
    first /= np.linalg.norm(first)
    return np.stack([first, np.cross(normal, first)])
