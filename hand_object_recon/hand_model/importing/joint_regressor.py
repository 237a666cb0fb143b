"""A sparse regressor that gives a rig's joints from its skin exactly at rest."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.hand_model.conventions import JOINT_COUNT, JOINT_PARENTS

FloatArray = NDArray[np.floating[Any]]

_RING: Final = 48
_REACH_M: Final = 0.01


def exact_joint_regressor(
    vertices_m: FloatArray, joints_m: FloatArray, weights: FloatArray
) -> FloatArray:
    """(16, V) rows summing to one that give ``joints_m`` (16, 3) from ``vertices_m`` (V, 3).

    A joint is read off the nearest skin that moves with it or its parent. Among all rows that
    give it exactly, the one with the least sum of squares is taken, each entry weighed by its
    vertex's distance. A joint outside its ring, such as a wrist set back into the forearm, gets
    some negative entries.
    """
    regressor = np.zeros((JOINT_COUNT, len(vertices_m)))
    for joint in range(JOINT_COUNT):
        ring, distance = _ring(vertices_m, joints_m[joint], weights, joint)
        offsets = (vertices_m[ring] - joints_m[joint]) / _REACH_M
        conditions = np.vstack([offsets.T, np.ones(len(ring))])
        nearness = 1.0 / (1.0 + np.square(distance / _REACH_M))
        weighed = conditions * nearness
        row = weighed.T @ np.linalg.pinv(weighed @ conditions.T) @ np.array([0.0, 0.0, 0.0, 1.0])
        regressor[joint, ring] = row
    return regressor


def _ring(
    vertices_m: FloatArray, joint_m: FloatArray, weights: FloatArray, joint: int
) -> tuple[NDArray[np.intp], FloatArray]:
    moves_with = weights[:, joint] + (weights[:, JOINT_PARENTS[joint]] if joint else 0.0)
    distance = np.linalg.norm(vertices_m - joint_m, axis=1)
    near = np.argsort(np.where(moves_with > 0.5, distance, np.inf))[:_RING]
    ring = near[moves_with[near] > 0.5]
    return ring, distance[ring]
