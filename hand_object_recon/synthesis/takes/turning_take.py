"""A hand takes an object up and turns it about, so that a camera sees its other sides."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.synthesis.grasping.grasp import Grasp
from hand_object_recon.synthesis.objects.object_shape import ObjectShape
from hand_object_recon.synthesis.takes.coming_and_going import coming, going
from hand_object_recon.synthesis.takes.eased_time import KeyTime
from hand_object_recon.synthesis.takes.held_object import HeldObjectTake, Hold, ObjectHand
from hand_object_recon.synthesis.takes.object_moves import Start, draw_start, lifted
from hand_object_recon.synthesis.takes.paths import HandKey, HandPath, RigidKey, RigidPath
from hand_object_recon.synthesis.takes.take import TakeKind
from hand_object_recon.synthesis.takes.tremor import Tremor
from hand_object_recon.synthesis.takes.turning import HeldUp, turning_keys

SHORTEST_S: Final = 8.0
_GRIP_S: Final = (0.1, 0.25)
_LIFT_S: Final = (0.6, 1.0)
_TURN_S: Final = 2.0
_GOES_S: Final = 2.0
_BOTH_HOLD_S: Final = (0.2, 0.5)
_COMES_BEFORE_REST_S: Final = 0.5
_TURNS_AFTER_GIVEN_S: Final = 0.8
_FIRST_TURN_S: Final = 1.6
_PUT_DOWN_CHANCE: Final = 0.4


def turning_take(
    name: str, shape: ObjectShape, grasp: Grasp, duration_s: float, random: np.random.Generator
) -> HeldObjectTake:
    """A take of one grasp: the object is turned by 80 to 180 degrees time after time, and at the
    end it is still held, or put down and the hand gone.

    Raises
    ------
    InvalidValueError
        ``duration_s`` is shorter than 8 s.
    """
    _require_long_enough(duration_s)
    start = draw_start(shape, grasp, random)
    hand_keys = coming(grasp, 0.0, start.ground(), random)
    held_s = hand_keys[-1].when.time_s
    path = _taken_up(start, held_s, random)
    up, up_s = path[-1].pose, path[-1].when.time_s
    held = HeldUp(shape, grasp.hand, up, start.table_m)
    let_go_s = duration_s
    if random.random() < _PUT_DOWN_CHANCE:
        let_go_s = duration_s - _GOES_S
        *times, back_s = _turn_times(up_s, let_go_s - random.uniform(*_LIFT_S))
        path += turning_keys(held, times, random)[1:]
        path += [RigidKey(KeyTime(back_s), up), RigidKey(KeyTime(let_go_s), start.pose)]
        hand_keys += going(grasp, let_go_s, start.ground(), random)
        hand_keys.append(HandKey(KeyTime(duration_s), hand_keys[-1].hand))
    else:
        path += turning_keys(held, _turn_times(up_s, duration_s), random)[1:]
    hand = ObjectHand(grasp.hand.side, HandPath(hand_keys), Hold(held_s, let_go_s))
    return _take(name, shape, path, [hand], start, random)


def turning_hand_over_take(
    name: str,
    shape: ObjectShape,
    grasps: tuple[Grasp, Grasp],
    duration_s: float,
    random: np.random.Generator,
) -> HeldObjectTake:
    """One hand turns the object and gives it to the other, which turns it further and keeps it.

    grasps
        Of the giving and of the taking hand.

    Raises
    ------
    InvalidValueError
        ``duration_s`` is shorter than 8 s.
    """
    _require_long_enough(duration_s)
    giving, taking = grasps
    start = draw_start(shape, giving, random)
    give = coming(giving, 0.0, start.ground(), random)
    held_s = give[-1].when.time_s
    path = _taken_up(start, held_s, random)
    up, up_s = path[-1].pose, path[-1].when.time_s
    *times, back_s = up_s, up_s + _FIRST_TURN_S, up_s + 2.0 * _FIRST_TURN_S
    path += turning_keys(HeldUp(shape, giving.hand, up, start.table_m), times, random)[1:]
    ground = Start(np.asarray(up, dtype=np.float64), start.table_m).ground()
    take = coming(taking, back_s - _COMES_BEFORE_REST_S, ground, random)
    taken_s = take[-1].when.time_s
    given_s = taken_s + random.uniform(*_BOTH_HOLD_S)
    turned_s = given_s + _TURNS_AFTER_GIVEN_S
    path += [RigidKey(KeyTime(back_s), up), RigidKey(KeyTime(turned_s), up)]
    leave = going(giving, given_s, ground, random)
    held = HeldUp(shape, taking.hand, up, start.table_m)
    end_s = max(duration_s, turned_s + _FIRST_TURN_S)
    path += turning_keys(held, _turn_times(turned_s, end_s), random)[1:]
    hands = [
        ObjectHand(
            giving.hand.side,
            HandPath([*give, *leave]),
            Hold(held_s, given_s),
            moves_with_object_s=(0.0, turned_s),
        ),
        ObjectHand(
            taking.hand.side,
            HandPath(take),
            Hold(taken_s, end_s),
            moves_with_object_s=(back_s, end_s),
        ),
    ]
    return _take(name, shape, path, hands, start, random)


def _require_long_enough(duration_s: float) -> None:
    if duration_s < SHORTEST_S:
        raise InvalidValueError(
            f"a turning take lasts {duration_s} s; it must be {SHORTEST_S} s or more"
        )


def _taken_up(start: Start, held_s: float, random: np.random.Generator) -> list[RigidKey]:
    """Keys of the object from where it lies to where it is turned."""
    gripped_s = held_s + random.uniform(*_GRIP_S)
    return [
        RigidKey(KeyTime(gripped_s), start.pose),
        RigidKey(KeyTime(gripped_s + random.uniform(*_LIFT_S)), lifted(start.pose, random)),
    ]


def _turn_times(start_s: float, end_s: float) -> list[float]:
    """When turns begin and end, all of about 2 s."""
    turns = max(round((end_s - start_s) / _TURN_S), 1)
    return [float(time_s) for time_s in np.linspace(start_s, end_s, turns + 1)]


def _take(
    name: str,
    shape: ObjectShape,
    path: Sequence[RigidKey],
    hands: Sequence[ObjectHand],
    start: Start,
    random: np.random.Generator,
) -> HeldObjectTake:
    return HeldObjectTake(
        name,
        TakeKind.TURNING,
        shape,
        RigidPath(path),
        hands,
        Tremor.draw(random),
        start.table_m,
    )
