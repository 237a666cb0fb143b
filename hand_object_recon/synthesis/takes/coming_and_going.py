"""The ways of a hand to a grasp and away from it, in the object's frame."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.geometry.rotations import axis_angle_to_matrix
from hand_object_recon.synthesis.grasping.grasp import Grasp, PlacedHand
from hand_object_recon.synthesis.takes.eased_time import KeyTime
from hand_object_recon.synthesis.takes.hand_surface import posed
from hand_object_recon.synthesis.takes.paths import HandKey

FloatArray = NDArray[np.floating[Any]]
Range = tuple[float, float]

_COME_S: Final[Range] = (0.5, 0.9)
_REACH_S: Final[Range] = (0.25, 0.45)
_CLOSE_S: Final[Range] = (0.35, 0.6)
_FROM_M: Final[Range] = (0.08, 0.20)
_SIDEWAYS_M: Final = 0.05
_TURNED_RAD: Final = 0.35
_DRAWS: Final = 8


@dataclass(frozen=True, eq=False)
class Ground:
    """The table in the object's frame: points p with ``up @ p`` below ``height_m`` are in it."""

    up: FloatArray
    height_m: float

    def is_below(self, hand: PlacedHand) -> bool:
        """Whether a part of the hand is in the table."""
        return bool((posed(hand).vertices_m @ self.up).min() < self.height_m)


def coming(
    grasp: Grasp, start_s: float, ground: Ground | None, random: np.random.Generator
) -> list[HandKey]:
    """Keys of a hand that comes and closes; the last one is the grasp."""
    spans = [random.uniform(*span) for span in (_COME_S, _REACH_S, _CLOSE_S)]
    at_pregrasp, at_object, closed = (start_s + np.cumsum(spans)).tolist()
    return [
        HandKey(KeyTime(start_s), _far_away(grasp, ground, random)),
        HandKey(KeyTime(at_pregrasp, rests=False), grasp.pregrasp),
        HandKey(KeyTime(at_object, rests=False), grasp.opened),
        HandKey(KeyTime(closed), grasp.hand),
    ]


def going(
    grasp: Grasp, start_s: float, ground: Ground | None, random: np.random.Generator
) -> list[HandKey]:
    """Keys of a hand that opens and goes; the first one is the grasp."""
    spans = [random.uniform(*span) for span in (_CLOSE_S, _REACH_S, _COME_S)]
    opened, backed_off, gone = (start_s + np.cumsum(spans)).tolist()
    return [
        HandKey(KeyTime(start_s), grasp.hand),
        HandKey(KeyTime(opened, rests=False), grasp.opened),
        HandKey(KeyTime(backed_off, rests=False), grasp.pregrasp),
        HandKey(KeyTime(gone), _far_away(grasp, ground, random)),
    ]


def _far_away(grasp: Grasp, ground: Ground | None, random: np.random.Generator) -> PlacedHand:
    """The opened hand farther back and turned a little, but not into the table."""
    for _ in range(_DRAWS):
        hand = _backed_off(grasp, random)
        if ground is None or not ground.is_below(hand):
            return hand
    return grasp.pregrasp


def _backed_off(grasp: Grasp, random: np.random.Generator) -> PlacedHand:
    sideways = random.uniform(-_SIDEWAYS_M, _SIDEWAYS_M, 3)
    sideways -= (sideways @ grasp.approach) * grasp.approach
    pose = grasp.pregrasp.wrist_pose.copy()
    pose[:3, 3] += sideways - random.uniform(*_FROM_M) * grasp.approach
    turn = axis_angle_to_matrix(random.uniform(-_TURNED_RAD, _TURNED_RAD, 3))
    pose[:3, :3] = turn @ pose[:3, :3]
    return replace(grasp.pregrasp, wrist_pose=pose)
