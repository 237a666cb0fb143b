"""The bend that makes a hand agree with the object it holds and with the depth, compiled."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.geometry.compiled import compiled
from hand_object_recon.interaction.bending import bent_points, dot, mesh_normals, turned_joints
from hand_object_recon.interaction.hand_rig import RigArrays
from hand_object_recon.interaction.pulls import (
    DepthImage,
    Skin,
    Thing,
    add_contacts,
    add_pushes,
    add_readings,
    gaps_to,
    readings,
    seen_shares,
)

Array = NDArray[np.float64]

BEND_LENGTH = 51
_STEPS = 2
_FARTHEST_M = 0.010
_FARTHEST_RAD = 0.6
# Deviations of a reconstructor's result: of parts the camera saw, and of those it did not.
_WRIST_TURN_RAD = (0.02, 0.04)
_WRIST_SHIFT_M = (0.002, 0.004)
_FLEXION_RAD = (0.03, 0.12)
_ABDUCTION_RAD = (0.02, 0.06)
_TWIST_RAD = (0.01, 0.03)
# How far a correction changes from frame to frame.
_TURN_CHANGE_RAD = 0.03
_SHIFT_CHANGE_M = 0.002
_ANGLE_CHANGE_RAD = 0.10
# Part of the fingers in the order of joints: index, middle, pinky, ring, thumb.
_PART_OF_FINGER = (1, 2, 4, 3, 0)


class GivenHand(NamedTuple):
    """A hand as it was reconstructed: vertices_m (V, 3), joints_m (16, 3), orientation (3, 3)
    of the wrist, vectors_rad (15, 3) of the joints, and their lowest and highest angles (45,)
    as changes from where they are."""

    vertices_m: Array
    joints_m: Array
    orientation: Array
    vectors_rad: Array
    lowest_rad: Array
    highest_rad: Array


@compiled
def correction(
    hand: GivenHand,
    rig: RigArrays,
    thing: Thing,
    trust: Array,
    depth: DepthImage,
    reach_m: float,
    last: Array,
    is_tracked: bool,
    may_bend: bool,
) -> Array:
    """(51,) the bend of a hand, a few Gauss-Newton steps from the last frame's.

    trust (V,)
        Weight of the object's surface before each vertex.
    reach_m
        Fingers nearer than this are pulled to the object; 0 pulls none.
    last (51,), is_tracked
        The last frame's bend, and whether there is one.
    may_bend
        Whether the fingers may bend; else only the wrist moves.
    """
    bend = last.copy()
    skin = _bent(hand, rig, np.zeros(BEND_LENGTH))
    seen = seen_shares(skin, rig.parts, readings(skin, depth, thing))
    precision = _precision(seen, may_bend)
    for _ in range(_STEPS):
        skin = _bent(hand, rig, bend)
        targets = readings(skin, depth, thing)
        normal, gradient = _beliefs(bend, precision, last, is_tracked)
        gaps, away = gaps_to(skin.vertices_m, thing)
        add_pushes(normal, gradient, skin, rig.finger, rig.carried, rig.parts, gaps, away, trust)
        add_contacts(
            normal,
            gradient,
            skin,
            rig.finger,
            rig.carried,
            rig.parts,
            gaps,
            away,
            trust,
            reach_m,
            seen,
        )
        add_readings(normal, gradient, skin, rig.finger, rig.carried, targets)
        bend -= _solved(normal, gradient)
        _limit(bend, hand)
    return bend


@compiled
def bent_hand(hand: GivenHand, rig: RigArrays, bend: Array) -> tuple[Array, Array, Array]:
    """Vertices (V, 3) of a bent hand, and the turns (16, 3, 3) and offsets (16, 3) with which
    its joints take points of the given hand along."""
    turns, offsets, _, _ = turned_joints(
        hand.orientation, hand.vectors_rad, hand.joints_m, rig.axes, bend
    )
    return bent_points(hand.vertices_m, rig.weights, turns, offsets), turns, offsets


@compiled
def _bent(hand: GivenHand, rig: RigArrays, bend: Array) -> Skin:
    turns, offsets, joints, angle_turns = turned_joints(
        hand.orientation, hand.vectors_rad, hand.joints_m, rig.axes, bend
    )
    vertices = bent_points(hand.vertices_m, rig.weights, turns, offsets)
    return Skin(vertices, mesh_normals(vertices, rig.faces), joints, angle_turns)


@compiled
def _precision(seen: Array, may_bend: bool) -> Array:
    """(51,) how sure a reconstructor's result is, from the share of each part that was seen."""
    precision = np.empty(BEND_LENGTH)
    of_hand = seen.mean()
    precision[:3] = _between(_WRIST_TURN_RAD, of_hand)
    precision[3:6] = _between(_WRIST_SHIFT_M, of_hand)
    for finger in range(5):
        share = seen[_PART_OF_FINGER[finger]]
        for level in range(3):
            place = 6 + 9 * finger + 3 * level
            precision[place] = _between(_FLEXION_RAD, share)
            precision[place + 1] = _between(_ABDUCTION_RAD, share)
            precision[place + 2] = _between(_TWIST_RAD, share)
    if not may_bend:
        precision[6:] = 1e12
    return precision


@compiled
def _between(deviations: tuple[float, float], seen: float) -> float:
    """The precision that goes with a share seen."""
    deviation = seen * deviations[0] + (1.0 - seen) * deviations[1]
    return 1.0 / deviation**2


@compiled
def _beliefs(bend: Array, precision: Array, last: Array, is_tracked: bool) -> tuple[Array, Array]:
    """Normal matrix and gradient of staying near the given hand and the last frame's bend."""
    normal = np.zeros((BEND_LENGTH, BEND_LENGTH))
    gradient = precision * bend
    for place in range(BEND_LENGTH):
        normal[place, place] = precision[place]
        if is_tracked:
            change = _TURN_CHANGE_RAD if place < 3 else _ANGLE_CHANGE_RAD
            if 3 <= place < 6:
                change = _SHIFT_CHANGE_M
            normal[place, place] += 1.0 / change**2
            gradient[place] += (bend[place] - last[place]) / change**2
    return normal, gradient


@compiled
def _limit(bend: Array, hand: GivenHand) -> None:
    """Keep the joints within their limits, and every change small."""
    for place in range(45):
        low = max(hand.lowest_rad[place], -_FARTHEST_RAD)
        high = min(hand.highest_rad[place], _FARTHEST_RAD)
        bend[6 + place] = min(max(bend[6 + place], low), high)
    shift = np.sqrt(dot(bend[3:6], bend[3:6]))
    if shift > _FARTHEST_M:
        for place in range(3, 6):
            bend[place] *= _FARTHEST_M / shift


@compiled
def _solved(matrix: Array, vector: Array) -> Array:
    """Solution of a symmetric, positive definite system, by Cholesky; overwrites both."""
    size = len(vector)
    for i in range(size):
        for j in range(i + 1):
            total = matrix[i, j]
            for k in range(j):
                total -= matrix[i, k] * matrix[j, k]
            matrix[i, j] = np.sqrt(total) if i == j else total / matrix[j, j]
    for i in range(size):
        for k in range(i):
            vector[i] -= matrix[i, k] * vector[k]
        vector[i] /= matrix[i, i]
    for i in range(size - 1, -1, -1):
        for k in range(i + 1, size):
            vector[i] -= matrix[k, i] * vector[k]
        vector[i] /= matrix[i, i]
    return vector
