"""How far an object of known shape is from its true pose."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.core.validation import require_array
from hand_object_recon.evaluation.metrics.metric_value import (
    FloatArray,
    MetricValue,
    summarise,
)
from hand_object_recon.evaluation.metrics.paired_points import chunks, missing_and_invalid
from hand_object_recon.evaluation.metrics.point_errors import MM_PER_M

_POINTS_AT_ONCE = 100_000


def add_error(poses: NDArray[Any], true_poses: NDArray[Any], points_m: NDArray[Any]) -> MetricValue:
    """ADD: mean distance of the model's points (M, 3) under both poses (N, 4, 4), mm.

    Hinterstoisser and others (2012); the mean over frames. A pose that is wholly NaN is missing.
    """
    estimate, truth, points = _checked(poses, true_poses, points_m)
    errors = np.full(len(truth), np.nan)
    for rows in _rows(estimate, points):
        difference = estimate[rows] - truth[rows]
        offsets = _apply(difference, points)
        errors[rows] = np.sqrt(np.einsum("nmi,nmi->nm", offsets, offsets)).mean(axis=1)
    return summarise(MM_PER_M * errors, "mm", missing_and_invalid(estimate)[0])


def add_s_error(
    poses: NDArray[Any], true_poses: NDArray[Any], points_m: NDArray[Any]
) -> MetricValue:
    """ADD-S: mean distance of the model's points in the true pose to the nearest of them in the
    estimated pose, mm; for objects that look alike from several sides.

    The poses must be rigid: every frame is searched in the model's own frame, in one tree.
    """
    from scipy.spatial import cKDTree

    estimate, truth, points = _checked(poses, true_poses, points_m)
    tree = cKDTree(points)
    errors = np.full(len(truth), np.nan)
    for rows in _rows(estimate, points):
        seen = _apply(_inverse(estimate[rows]) @ truth[rows], points)
        errors[rows] = tree.query(seen, workers=-1)[0].mean(axis=1)
    return summarise(MM_PER_M * errors, "mm", missing_and_invalid(estimate)[0])


def center_error(centers_m: NDArray[Any], true_centers_m: NDArray[Any]) -> MetricValue:
    """Distance of object centres (N, 3), mm, as gSDF prints it."""
    truth = require_array("true centres", true_centers_m, (None, 3), np.float64, finite=True)
    estimate = require_array("centres", centers_m, truth.shape, np.float64)
    errors = np.linalg.norm(estimate - truth, axis=1)
    return summarise(MM_PER_M * errors, "mm", missing_and_invalid(estimate)[0])


def _checked(
    poses: NDArray[Any], true_poses: NDArray[Any], points_m: NDArray[Any]
) -> tuple[FloatArray, FloatArray, FloatArray]:
    truth = require_array("true poses", true_poses, (None, 4, 4), np.float64, finite=True)
    estimate = require_array("poses", poses, truth.shape, np.float64)
    points = require_array("model points", points_m, (None, 3), np.float64, finite=True)
    if not len(points):
        raise InvalidValueError("model has 0 points; a pose error needs at least one")
    for name, transforms in (("true poses", truth), ("poses", estimate)):
        _require_rigid(name, transforms)
    return estimate, truth, points


def _require_rigid(name: str, transforms: FloatArray) -> None:
    rotations = transforms[:, :3, :3]
    products = rotations @ rotations.transpose(0, 2, 1)
    wrong = np.abs(products - np.eye(3)).max(axis=(1, 2)) > 1e-3
    if wrong.any():
        raise InvalidValueError(
            f"{name}: row {int(np.argmax(wrong))} is not rigid; "
            "its upper-left 3x3 block must be a rotation"
        )


def _rows(estimate: FloatArray, points: FloatArray) -> list[NDArray[np.intp]]:
    finite = np.flatnonzero(np.isfinite(estimate).all(axis=(1, 2)))
    return chunks(finite, max(1, _POINTS_AT_ONCE // len(points)))


def _apply(transforms: FloatArray, points: FloatArray) -> FloatArray:
    """(N, M, 3): each of (N, 4, 4) applied to (M, 3)."""
    turned = points @ transforms[:, :3, :3].transpose(0, 2, 1)
    return np.asarray(turned + transforms[:, None, :3, 3])


def _inverse(transforms: FloatArray) -> FloatArray:
    inverse = np.zeros_like(transforms)
    back = transforms[:, :3, :3].transpose(0, 2, 1)
    inverse[:, :3, :3] = back
    inverse[:, :3, 3] = -(back @ transforms[:, :3, 3:])[..., 0]
    inverse[:, 3, 3] = 1.0
    return inverse
