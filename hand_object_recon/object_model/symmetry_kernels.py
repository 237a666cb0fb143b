"""How well images of seen points agree with what was observed, compiled."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.geometry.compiled import compiled
from hand_object_recon.object_model.grid_sampling import sample_at

_LEAST_NORMAL_COSINE = 0.75


@compiled
def image_agreement(
    values: NDArray[np.float32],
    origin_m: NDArray[np.float64],
    voxel_m: float,
    points: NDArray[np.float64],
    normals: NDArray[np.float64],
    motions: NDArray[np.float64],
    tolerance_m: float,
) -> tuple[float, float, float]:
    """Shares of the images (M motions (3, 4) of N points) that agree, are contradicted, and lie
    where nothing is known. One that agrees counts the less the farther off the surface it is."""
    agreeing, contradicted, unknown = 0.0, 0.0, 0.0
    for m in range(len(motions)):
        for n in range(len(points)):
            x, y, z = _moved(motions, m, points, n)
            value, gx, gy, gz = sample_at(values, origin_m, voxel_m, x, y, z)
            if math.isnan(value):
                unknown += 1.0
                continue
            nx, ny, nz = _turned(motions, m, normals, n)
            good = _agreement(value, gx * nx + gy * ny + gz * nz, gx, gy, gz, tolerance_m)
            agreeing += max(good, 0.0)
            contradicted += max(-good, 0.0)
    total = len(motions) * len(points)
    return agreeing / total, contradicted / total, unknown / total


@compiled
def plane_scores(
    values: NDArray[np.float32],
    origin_m: NDArray[np.float64],
    voxel_m: float,
    points: NDArray[np.float64],
    normals: NDArray[np.float64],
    planes: NDArray[np.float64],
    tolerance_m: float,
    penalty: float,
) -> NDArray[np.float64]:
    """(P,) share of the reflections of points in each plane (P, 4) that agree, less ``penalty``
    times that of the contradicted, if some lie where nothing is known."""
    scores = np.empty(len(planes))
    motion = np.empty((1, 3, 4))
    for p in range(len(planes)):
        for row in range(3):
            for column in range(3):
                identity = 1.0 if row == column else 0.0
                motion[0, row, column] = identity - 2.0 * planes[p, row] * planes[p, column]
            motion[0, row, 3] = -2.0 * planes[p, 3] * planes[p, row]
        agreeing, contradicted, unknown = image_agreement(
            values, origin_m, voxel_m, points, normals, motion, tolerance_m
        )
        scores[p] = agreeing - penalty * contradicted + min(unknown, 0.1)
    return scores


@compiled
def _agreement(
    value: float, along: float, gx: float, gy: float, gz: float, tolerance_m: float
) -> float:
    """1 for a point on the surface with its normal, falling to 0; -1 clearly off the surface."""
    off = abs(value) / tolerance_m
    if off >= 2.0:
        return -1.0
    if along < _LEAST_NORMAL_COSINE * math.sqrt(gx * gx + gy * gy + gz * gz):
        return -0.5
    return 1.0 - 0.5 * off if off < 1.0 else 1.0 - off


@compiled
def _moved(
    motions: NDArray[np.float64], m: int, points: NDArray[np.float64], n: int
) -> tuple[float, float, float]:
    x, y, z = _turned(motions, m, points, n)
    return x + motions[m, 0, 3], y + motions[m, 1, 3], z + motions[m, 2, 3]


@compiled
def _turned(
    motions: NDArray[np.float64], m: int, vectors: NDArray[np.float64], n: int
) -> tuple[float, float, float]:
    a, b, c = vectors[n, 0], vectors[n, 1], vectors[n, 2]
    return (
        motions[m, 0, 0] * a + motions[m, 0, 1] * b + motions[m, 0, 2] * c,
        motions[m, 1, 0] * a + motions[m, 1, 1] * b + motions[m, 1, 2] * c,
        motions[m, 2, 0] * a + motions[m, 2, 1] * b + motions[m, 2, 2] * c,
    )
