"""What a hand does with an object, judged by how both moved within the last moments."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.objects import NOBODY, GraspState
from hand_object_recon.held_objects.hand_motion import Pose, inverse, moved_place

FloatArray = NDArray[np.floating[Any]]

_WINDOW_NS: Final = 500_000_000
_MOST_MOMENTS: Final = 64
_STILL_NS: Final = 350_000_000
_CARRIED_M: Final = 0.012
_APART_SHARE: Final = 0.4
_LEFT_M: Final = 0.025
_STAYED_SHARE: Final = 0.35
_NOT_TOUCHED_NS: Final = 200_000_000
_HAND_GONE_NS: Final = 500_000_000
_TOGETHER_M: Final = 0.008


@dataclass(frozen=True, eq=False)
class Moment:
    """One frame of an object and the hands at it.

    center_m
        (3,) middle of the object.
    grips
        (4, 4) frames of the hands' grasps by track id.
    touching
        Track ids of those that touch it.
    is_supported
        Whether it stands on, or goes on into, something that is no hand.
    is_measured
        Whether the object itself was seen, or only expected to be there.
    """

    stamp_ns: int
    center_m: FloatArray
    grips: dict[int, Pose]
    touching: frozenset[int]
    is_supported: bool
    is_measured: bool


class GraspWatch:
    """The state of one object's grasp.

    An object is held once it was carried a centimetre with a hand, or stays in a hand in the air.
    It is put down when no hand touches it any more or the hand moves off without it. Between the
    two nothing changes, so that noise does not.
    """

    def __init__(self) -> None:
        self.state = GraspState.TOUCHED
        self.held_by = NOBODY
        self._moments: deque[Moment] = deque(maxlen=_MOST_MOMENTS)
        self._away_since_ns: int | None = None
        self._free_since_ns: int | None = None

    def update(self, moment: Moment) -> None:
        """Judge a new frame; frames come in the order they were taken."""
        self._remember(moment)
        self._note_support(moment)
        if self.state is GraspState.HELD:
            self._watch_holder(moment)
        else:
            self._look_for_holder(moment)

    def _remember(self, moment: Moment) -> None:
        if self._moments and not 0 < moment.stamp_ns - self._moments[-1].stamp_ns < _WINDOW_NS:
            self._moments.clear()
        self._moments.append(moment)
        while moment.stamp_ns - self._moments[0].stamp_ns > _WINDOW_NS:
            self._moments.popleft()

    def _note_support(self, moment: Moment) -> None:
        if moment.is_supported or not moment.is_measured:
            self._free_since_ns = None
        elif self._free_since_ns is None:
            self._free_since_ns = moment.stamp_ns

    def _look_for_holder(self, moment: Moment) -> None:
        for hand in sorted(moment.touching):
            if moment.is_measured and (
                self._is_carried(hand, moment) or self._is_held_still(hand, moment)
            ):
                self.state, self.held_by = GraspState.HELD, hand
                return

    def _watch_holder(self, moment: Moment) -> None:
        if not self._has_let_go(moment):
            return
        self._away_since_ns = None
        others = [hand for hand in sorted(moment.touching) if hand != self.held_by]
        if others:
            self.held_by = others[0]
        else:
            self.state, self.held_by = GraspState.PUT_DOWN, NOBODY

    def _has_let_go(self, moment: Moment) -> bool:
        """Whether the holder is out of sight for a while, or seen not to touch and went off."""
        is_there = self.held_by in moment.grips
        is_away = moment.is_measured and self.held_by not in moment.touching
        if is_there and not is_away:
            self._away_since_ns = None
            return False
        if self._away_since_ns is None:
            self._away_since_ns = moment.stamp_ns
        away_ns = moment.stamp_ns - self._away_since_ns
        if not is_there:
            return away_ns > _HAND_GONE_NS
        return away_ns > _NOT_TOUCHED_NS or self._has_left(self.held_by, moment)

    def _is_carried(self, hand: int, now: Moment) -> bool:
        """Whether it went some way within the window, and the hand the same way."""
        return any(_is_carried(*ways) for ways in self._ways_within_window(hand, now))

    def _is_held_still(self, hand: int, now: Moment) -> bool:
        """Whether it stayed in the hand for a while with nothing else to carry it."""
        if self._free_since_ns is None or now.stamp_ns - self._free_since_ns < _STILL_NS:
            return False
        seen = [one for one in self._moments if hand in one.touching and one.is_measured]
        if not seen or now.stamp_ns - seen[0].stamp_ns < _STILL_NS:
            return False
        went, expected = _ways(hand, seen[0], now)
        return float(np.linalg.norm(went - expected)) < _TOGETHER_M

    def _has_left(self, hand: int, now: Moment) -> bool:
        """Whether the hand went off within the window and the object stayed."""
        return any(_is_left(*ways) for ways in self._ways_within_window(hand, now))

    def _ways_within_window(
        self, hand: int, now: Moment
    ) -> Iterator[tuple[FloatArray, FloatArray]]:
        for before in self._moments:
            if hand in before.grips and before.is_measured:
                yield _ways(hand, before, now)


def _ways(hand: int, before: Moment, now: Moment) -> tuple[FloatArray, FloatArray]:
    """(3,) way of the object's middle, and the way it would have gone fixed to the hand."""
    motion = now.grips[hand] @ inverse(before.grips[hand])
    expected = moved_place(motion, before.center_m) - before.center_m
    return now.center_m - before.center_m, expected


def _is_carried(went: FloatArray, expected: FloatArray) -> bool:
    length = float(np.linalg.norm(went))
    longest = max(length, float(np.linalg.norm(expected)))
    return length > _CARRIED_M and float(np.linalg.norm(went - expected)) < _APART_SHARE * longest


def _is_left(went: FloatArray, expected: FloatArray) -> bool:
    stayed = float(np.linalg.norm(went)) < _STAYED_SHARE * float(np.linalg.norm(expected))
    return stayed and float(np.linalg.norm(went - expected)) > _LEFT_M
