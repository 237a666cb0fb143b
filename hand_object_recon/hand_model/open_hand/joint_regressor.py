"""A sparse regressor from the open hand's vertices to its joints."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from hand_object_recon.hand_model.conventions import JOINT_COUNT, JOINT_PARENTS

FloatArray = NDArray[np.floating[Any]]

_CANDIDATES: Final = 60
_SPREAD_PENALTY: Final = 1e-4
_EXACTNESS: Final = 1e3


def build_joint_regressor(
    vertices_m: FloatArray, joints_m: FloatArray, weights: FloatArray
) -> FloatArray:
    """(16, 778) non-negative rows summing to one that give ``joints_m`` from ``vertices_m``.

    Each joint is read off the ring of skin around it: the vertices shared between the joint and
    its parent, the nearest ones weighing most.
    """
    regressor = np.zeros((JOINT_COUNT, len(vertices_m)))
    for joint in range(JOINT_COUNT):
        ring = _ring(vertices_m, joints_m[joint], weights, joint)
        offsets = vertices_m[ring] - joints_m[joint]
        distance = np.linalg.norm(offsets, axis=1)
        exact = np.vstack([offsets.T * 1e2, np.ones(len(ring))]) * _EXACTNESS
        small = np.diag(_SPREAD_PENALTY * _EXACTNESS * (1.0 + np.square(distance / 0.01)))
        target = np.concatenate([[0.0, 0.0, 0.0, _EXACTNESS], np.zeros(len(ring))])
        solution, _ = nnls(np.vstack([exact, small]), target)
        regressor[joint, ring] = solution / solution.sum()
    return regressor


def _ring(
    vertices_m: FloatArray, joint_m: FloatArray, weights: FloatArray, joint: int
) -> NDArray[np.intp]:
    moves_with = weights[:, joint] + (weights[:, JOINT_PARENTS[joint]] if joint else 0.0)
    distance = np.linalg.norm(vertices_m - joint_m, axis=1)
    distance = np.where(moves_with > 0.5, distance, np.inf)
    nearest = np.argsort(distance)[:_CANDIDATES]
    return np.asarray(nearest[np.isfinite(distance[nearest])])
