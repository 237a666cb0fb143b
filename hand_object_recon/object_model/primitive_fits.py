"""Boxes, cylinders and spheres through oriented points on a surface.

Each starts from the normals and is then fitted to the points' distances by least squares in which
points that lie elsewhere lose their say (Geman-McClure). Points and normals are (N, 3) float64.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.objects import PrimitiveFit, PrimitiveKind
from hand_object_recon.geometry.rotations import axis_angle_to_matrix
from hand_object_recon.object_model.primitive_distances import distances_to

FloatArray = NDArray[np.floating[Any]]

_STEPS: Final = 4
_ROBUST_M: Final = 0.003
_SMALLEST_M: Final = 0.005
_LARGEST_M: Final = 0.5
_LEAST_SPREAD: Final = 0.015
_CANDIDATES: Final = 40
_ACROSS: Final = 0.25
_ALONG: Final = 0.92
_LEAST_SIDE_SHARE: Final = 0.3
_LEAST_FACE_SHARE: Final = 0.06
_TAIL: Final = 0.02
_UNSEEN_RIM_M: Final = 0.002


def fit_sphere(points: FloatArray, normals: FloatArray) -> PrimitiveFit | None:
    """None where the normals are too much alike to tell a radius."""
    if _spread(normals) < _LEAST_SPREAD:
        return None
    center, radius = _meeting_point(points, normals)
    for _ in range(_STEPS):
        offsets = points - center
        lengths = np.linalg.norm(offsets, axis=1)
        slopes = np.column_stack([-offsets / lengths[:, None], -np.ones(len(points))])
        step = _robust_step(slopes, lengths - radius)
        center, radius = center + step[:3], radius + float(step[3])
    return _made(PrimitiveKind.SPHERE, np.eye(3), center, np.full(3, 2.0 * radius), points)


def fit_cylinder(points: FloatArray, normals: FloatArray) -> PrimitiveFit | None:
    """None where too little of the round side is seen.

    The axis starts as the direction that the most normals are along or at right angles to. An
    end that is not seen lies where the side ends.
    """
    frame = _frame_about(_cylinder_axis(normals))
    is_side = np.abs(normals @ frame[:, 2]) < _ACROSS
    around = normals[is_side] @ frame[:, :2]
    if is_side.mean() < _LEAST_SIDE_SHARE or _spread(around) < _LEAST_SPREAD:
        return None
    side = points[is_side]
    place, radius = _meeting_point(side @ frame[:, :2], around)
    middle = frame @ np.array([*place, (side @ frame[:, 2]).mean()])
    for _ in range(_STEPS):
        local = (side - middle) @ frame
        lengths = np.linalg.norm(local[:, :2], axis=1)
        toward_x, toward_y = local[:, 0] / lengths, local[:, 1] / lengths
        height = local[:, 2]
        slopes = np.column_stack(
            [-toward_x, -toward_y, -np.ones(len(side)), toward_y * height, -toward_x * height]
        )
        step = _robust_step(slopes, lengths - radius)
        middle, radius = middle + frame[:, :2] @ step[:2], radius + float(step[2])
        frame = frame @ axis_angle_to_matrix(np.array([step[3], step[4], 0.0]))
    low, high = _ends((points - middle) @ frame[:, 2], normals @ frame[:, 2])
    center = middle + 0.5 * (low + high) * frame[:, 2]
    size = np.array([2.0 * radius, 2.0 * radius, high - low])
    return _made(PrimitiveKind.CYLINDER, frame, center, size, points)


def fit_box(points: FloatArray, normals: FloatArray) -> PrimitiveFit | None:
    """None unless faces along two axes are seen.

    A face that is not seen lies where the others end.
    """
    frame = _box_axes(normals)
    if frame is None:
        return None
    middle = points.mean(axis=0)
    for _ in range(_STEPS):
        along = normals @ frame
        axis = np.abs(along).argmax(axis=1)
        sign = np.sign(np.take_along_axis(along, axis[:, None], axis=1)[:, 0])
        is_face = np.abs(along).max(axis=1) > _ALONG
        local = ((points - middle) @ frame)[is_face]
        turn = _turn_to_faces(local, axis[is_face], sign[is_face])
        frame = frame @ axis_angle_to_matrix(turn)
    local, along = (points - middle) @ frame, normals @ frame
    if np.count_nonzero((np.abs(along) > _ALONG).mean(axis=0) > _LEAST_FACE_SHARE) < 2:
        return None
    ends = np.array([_ends(local[:, axis], along[:, axis]) for axis in range(3)])
    center = middle + frame @ ends.mean(axis=1)
    return _made(PrimitiveKind.BOX, frame, center, ends[:, 1] - ends[:, 0], points)


def _made(
    kind: PrimitiveKind,
    frame: FloatArray,
    center: FloatArray,
    size: FloatArray,
    points: FloatArray,
) -> PrimitiveFit | None:
    """None for a size that no object in a hand has."""
    if not (np.isfinite(size).all() and size.min() >= _SMALLEST_M and size.max() <= _LARGEST_M):
        return None
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = frame, center
    distances = distances_to(kind, size, pose, points)
    residual_m = float(np.sqrt(np.square(distances).mean()))
    return PrimitiveFit(kind, pose, size.astype(np.float32), residual_m)


def _spread(directions: FloatArray) -> float:
    """Least variance of unit vectors along any direction: 0 for those in one plane."""
    return float(np.linalg.eigvalsh(np.cov(directions.T))[0])


def _meeting_point(points: FloatArray, normals: FloatArray) -> tuple[FloatArray, float]:
    """Point and radius for which ``points - radius * normals`` lie closest to the point."""
    from_mean = points - points.mean(axis=0)
    turned = normals - normals.mean(axis=0)
    radius = float((from_mean * turned).sum() / np.square(turned).sum())
    return points.mean(axis=0) - radius * normals.mean(axis=0), radius


def _robust_step(slopes: FloatArray, residuals: FloatArray) -> FloatArray:
    """Change (P,) of the parameters for residuals (N,) with derivatives (N, P)."""
    weights = 1.0 / (1.0 + np.square(residuals / _ROBUST_M)) ** 2
    weighted = slopes * weights[:, None]
    information = weighted.T @ slopes
    information[np.diag_indices_from(information)] += 1e-9 * np.trace(information)
    return np.asarray(np.linalg.solve(information, -weighted.T @ residuals))


def _turn_to_faces(local: FloatArray, axis: NDArray[np.intp], sign: FloatArray) -> FloatArray:
    """Turn (3,) of the axes that makes the points of each face lie equally far out."""
    rows = np.arange(len(local))
    slopes = np.zeros((len(local), 9))
    following, preceding = (axis + 1) % 3, (axis + 2) % 3
    slopes[rows, following] = -sign * local[rows, preceding]
    slopes[rows, preceding] = sign * local[rows, following]
    face = 2 * axis + (sign < 0)
    slopes[rows, 3 + face] = -1.0
    height = sign * local[rows, axis]
    out = np.array([np.median(height[face == f]) if (face == f).any() else 0.0 for f in range(6)])
    return _robust_step(slopes, height - out[face])[:3]


def _ends(places: FloatArray, along: FloatArray) -> tuple[float, float]:
    """Where a body begins and ends along an axis, of its points' places (N,) on the axis and
    their normals' cosines (N,) with it: at a face that is seen, else where the points end."""
    low = _end(-places, -along)
    return -low, _end(places, along)


def _end(places: FloatArray, along: FloatArray) -> float:
    """A face's middle place; without one, where points spread evenly along the sides would end.

    Their outermost fiftieth is not looked at, for it holds what strays; two millimetres are added,
    for the pixels along an edge mix its depth with what is behind and give no point.
    """
    is_face = along > _ALONG
    if is_face.mean() >= _LEAST_FACE_SHARE:
        return float(np.median(places[is_face]))
    sides = places[np.abs(along) < _ACROSS]
    low, high = np.quantile(sides if len(sides) else places, [_TAIL, 1.0 - _TAIL])
    return float(high + (high - low) * _TAIL / (1.0 - 2.0 * _TAIL)) + _UNSEEN_RIM_M


def _frame_about(axis: FloatArray) -> FloatArray:
    """(3, 3) rotation with the axis as its third column."""
    across = np.cross(axis, np.eye(3)[np.abs(axis).argmin()])
    across /= np.linalg.norm(across)
    return np.column_stack([across, np.cross(axis, across), axis])


def _cylinder_axis(normals: FloatArray) -> FloatArray:
    """The direction along or at right angles to which the most normals are."""
    some = normals[:: max(1, len(normals) // _CANDIDATES)]
    crosses = np.cross(some, np.roll(some, len(some) // 3, axis=0))
    lengths = np.linalg.norm(crosses, axis=1)
    least = np.linalg.eigh(normals.T @ normals)[1][:, 0]
    candidates = np.vstack([least, crosses[lengths > 0.3] / lengths[lengths > 0.3, None], some])
    cosines = np.abs(normals @ candidates.T)
    votes = (cosines < _ACROSS).mean(axis=0) + (cosines > _ALONG).mean(axis=0)
    return np.asarray(candidates[votes.argmax()])


def _box_axes(normals: FloatArray) -> FloatArray | None:
    """(3, 3) rotation whose columns the most normals are along; None for one axis only."""
    some = normals[:: max(1, len(normals) // _CANDIDATES)]
    cosines = np.abs(normals @ some.T)
    first = some[(cosines > _ALONG).sum(axis=0).argmax()]
    beside = some[np.abs(some @ first) < _ACROSS]
    if not len(beside):
        return None
    second = beside[(np.abs(normals @ beside.T) > _ALONG).sum(axis=0).argmax()]
    second = second - (second @ first) * first
    second /= np.linalg.norm(second)
    return np.column_stack([first, second, np.cross(first, second)])
