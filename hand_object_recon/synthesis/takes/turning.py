"""Ways in which a hand turns what it holds so that its other sides are seen.

A forearm that points somewhere the elbow can be, and the palm turned up or down about it: what
elbow, forearm and wrist do together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.hands import HandSide
from hand_object_recon.geometry.rotations import matrix_to_axis_angle
from hand_object_recon.synthesis.grasping.grasp import PlacedHand
from hand_object_recon.synthesis.objects.object_shape import ObjectShape
from hand_object_recon.synthesis.takes.eased_time import KeyTime
from hand_object_recon.synthesis.takes.hand_surface import posed
from hand_object_recon.synthesis.takes.paths import RigidKey

FloatArray = NDArray[np.floating[Any]]
Range = tuple[float, float]

_ROLL_RAD: Final[Range] = (0.6, 1.85)  # from the thumb up, to either side
_FOREARM_OUTWARD: Final[Range] = (-0.4, 0.8)  # beside -1 away from the person
_FOREARM_UP: Final[Range] = (-0.4, 0.6)
_LEAST_TURN_RAD: Final = 1.4
_DRAWS: Final = 20
_WANDER_M: Final = 0.03
_ABOVE_TABLE_M: Final = 0.03
_TO_ELBOW_M: Final = 0.3
_UP: Final = np.array([0.0, 0.0, 1.0])


class ArmTurn(NamedTuple):
    """Unit direction (3,) from the wrist towards the elbow in the world, and the turn about it
    from where the thumb is up; positive where the palm turns up."""

    forearm: FloatArray
    roll_rad: float


@dataclass(frozen=True, eq=False)
class HeldUp:
    """An object that a hand of a take holds in the air.

    hand
        In the object's frame.
    pose
        (4, 4) of the object, about which it is turned.
    table_m
        World z of the table, or None.
    """

    shape: ObjectShape
    hand: PlacedHand
    pose: FloatArray
    table_m: float | None


def turning_keys(
    held: HeldUp, times_s: Sequence[float], random: np.random.Generator
) -> list[RigidKey]:
    """Keys of the object: from ``held.pose`` at the first time, turned about by 80 degrees or
    more at each further one, the palm up and down in turns."""
    keys = [RigidKey(KeyTime(times_s[0]), held.pose)]
    arm = _arm_of(held, held.pose)
    palm_up = arm.roll_rad < 0
    for before_s, time_s in pairwise(times_s):
        turned = _draw_turned(held, keys[-1].pose, palm_up=palm_up, random=random)
        following = _arm_of(held, turned)
        halfway = _placed(held, _between(arm, following), np.zeros(3))
        keys += [
            RigidKey(KeyTime(0.5 * (before_s + time_s), rests=False), halfway),
            RigidKey(KeyTime(time_s), turned),
        ]
        arm, palm_up = following, not palm_up
    return keys


def wrist_turn(arm: ArmTurn, side: HandSide) -> NDArray[np.float64]:
    """(3, 3) from the frame of the hand model at rest to the world."""
    outwards = -1.0 if side is HandSide.LEFT else 1.0
    thumb_up = _UP - (_UP @ arm.forearm) * arm.forearm
    thumb_up /= np.linalg.norm(thumb_up)
    aside = outwards * np.cross(thumb_up, arm.forearm)
    thumb = np.cos(arm.roll_rad) * thumb_up + np.sin(arm.roll_rad) * aside
    forward = outwards * arm.forearm
    return np.stack([forward, np.cross(thumb, forward), thumb], axis=1)


def arm_turn(wrist: FloatArray, side: HandSide) -> ArmTurn:
    """What :func:`wrist_turn` makes (3, 3) of, the other way round."""
    outwards = -1.0 if side is HandSide.LEFT else 1.0
    forearm = outwards * wrist[:, 0]
    thumb_up = _UP - (_UP @ forearm) * forearm
    aside = outwards * np.cross(thumb_up, forearm)
    return ArmTurn(forearm, float(np.arctan2(wrist[:, 2] @ aside, wrist[:, 2] @ thumb_up)))


def _draw_turned(
    held: HeldUp, before: FloatArray, *, palm_up: bool, random: np.random.Generator
) -> FloatArray:
    """A pose far enough from the one before; the farthest of all draws if none is."""
    poses: list[FloatArray] = []
    angles: list[float] = []
    for _ in range(_DRAWS):
        arm = _draw_arm(held.hand.side, palm_up=palm_up, random=random)
        poses.append(_placed(held, arm, random.uniform(-_WANDER_M, _WANDER_M, 3)))
        turn = matrix_to_axis_angle(poses[-1][:3, :3] @ before[:3, :3].T)
        angles.append(float(np.linalg.norm(turn)))
        if angles[-1] >= _LEAST_TURN_RAD:
            break
    return poses[int(np.argmax(angles))]


def _draw_arm(side: HandSide, *, palm_up: bool, random: np.random.Generator) -> ArmTurn:
    outward = 1.0 if side is HandSide.RIGHT else -1.0
    forearm = np.array(
        [outward * random.uniform(*_FOREARM_OUTWARD), -1.0, random.uniform(*_FOREARM_UP)]
    )
    roll = random.uniform(*_ROLL_RAD)
    return ArmTurn(forearm / np.linalg.norm(forearm), roll if palm_up else -roll)


def _between(first: ArmTurn, second: ArmTurn) -> ArmTurn:
    forearm = first.forearm + second.forearm
    return ArmTurn(forearm / np.linalg.norm(forearm), 0.5 * (first.roll_rad + second.roll_rad))


def _arm_of(held: HeldUp, pose: FloatArray) -> ArmTurn:
    return arm_turn(pose[:3, :3] @ held.hand.wrist_pose[:3, :3], held.hand.side)


def _placed(held: HeldUp, arm: ArmTurn, aside_m: FloatArray) -> FloatArray:
    """The object's pose in which the arm is turned so, high enough for all of it."""
    pose = np.eye(4)
    wrist = held.hand.wrist_pose[:3, :3]
    pose[:3, :3] = wrist_turn(arm, held.hand.side) @ wrist.T
    pose[:3, 3] = held.pose[:3, 3] + aside_m
    if held.table_m is not None:
        below = _lowest_m(held, pose, arm) - (held.table_m + _ABOVE_TABLE_M)
        pose[2, 3] -= min(below, 0.0)
    return pose


def _lowest_m(held: HeldUp, pose: FloatArray, arm: ArmTurn) -> float:
    """World z of the lowest point of object, hand and forearm."""
    points = np.concatenate([held.shape.vertices_m, posed(held.hand).vertices_m])
    body = float((points @ pose[2, :3]).min() + pose[2, 3])
    wrist = float(pose[2, :3] @ held.hand.wrist_pose[:3, 3] + pose[2, 3])
    return min(body, wrist + _TO_ELBOW_M * float(arm.forearm[2]))
