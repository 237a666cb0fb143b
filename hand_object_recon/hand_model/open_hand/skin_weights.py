"""Skin weights of the open hand, made anew for the joints of its skeleton."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix, diags

from hand_object_recon.hand_model.conventions import (
    FINGERS_IN_JOINT_ORDER,
    JOINT_COUNT,
    finger_joints,
)
from hand_object_recon.hand_model.open_hand.base_mesh import (
    BaseMesh,
    chain_names,
    metacarpal_name,
)
from hand_object_recon.hand_model.open_hand.skeleton import Skeleton

FloatArray = NDArray[np.floating[Any]]

_BLEND_HALF_WIDTHS_M: Final = {
    "thumb": (0.016, 0.010, 0.009),
    "index": (0.013, 0.009, 0.008),
    "middle": (0.013, 0.009, 0.008),
    "ring": (0.012, 0.009, 0.007),
    "pinky": (0.011, 0.008, 0.007),
}
_SMOOTHING_ROUNDS: Final = 2


def build_skin_weights(base: BaseMesh, skeleton: Skeleton) -> FloatArray:
    """(778, 16) weights, rows summing to one, at most those of neighbouring joints non-zero.

    Who a vertex belongs to (which finger, or the thumb) follows the base mesh's weights; where
    along the finger one joint takes over from the other follows the new joints.
    """
    weights: FloatArray = np.zeros((len(base.vertices_m), JOINT_COUNT))
    for finger in FINGERS_IN_JOINT_ORDER:
        line = skeleton.lines[finger]
        arc = line.project(base.vertices_m)
        taken = [
            _smooth_step((arc - joint_arc) / half_width)
            for joint_arc, half_width in zip(
                line.arc_m[:3], _BLEND_HALF_WIDTHS_M[finger], strict=True
            )
        ]
        first, second, third = finger_joints(finger)
        share = _membership(base, finger)
        weights[:, third] = share * taken[0] * taken[1] * taken[2]
        weights[:, second] = share * taken[0] * taken[1] * (1 - taken[2])
        weights[:, first] = share * taken[0] * (1 - taken[1])
    weights[:, 0] = np.maximum(1.0 - weights[:, 1:].sum(axis=1), 0.0)
    weights = _smooth_over_mesh(weights, base.faces)
    weights[weights < 0.01] = 0.0
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def _membership(base: BaseMesh, finger: str) -> FloatArray:
    """(778,) how much of a vertex moves with this finger rather than another or the wrist."""
    own = np.sum([base.weights[name] for name in chain_names(finger)], axis=0)
    if finger == "thumb":
        return np.asarray(own)
    fingers = [name for name in FINGERS_IN_JOINT_ORDER if name != "thumb"]
    column = {
        name: base.weights[metacarpal_name(name)]
        + np.sum([base.weights[part] for part in chain_names(name)], axis=0)
        for name in fingers
    }
    total = np.sum(list(column.values()), axis=0) + np.sum(
        [base.weights[name] for name in chain_names("thumb")], axis=0
    )
    return np.asarray(column[finger] / np.maximum(total, 1e-6) * (total > 1e-3))


def _smooth_step(x: FloatArray) -> FloatArray:
    """0 at x <= -1, 1 at x >= 1, smooth between."""
    t = np.clip(0.5 * (x + 1.0), 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)


def _smooth_over_mesh(weights: FloatArray, faces: NDArray[np.int32]) -> FloatArray:
    rows = faces[:, [0, 1, 2, 1, 2, 0]].ravel()
    columns = faces[:, [1, 2, 0, 0, 1, 2]].ravel()
    count = len(weights)
    adjacency = coo_matrix((np.ones(len(rows)), (rows, columns)), shape=(count, count)).tocsr()
    adjacency.data[:] = 1.0
    average = diags(1.0 / np.asarray(adjacency.sum(axis=1)).ravel()) @ adjacency
    for _ in range(_SMOOTHING_ROUNDS):
        weights = 0.6 * weights + 0.4 * (average @ weights)
    return weights
