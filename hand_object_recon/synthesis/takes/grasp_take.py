"""A hand comes, takes an object up, turns it about, puts it down and goes."""

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
_TURN_S: Final = (0.8, 1.5)


def grasp_take(
    name: str, shape: ObjectShape, grasp: Grasp, random: np.random.Generator
) -> HeldObjectTake:
    """A take of one grasp, in which the object ends where it was at first."""
    start = draw_start(shape, grasp, random)
    come = coming(grasp, 0.0, start.ground(), random)
    held_s = come[-1].when.time_s
    spans = [random.uniform(*span) for span in (_GRIP_S, _LIFT_S, _TURN_S, _TURN_S, _LIFT_S)]
    gripped, up, turned_about, turned_back, down = (held_s + np.cumsum(spans)).tolist()
    path = RigidPath(
        [
            RigidKey(KeyTime(gripped), start.pose),
            RigidKey(KeyTime(up, rests=False), lifted(start.pose, random)),
            RigidKey(KeyTime(turned_about), turned(lifted(start.pose, random), random)),
            RigidKey(KeyTime(turned_back, rests=False), lifted(start.pose, random)),
            RigidKey(KeyTime(down), start.pose),
        ]
    )
    go = going(grasp, down, start.ground(), random)
    hand = ObjectHand(grasp.hand.side, HandPath([*come, *go]), Hold(held_s, down))
    return HeldObjectTake(
        name, TakeKind.GRASP, shape, path, [hand], Tremor.draw(random), start.table_m
    )
