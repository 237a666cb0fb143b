"""Where a known mesh is in a frame's field: its vertices laid on the zero of the distances."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.geometry.rotations import axis_angle_to_matrix
from hand_object_recon.object_model.registration import MotionPrior
from hand_object_recon.reconstructors.gsdf.camera_field import CameraField

FloatArray = NDArray[np.floating[Any]]
Pose = NDArray[np.float64]

_ITERATIONS: Final = 3
_FIELD_SD_M: Final = 0.004
_INDEPENDENT_POINTS: Final = 30.0
"""Errors of neighbouring points are alike: so many say as much as all of them."""
_INLIER_M: Final = 0.005


@dataclass(frozen=True, eq=False)
class ObjectFit:
    """pose (4, 4), camera from object; inlier_share of the points within 5 mm of the surface."""

    pose: Pose
    inlier_share: float


def fit_to_field(
    field: CameraField, points_m: FloatArray, start: Pose, prior: MotionPrior
) -> ObjectFit:
    """The pose near ``start`` that lays (N, 3) points of an object's own frame on the surface.

    Gauss-Newton steps on the distances, those far off weighted down (Huber). What the surface
    does not tell, such as the turn of a ball, stays as it was expected.
    """
    pose = np.array(start, dtype=np.float64)
    pivot = _moved(start, points_m).mean(axis=0)
    information = np.repeat([prior.turn_rad**-2.0, prior.shift_m**-2.0], 3)
    change = np.zeros(6)
    for _ in range(_ITERATIONS):
        places = _moved(pose, points_m)
        distances, gradients = field.distances(places), field.gradients(places)
        rows = np.concatenate([np.cross(places - pivot, gradients), gradients], axis=1)
        weights = _weights(distances)
        step = np.linalg.solve(
            (rows * weights[:, None]).T @ rows + np.diag(information),
            -(rows * weights[:, None]).T @ distances - information * change,
        )
        change += step
        pose = _turned_about(pivot, step) @ pose
        pivot = pivot + step[3:]
    distances = field.distances(_moved(pose, points_m))
    return ObjectFit(pose, float((np.abs(distances) < _INLIER_M).mean()))


def _weights(distances_m: FloatArray) -> FloatArray:
    """(N,) inverse variances; together those of the independent points."""
    share = _INDEPENDENT_POINTS / len(distances_m)
    robust = np.minimum(1.0, _INLIER_M / np.maximum(np.abs(distances_m), 1e-9))
    return np.asarray(share * robust / _FIELD_SD_M**2)


def _turned_about(pivot_m: FloatArray, step: FloatArray) -> Pose:
    """(4, 4) turn by ``step[:3]`` about a pivot, then shift by ``step[3:]``."""
    motion = np.eye(4)
    motion[:3, :3] = axis_angle_to_matrix(step[:3])
    motion[:3, 3] = pivot_m - motion[:3, :3] @ pivot_m + step[3:]
    return motion


def _moved(pose: Pose, points_m: FloatArray) -> FloatArray:
    return np.asarray(points_m @ pose[:3, :3].T + pose[:3, 3])
