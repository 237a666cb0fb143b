"""Signed distances to boxes, cylinders and spheres."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.objects import PrimitiveKind

FloatArray = NDArray[np.floating[Any]]


def distances_to(
    kind: PrimitiveKind, size_m: FloatArray, pose: FloatArray, points: FloatArray
) -> FloatArray:
    """Distances (N,) of points (N, 3), negative inside.

    size_m, pose
        (3,) and (4, 4) as ``PrimitiveFit`` has them.
    """
    local = (points - pose[:3, 3]) @ pose[:3, :3]
    half = 0.5 * np.asarray(size_m, dtype=np.float64)
    if kind is PrimitiveKind.SPHERE:
        beyond = np.linalg.norm(local, axis=1, keepdims=True) - half[0]
    elif kind is PrimitiveKind.CYLINDER:
        across = np.linalg.norm(local[:, :2], axis=1)
        beyond = np.column_stack([across - half[0], np.abs(local[:, 2]) - half[2]])
    else:
        beyond = np.abs(local) - half
    outside = np.linalg.norm(np.maximum(beyond, 0.0), axis=1)
    return np.asarray(outside + np.minimum(beyond.max(axis=1), 0.0))


def normal_agreement(
    kind: PrimitiveKind, pose: FloatArray, points: FloatArray, normals: FloatArray
) -> float:
    """Mean cosine between normals (N, 3) and the most alike of the body's: those of the faces a
    point (N, 3) is on the outer side of, or along its radius."""
    local, turned = (points - pose[:3, 3]) @ pose[:3, :3], normals @ pose[:3, :3]
    outward = turned * np.sign(local)
    if kind is PrimitiveKind.BOX:
        return float(outward.max(axis=1).mean())
    axes = 3 if kind is PrimitiveKind.SPHERE else 2
    radii = np.maximum(np.linalg.norm(local[:, :axes], axis=1), 1e-9)
    along_radius = np.einsum("nc,nc->n", local[:, :axes], turned[:, :axes]) / radii
    return float(np.column_stack([along_radius, outward[:, axes:]]).max(axis=1).mean())
