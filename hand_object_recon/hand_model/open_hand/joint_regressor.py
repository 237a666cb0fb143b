"""A sparse regressor from a hand's vertices to its joints, right in every pose."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.hand_model.conventions import JOINT_COUNT, JOINT_PARENTS
from hand_object_recon.hand_model.open_hand.pose_space import joint_limits_rad, pose_set_rad
from hand_object_recon.hand_model.open_hand.rest_hand import RestHand

FloatArray = NDArray[np.floating[Any]]
Indices = NDArray[np.intp]

_CANDIDATES: Final = 80
_SPREAD_PENALTY_M: Final = 1.5e-4
_FAR_M: Final = 0.010
_SET_POSES: Final = 200
_RANDOM_POSES: Final = 200
_SEED: Final = 5


def build_joint_regressor(hand: RestHand) -> FloatArray:
    """(16, V) rows summing to one that give the hand's joints exactly from its vertices at rest.

    Among all such rows those are taken that stay closest to the joints over many poses, and that
    spread over the ring of skin around a joint. Weights may be negative: a mean of skin that
    bends cannot follow the joint inside.
    """
    rings = [_ring(hand, joint) for joint in range(JOINT_COUNT)]
    used = np.unique(np.concatenate(rings))
    posed_vertices, posed_joints = _only(hand, used).posed(_poses())
    regressor = np.zeros((JOINT_COUNT, len(hand.vertices_m)))
    for joint, ring in enumerate(rings):
        offsets = posed_vertices[:, np.searchsorted(used, ring)] - posed_joints[:, joint, None]
        misses = np.moveaxis(offsets, 2, 1).reshape(-1, len(ring)) / np.sqrt(len(offsets))
        at_rest = hand.vertices_m[ring] - hand.joints_m[joint]
        distance = np.linalg.norm(at_rest, axis=1)
        spread = _SPREAD_PENALTY_M * (1.0 + np.square(distance / _FAR_M))
        normal = misses.T @ misses + np.diag(np.square(spread))
        exact = np.vstack([at_rest.T, np.full(len(ring), _FAR_M)])
        regressor[joint, ring] = _constrained_least_squares(
            normal, exact, np.array([0.0, 0.0, 0.0, _FAR_M])
        )
    return regressor


def _ring(hand: RestHand, joint: int) -> Indices:
    """The nearest vertices that move with a joint or its parent."""
    weights = hand.weights
    moves_with = weights[:, joint] + (weights[:, JOINT_PARENTS[joint]] if joint else 0.0)
    distance = np.linalg.norm(hand.vertices_m - hand.joints_m[joint], axis=1)
    distance = np.where(moves_with > 0.5, distance, np.inf)
    nearest = np.argsort(distance, kind="stable")[:_CANDIDATES]
    return np.asarray(nearest[np.isfinite(distance[nearest])])


def _only(hand: RestHand, vertices: Indices) -> RestHand:
    return replace(
        hand,
        vertices_m=hand.vertices_m[vertices],
        weights=hand.weights[vertices],
        posedirs=hand.posedirs[vertices],
    )


def _poses() -> FloatArray:
    """(S, 15, 3) poses a regressed joint must be right in: some of the set, some at random."""
    random = np.random.default_rng(_SEED)
    limits, pose_set = joint_limits_rad(), pose_set_rad()
    anywhere = random.uniform(limits[..., 0], limits[..., 1], (_RANDOM_POSES, 15, 3))
    return np.concatenate([pose_set[:: len(pose_set) // _SET_POSES], anywhere])


def _constrained_least_squares(
    normal: FloatArray, constraint: FloatArray, value: FloatArray
) -> FloatArray:
    """The x with the least ``x @ normal @ x`` among those with ``constraint @ x == value``."""
    free = np.linalg.solve(normal, constraint.T)
    return np.asarray(free @ np.linalg.solve(constraint @ free, value))
