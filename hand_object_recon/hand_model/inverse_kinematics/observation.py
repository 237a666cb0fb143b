"""Joints as they are given: checked, missing ones told from those there are."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.core.keypoints import KEYPOINT_COUNT

FloatArray = NDArray[np.floating[Any]]

PALM: Final = (0, 1, 5, 9, 13, 17)
"""Keypoints that move with the wrist."""

LEAST_PALM_JOINTS: Final = 3

LEAST_PALM_BREADTH_M: Final = 2e-3
"""``palm_breadth_m`` below which the palm's joints do not tell how the hand is turned about
the line they lie along."""


def observed(
    joints_m: FloatArray, weights: FloatArray | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(..., 21, 3) joints, zero where missing, and (..., 21) weights, zero there.

    A joint is missing where its weight is zero or a coordinate is NaN.

    Raises
    ------
    InvalidValueError
        Wrong shape, an infinite coordinate, or a weight that is negative or not finite.
    """
    joints = np.array(joints_m, dtype=np.float64)
    if joints.ndim < 2 or joints.shape[-2:] != (KEYPOINT_COUNT, 3):
        raise InvalidValueError(
            f"joints have shape {joints.shape}; they must be (..., {KEYPOINT_COUNT}, 3)"
        )
    if np.isinf(joints).any():
        raise InvalidValueError("joints hold an infinite coordinate; give NaN for a missing joint")
    there = np.ones(joints.shape[:-1]) if weights is None else np.array(weights, dtype=np.float64)
    if there.shape != joints.shape[:-1]:
        raise InvalidValueError(
            f"joint weights have shape {there.shape}; joints {joints.shape} need "
            f"{joints.shape[:-1]}"
        )
    if not (np.isfinite(there) & (there >= 0)).all():
        raise InvalidValueError(
            f"joint weights reach from {there.min()} to {there.max()}; they must be finite and "
            "not negative, zero for a missing joint"
        )
    is_missing = np.isnan(joints).any(axis=-1) | (there == 0)
    joints[is_missing] = 0.0
    there[is_missing] = 0.0
    return joints, there


def require_palm(joints_m: FloatArray, weights: FloatArray) -> None:
    """Refuse (21, 3) joints whose palm does not fix the wrist.

    Raises
    ------
    InvalidValueError
        Fewer than three joints of the palm are there, or those there are lie on a line.
    """
    palm = np.flatnonzero(weights[list(PALM)])
    if len(palm) < LEAST_PALM_JOINTS:
        raise InvalidValueError(
            f"only {len(palm)} joints of the palm are given; inverse kinematics needs three of "
            "the wrist and the five knuckles (keypoints 0, 1, 5, 9, 13, 17)"
        )
    breadth = palm_breadth_m(joints_m, weights)
    if not breadth >= LEAST_PALM_BREADTH_M:
        raise InvalidValueError(
            f"the palm's joints lie within {1e3 * breadth:.2f} mm of a line, which leaves the "
            f"hand's turn about it open; they must spread by {1e3 * LEAST_PALM_BREADTH_M:.0f} mm "
            "(are they in metres?)"
        )


def palm_breadth_m(joints_m: FloatArray, weights: FloatArray) -> float:
    """How far the palm's joints that are there spread across the line they lie along.

    The root of the sum of the scatter's principal minors over its trace, which is all but the
    root of the two lesser eigenvalues' sum.
    """
    points = joints_m[list(PALM)][weights[list(PALM)] > 0]
    centred = points - points.sum(axis=0) / len(points)
    scatter = centred.T @ centred / len(points)
    trace = scatter.trace()
    minors = 0.5 * (trace * trace - (scatter * scatter).sum())
    return float(np.sqrt(max(minors, 0.0) / trace)) if trace > 0 else 0.0
