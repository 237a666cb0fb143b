"""One hand takes an object up and gives it to the other, which holds it and puts it down."""

from __future__ import annotations

from typing import Final

import numpy as np

from hand_object_recon.synthesis.grasping.grasp import Grasp
from hand_object_recon.synthesis.objects.object_shape import ObjectShape
from hand_object_recon.synthesis.takes.coming_and_going import coming, going
from hand_object_recon.synthesis.takes.eased_time import KeyTime
from hand_object_recon.synthesis.takes.held_object import HeldObjectTake, Hold, ObjectHand
from hand_object_recon.synthesis.takes.object_moves import draw_start, lifted, turned
from hand_object_recon.synthesis.takes.paths import HandPath, RigidKey, RigidPath
from hand_object_recon.synthesis.takes.take import TakeKind
from hand_object_recon.synthesis.takes.tremor import Tremor

_GRIP_S: Final = (0.1, 0.25)
_LIFT_S: Final = (0.6, 1.0)
_BOTH_HOLD_S: Final = (0.2, 0.5)
_KEEP_S: Final = (0.8, 1.4)


def hand_over_take(
    name: str, shape: ObjectShape, giving: Grasp, taking: Grasp, random: np.random.Generator
) -> HeldObjectTake:
    """A take of two grasps by different hands that do not meet; it ends with the object held."""
    start = draw_start(shape, giving, random)
    give = coming(giving, 0.0, start.ground(), random)
    held_s = give[-1].when.time_s
    lifted_s = held_s + random.uniform(*_GRIP_S) + random.uniform(*_LIFT_S)
    take = coming(taking, lifted_s - 0.5 * _LIFT_S[0], None, random)
    taken_s = take[-1].when.time_s
    given_s = taken_s + random.uniform(*_BOTH_HOLD_S)
    leave = going(giving, given_s, None, random)
    end_s = leave[-1].when.time_s + random.uniform(*_KEEP_S)

    up = lifted(start.pose, random)
    path = RigidPath(
        [
            RigidKey(KeyTime(held_s + _GRIP_S[0]), start.pose),
            RigidKey(KeyTime(lifted_s), up),
            RigidKey(KeyTime(given_s), up),
            RigidKey(KeyTime(end_s), turned(up, random)),
        ]
    )
    hands = [
        ObjectHand(giving.hand.side, HandPath([*give, *leave]), Hold(held_s, given_s)),
        ObjectHand(taking.hand.side, HandPath(take), Hold(taken_s, end_s)),
    ]
    return HeldObjectTake(
        name, TakeKind.HAND_OVER, shape, path, hands, Tremor.draw(random), start.table_m
    )
