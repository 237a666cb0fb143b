"""What a hand does with an object is judged by how both move."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from hand_object_recon.core.objects import NOBODY, GraspState
from hand_object_recon.held_objects.grasp_watch import GraspWatch, Moment

STEP_NS = 33_333_333
LEFT, RIGHT = 3, 8


def moment(
    number: int,
    thing_m: float,
    hands_m: dict[int, float],
    touching: Iterable[int] = (RIGHT,),
    supported: bool = True,
    measured: bool = True,
) -> Moment:
    """Frame ``number`` with thing and hands so far along x."""
    grips = {}
    for hand, x in hands_m.items():
        grips[hand] = np.eye(4)
        grips[hand][0, 3] = x
    center = np.array([thing_m, 0.0, 0.5])
    hands = frozenset(touching)
    return Moment(number * STEP_NS, center, grips, hands, supported, measured)


def watched(moments: Iterable[Moment]) -> GraspWatch:
    watch = GraspWatch()
    for one in moments:
        watch.update(one)
    return watch


def carried(frames: int, start: int = 0, hand: int = RIGHT) -> list[Moment]:
    return [
        moment(n, 0.004 * n, {hand: 0.004 * n}, [hand], supported=False)
        for n in range(start, start + frames)
    ]


def test_what_moves_with_a_hand_is_held_by_it() -> None:
    watch = watched(carried(8))

    assert (watch.state, watch.held_by) == (GraspState.HELD, RIGHT)


def test_what_stays_where_it_stands_is_touched_only() -> None:
    watch = watched(moment(n, 0.0, {RIGHT: 0.0}) for n in range(60))

    assert (watch.state, watch.held_by) == (GraspState.TOUCHED, NOBODY)


def test_what_stays_while_the_hand_moves_is_touched_only() -> None:
    watch = watched(moment(n, 0.0, {RIGHT: 0.004 * n}) for n in range(20))

    assert watch.state is GraspState.TOUCHED


def test_what_a_still_hand_keeps_in_the_air_is_held() -> None:
    in_air = [moment(n, 0.0, {RIGHT: 0.0}, supported=False) for n in range(20)]

    assert watched(in_air[:8]).state is GraspState.TOUCHED
    assert watched(in_air).state is GraspState.HELD


def test_noise_of_the_pose_does_not_make_a_thing_held() -> None:
    random = np.random.default_rng(1)
    noisy = [
        moment(n, random.normal(0, 0.002), {RIGHT: random.normal(0, 0.002)}) for n in range(90)
    ]

    assert watched(noisy).state is GraspState.TOUCHED


def test_what_the_hand_leaves_is_put_down() -> None:
    lifted = carried(10)
    rests = [moment(n, 0.036, {RIGHT: 0.036}) for n in range(10, 30)]
    leaves = [
        moment(n, 0.036, {RIGHT: 0.036 + 0.01 * (n - 30)}, touching=()) for n in range(30, 34)
    ]

    assert watched([*lifted, *rests]).state is GraspState.HELD
    watch = watched([*lifted, *rests, *leaves])
    assert (watch.state, watch.held_by) == (GraspState.PUT_DOWN, NOBODY)


def test_what_no_hand_touches_for_a_while_is_put_down() -> None:
    gone = [moment(n, 0.036, {RIGHT: 0.036}, touching=()) for n in range(10, 20)]

    assert watched([*carried(10), *gone[:3]]).state is GraspState.HELD
    assert watched([*carried(10), *gone]).state is GraspState.PUT_DOWN


def test_a_thing_that_is_out_of_sight_in_a_hand_stays_held() -> None:
    hidden = [moment(n, 0.036, {RIGHT: 0.036}, touching=(), measured=False) for n in range(10, 60)]

    assert watched([*carried(10), *hidden]).state is GraspState.HELD


def test_a_hand_out_of_sight_for_long_no_longer_holds() -> None:
    unseen = [moment(n, 0.036, {}, touching=()) for n in range(10, 40)]

    assert watched([*carried(10), *unseen[:10]]).state is GraspState.HELD
    assert watched([*carried(10), *unseen]).state is GraspState.PUT_DOWN


def test_a_thing_is_handed_over() -> None:
    both = [moment(n, 0.036, {RIGHT: 0.036, LEFT: 0.0}, [LEFT, RIGHT]) for n in range(10, 20)]
    given = [moment(n, 0.036, {RIGHT: 0.036, LEFT: 0.0}, [LEFT]) for n in range(20, 30)]

    assert watched([*carried(10), *both]).held_by == RIGHT
    watch = watched([*carried(10), *both, *given])
    assert (watch.state, watch.held_by) == (GraspState.HELD, LEFT)


def test_a_gap_in_time_is_no_motion() -> None:
    before = [moment(n, 0.0, {RIGHT: 0.0}) for n in range(5)]
    after = [moment(n, 0.1, {RIGHT: 0.1}) for n in range(100, 105)]

    assert watched([*before, *after]).state is GraspState.TOUCHED
