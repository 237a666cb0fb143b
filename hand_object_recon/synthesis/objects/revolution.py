"""Solids of revolution about the z axis, with triangles of even size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.synthesis.objects.closed_mesh import TriangleMesh

FloatArray = NDArray[np.floating[Any]]
Indices = NDArray[np.intp]

_FEWEST_IN_RING: Final = 8
_ON_AXIS_M: Final = 1e-9


def revolved(profile_m: FloatArray, edge_m: float) -> TriangleMesh:
    """The solid under a line (N, 2) of radii and heights that starts and ends on the axis.

    The line runs with the inside of the solid on its left: from the bottom outwards and up.
    """
    radii, heights = subdivided(profile_m, edge_m).T
    counts = [_ring_size(radius, edge_m) for radius in radii]
    return _joined_rings(radii, heights, counts, is_ring_closed=False)


def revolved_loop(profile_m: FloatArray, edge_m: float) -> TriangleMesh:
    """The ring-shaped solid of a closed line (N, 2) of radii and heights, counter-clockwise."""
    closed = subdivided(np.concatenate([profile_m, profile_m[:1]]), edge_m)[:-1]
    counts = [_ring_size(radius, edge_m) for radius in closed[:, 0]]
    return _joined_rings(closed[:, 0], closed[:, 1], counts, is_ring_closed=True)


def subdivided(line: FloatArray, step: float) -> NDArray[np.float64]:
    """The line (N, 2) with points between its own, so that none are farther apart than ``step``."""
    points = np.asarray(line, dtype=np.float64)
    lengths = np.linalg.norm(np.diff(points, axis=0), axis=1)
    pieces = [
        start
        + np.linspace(0.0, 1.0, max(1, int(np.ceil(length / step - 1e-6))), False)[:, None]
        * (end - start)
        for start, end, length in zip(points[:-1], points[1:], lengths, strict=True)
        if length > 0.0
    ]
    return np.concatenate([*pieces, points[-1:]])


def smooth_line(knots_m: Sequence[tuple[float, float]], step_m: float) -> NDArray[np.float64]:
    """(N, 2) radii and heights of a smooth line through knots (radius, height) of rising height.

    It does not overshoot: between two knots the radius stays between theirs.
    """
    from scipy.interpolate import PchipInterpolator

    radii, heights = np.array(knots_m).T
    at = subdivided(heights[:, None], step_m)[:, 0]
    return np.stack([PchipInterpolator(heights, radii)(at), at], axis=1)


def arc(
    center_m: tuple[float, float], radius_m: float, from_rad: float, to_rad: float, count: int
) -> NDArray[np.float64]:
    """(count, 2) points of a circle's arc in the plane of radius and height."""
    angles = np.linspace(from_rad, to_rad, count)
    return np.asarray(center_m) + radius_m * np.stack([np.cos(angles), np.sin(angles)], axis=1)


def _ring_size(radius_m: float, edge_m: float) -> int:
    if radius_m < _ON_AXIS_M:
        return 1
    return max(_FEWEST_IN_RING, round(2.0 * np.pi * radius_m / edge_m))


def _joined_rings(
    radii: FloatArray, heights: FloatArray, counts: Sequence[int], *, is_ring_closed: bool
) -> TriangleMesh:
    firsts = np.cumsum([0, *counts])
    rings = []
    for radius, height, count in zip(radii, heights, counts, strict=True):
        angles = 2.0 * np.pi * np.arange(count) / count
        ring = np.stack([np.cos(angles), np.sin(angles), np.zeros(count)], axis=1) * radius
        rings.append(ring + np.array([0.0, 0.0, height]))
    pairs = [(ring, ring + 1) for ring in range(len(counts) - 1)]
    if is_ring_closed:
        pairs.append((len(counts) - 1, 0))
    faces = [
        _zipped(firsts[lower], counts[lower], firsts[upper], counts[upper])
        for lower, upper in pairs
    ]
    return TriangleMesh(np.concatenate(rings), np.concatenate(faces).astype(np.int32))


def _zipped(lower_first: int, lower_count: int, upper_first: int, upper_count: int) -> Indices:
    """(T, 3) triangles between two rings of any numbers of vertices that both start at angle 0.

    Going round, each triangle steps on along the ring whose next vertex comes first.
    """
    lower_steps = _steps(lower_count)
    upper_steps = _steps(upper_count)
    angles = np.concatenate([lower_steps / lower_count, upper_steps / upper_count])
    is_lower = np.arange(len(angles)) < len(lower_steps)
    is_lower = is_lower[np.argsort(angles, kind="stable")]
    lower: Indices = np.cumsum(is_lower) - is_lower
    upper: Indices = np.cumsum(~is_lower) - ~is_lower
    lower_now = lower_first + lower % lower_count
    upper_now = upper_first + upper % upper_count
    lower_next = lower_first + (lower + 1) % lower_count
    upper_next = upper_first + (upper + 1) % upper_count
    third = np.where(is_lower, lower_next, upper_next)
    return np.stack([lower_now, third, upper_now], axis=1)


def _steps(count: int) -> Indices:
    """Numbers of the steps round a ring; a point on the axis makes none."""
    return np.arange(1, count + 1) if count > 1 else np.arange(0)
