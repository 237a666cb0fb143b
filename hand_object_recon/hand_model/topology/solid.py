"""What a closed triangle mesh encloses: its volume, and which points are inside."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.geometry.mesh_normals import cross

FloatArray = NDArray[np.floating[Any]]
Indices = NDArray[np.int32]

_PAIRS_AT_ONCE: Final = 50_000


def enclosed_volume(vertices: FloatArray, faces: Indices) -> float:
    """Volume inside (V, 3) vertices and closed (F, 3) faces wound outwards, in their unit cubed.

    The divergence theorem: the signed volumes of the tetrahedra from one point to each face. A
    part that overlaps another counts twice, one turned inside out negatively.
    """
    corners = vertices.astype(np.float64)[faces] - vertices.mean(axis=0, dtype=np.float64)
    triple = np.einsum("fc,fc->f", corners[:, 0], cross(corners[:, 1], corners[:, 2]))
    return float(triple.sum() / 6.0)


def winding_numbers(
    points: FloatArray, vertices: FloatArray, faces: Indices
) -> NDArray[np.float64]:
    """(P,) how often the faces go around each of (P, 3) points: 1 inside, 0 outside.

    The sum of the signed solid angles of the faces over 4 pi (Jacobson et al., *Robust
    Inside-Outside Segmentation Using Generalized Winding Numbers*, 2013), each by the formula of
    Van Oosterom & Strackee, 1983. With a hole in the mesh it goes smoothly from one to the other;
    where parts of the mesh overlap it is 2.
    """
    corners = vertices.astype(np.float64)
    at_once = max(_PAIRS_AT_ONCE // max(len(faces), 1), 1)
    angles = [
        _solid_angles(points[start : start + at_once].astype(np.float64), corners, faces).sum(
            axis=1
        )
        for start in range(0, len(points), at_once)
    ]
    turns: NDArray[np.float64] = np.concatenate([np.zeros(0), *angles]) / (4.0 * np.pi)
    return turns


def is_inside(points: FloatArray, vertices: FloatArray, faces: Indices) -> NDArray[np.bool_]:
    """(P,) whether each of (P, 3) points is inside a closed mesh wound outwards."""
    return winding_numbers(points, vertices, faces) > 0.5


def _solid_angles(
    points: NDArray[np.float64], vertices: NDArray[np.float64], faces: Indices
) -> NDArray[np.float64]:
    """(P, F) signed solid angles, in steradians, of the faces seen from (P, 3) points."""
    x, y, z = np.moveaxis(vertices - points[:, None], -1, 0)
    distance = np.sqrt(x * x + y * y + z * z)
    (ax, bx, cx), (ay, by, cy), (az, bz, cz), (a, b, c) = (
        [values[:, faces[:, corner]] for corner in range(3)] for values in (x, y, z, distance)
    )
    triple = ax * (by * cz - bz * cy) + ay * (bz * cx - bx * cz) + az * (bx * cy - by * cx)
    denominator = (
        a * b * c
        + (ax * bx + ay * by + az * bz) * c
        + (bx * cx + by * cy + bz * cz) * a
        + (cx * ax + cy * ay + cz * az) * b
    )
    angles: NDArray[np.float64] = 2.0 * np.arctan2(triple, denominator)
    return angles
