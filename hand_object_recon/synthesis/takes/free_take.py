"""Empty hands that gesture in front of the camera."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.hands import HandSide
from hand_object_recon.geometry.rotations import axis_angle_to_matrix
from hand_object_recon.synthesis.grasping.free_poses import draw_free_pose
from hand_object_recon.synthesis.grasping.grasp import PlacedHand
from hand_object_recon.synthesis.takes.eased_time import KeyTime
from hand_object_recon.synthesis.takes.paths import HandKey, HandPath
from hand_object_recon.synthesis.takes.resting import reachable_turn
from hand_object_recon.synthesis.takes.take import Moment, Take, TakeKind
from hand_object_recon.synthesis.takes.tremor import Tremor

FloatArray = NDArray[np.floating[Any]]

_KEYS: Final = 4
_STEP_S: Final = (0.5, 1.2)
_WANDER_M: Final = 0.07
_TURN_RAD: Final = 0.6
_ONE_HAND_ASIDE_M: Final = 0.05
_TWO_HANDS_ASIDE_M: Final = (0.10, 0.16)


class FreeTake(Take):
    """Hands whose paths are in the world."""

    def __init__(self, name: str, paths: Sequence[HandPath], tremors: Sequence[Tremor]) -> None:
        self.name, self.kind = name, TakeKind.FREE
        self.object_shape, self.support_height_m = None, None
        self.duration_s = min(path.end_s for path in paths)
        self._hands = list(zip(paths, tremors, strict=True))

    def at(self, time_s: float) -> Moment:
        return Moment(
            tuple(_about_wrist(path.at(time_s), tremor.at(time_s)) for path, tremor in self._hands)
        )


def free_take(name: str, sides: Sequence[HandSide], random: np.random.Generator) -> FreeTake:
    """Each of one or two hands goes from gesture to gesture on its own side."""
    paths = [_hand_path(side, len(sides), random) for side in sides]
    return FreeTake(name, paths, [Tremor.draw(random) for _ in sides])


def _hand_path(side: HandSide, hand_count: int, random: np.random.Generator) -> HandPath:
    times = np.concatenate([[0.0], np.cumsum(random.uniform(*_STEP_S, _KEYS - 1))])
    gestures = [draw_free_pose(random, side) for _ in times]
    turn = reachable_turn(gestures[0], random)
    center = np.zeros(3)
    center[0] = _aside_m(side, hand_count, random)
    keys = []
    for time_s, gesture in zip(times.tolist(), gestures, strict=True):
        pose = np.eye(4)
        pose[:3, :3] = axis_angle_to_matrix(random.uniform(-_TURN_RAD, _TURN_RAD, 3)) @ turn
        pose[:3, 3] = center + random.uniform(-_WANDER_M, _WANDER_M, 3)
        hand = replace(
            gesture, wrist_pose=pose, shape=gestures[0].shape, rest_wrist_m=gestures[0].rest_wrist_m
        )
        keys.append(HandKey(KeyTime(time_s, rests=bool(random.random() < 0.5)), hand))
    return HandPath(keys)


def _aside_m(side: HandSide, hand_count: int, random: np.random.Generator) -> float:
    """World x about which a hand moves: the right one at the person's right."""
    outward = 1.0 if side is HandSide.RIGHT else -1.0
    if hand_count == 1:
        return float(random.uniform(-_ONE_HAND_ASIDE_M, _ONE_HAND_ASIDE_M))
    return float(outward * random.uniform(*_TWO_HANDS_ASIDE_M))


def _about_wrist(hand: PlacedHand, small: FloatArray) -> PlacedHand:
    return replace(hand, wrist_pose=hand.wrist_pose @ small)
