"""A sparse regressor from the open hand's vertices to its joints, right in every pose."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.hand_model.conventions import JOINT_COUNT, JOINT_PARENTS

FloatArray = NDArray[np.floating[Any]]

_CANDIDATES: Final = 80
_SPREAD_PENALTY_M: Final = 1.5e-4
_FAR_M: Final = 0.010


def build_joint_regressor(
    vertices_m: FloatArray,
    joints_m: FloatArray,
    weights: FloatArray,
    posed_vertices_m: FloatArray,
    posed_joints_m: FloatArray,
) -> FloatArray:
    """(16, 778) rows summing to one that give ``joints_m`` (16, 3) exactly from ``vertices_m``.

    Among all such rows those are taken that stay closest to the joints over poses, S of them
    with vertices (S, 778, 3) and joints (S, 16, 3), and that spread over the ring of skin around
    a joint. Weights may be negative: a mean of skin that bends cannot follow the joint inside.
    """
    regressor = np.zeros((JOINT_COUNT, len(vertices_m)))
    for joint in range(JOINT_COUNT):
        ring = _ring(vertices_m, joints_m[joint], weights, joint)
        offsets = posed_vertices_m[:, ring] - posed_joints_m[:, joint, None]
        misses = np.moveaxis(offsets, 2, 1).reshape(-1, len(ring)) / np.sqrt(len(offsets))
        at_rest = vertices_m[ring] - joints_m[joint]
        distance = np.linalg.norm(at_rest, axis=1)
        spread = _SPREAD_PENALTY_M * (1.0 + np.square(distance / _FAR_M))
        normal = misses.T @ misses + np.diag(np.square(spread))
        exact = np.vstack([at_rest.T, np.full(len(ring), _FAR_M)])
        regressor[joint, ring] = _constrained_least_squares(
            normal, exact, np.array([0.0, 0.0, 0.0, _FAR_M])
        )
    return regressor


def _constrained_least_squares(
    normal: FloatArray, constraint: FloatArray, value: FloatArray
) -> FloatArray:
    """The x with the least ``x @ normal @ x`` among those with ``constraint @ x == value``."""
    free = np.linalg.solve(normal, constraint.T)
    return np.asarray(free @ np.linalg.solve(constraint @ free, value))


def _ring(
    vertices_m: FloatArray, joint_m: FloatArray, weights: FloatArray, joint: int
) -> NDArray[np.intp]:
    moves_with = weights[:, joint] + (weights[:, JOINT_PARENTS[joint]] if joint else 0.0)
    distance = np.linalg.norm(vertices_m - joint_m, axis=1)
    distance = np.where(moves_with > 0.5, distance, np.inf)
    nearest = np.argsort(distance, kind="stable")[:_CANDIDATES]
    return np.asarray(nearest[np.isfinite(distance[nearest])])
