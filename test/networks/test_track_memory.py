"""What is remembered of a hand lasts as long as it is surely the same hand."""

from __future__ import annotations

import pytest

from hand_object_recon.core.hands import BoundingBox, HandDetection, HandSide, TrackedHand
from hand_object_recon.networks.track_memory import TrackMemory


def tracked(
    track_id: int = 1, side: HandSide = HandSide.LEFT, *, is_new: bool = False
) -> TrackedHand:
    detection = HandDetection(side, 1.0, BoundingBox(0.0, 0.0, 9.0, 9.0))
    return TrackedHand(track_id, detection, is_new=is_new)


def remembering() -> TrackMemory[list[str]]:
    memory: TrackMemory[list[str]] = TrackMemory(list)
    memory.of_hand(tracked(1), 100).append("one")
    memory.of_hand(tracked(2), 100).append("two")
    return memory


def test_a_hand_that_goes_on_keeps_its_own_state() -> None:
    memory = remembering()
    assert memory.of_hand(tracked(1), 100) == ["one"]
    assert memory.of_hand(tracked(1), 200) == ["one"]
    assert memory.of_hand(tracked(2), 300) == ["two"]


@pytest.mark.parametrize(
    ("hand", "stamp_ns"),
    [
        (tracked(1, is_new=True), 200),
        (tracked(1, HandSide.RIGHT), 200),
        (tracked(1), 99),
        (tracked(3), 200),
    ],
    ids=["new", "other side", "earlier stamp", "unknown"],
)
def test_a_hand_that_may_be_another_begins_anew(hand: TrackedHand, stamp_ns: int) -> None:
    memory = remembering()
    assert memory.of_hand(hand, stamp_ns) == []
    assert memory.of_hand(tracked(2), 200) == ["two"]


def test_what_is_forgotten_is_gone() -> None:
    memory = remembering()
    memory.forget(1)
    memory.forget(7)
    assert memory.of_hand(tracked(1), 200) == []
    assert memory.of_hand(tracked(2), 200) == ["two"]
    memory.reset()
    assert memory.of_hand(tracked(2), 200) == []
