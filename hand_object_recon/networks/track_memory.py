"""What plugins remember of each tracked hand from frame to frame."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from hand_object_recon.core.hands import HandSide, TrackedHand

State = TypeVar("State")
"""What is remembered of one hand; changed in place."""


@dataclass(eq=False)
class _Track(Generic[State]):
    """stamp_ns: of the frame the hand was seen in last."""

    side: HandSide
    stamp_ns: int
    state: State


class TrackMemory(Generic[State]):
    """A state for each hand.

    A hand that is new, was lost, has changed its side or comes with an earlier stamp than before
    begins anew, with what ``begin`` makes.
    """

    def __init__(self, begin: Callable[[], State]) -> None:
        self._begin = begin
        self._tracks: dict[int, _Track[State]] = {}

    def of_hand(self, hand: TrackedHand, stamp_ns: int) -> State:
        """What is remembered of a hand that is seen in a frame."""
        known = self._tracks.get(hand.track_id)
        goes_on = (
            known is not None
            and not hand.is_new
            and known.side is hand.side
            and known.stamp_ns <= stamp_ns
        )
        if known is None or not goes_on:
            known = self._tracks[hand.track_id] = _Track(hand.side, stamp_ns, self._begin())
        known.stamp_ns = stamp_ns
        return known.state

    def forget(self, track_id: int) -> None:
        """Drop a track."""
        self._tracks.pop(track_id, None)

    def reset(self) -> None:
        """Drop all tracks."""
        self._tracks.clear()
