"""A hand keeps its id and its side from frame to frame, and ids are never used again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from hand_object_recon.core.camera import RgbdFrame
from hand_object_recon.core.hands import HandDetection, HandSide, TrackedHand
from hand_object_recon.core.stage_settings import TrackerSettings
from hand_object_recon.pipeline.tracker import Tracker

LEFT, RIGHT = HandSide.LEFT, HandSide.RIGHT

MakeFrame = Callable[..., RgbdFrame]
MakeDetection = Callable[..., HandDetection]


@pytest.fixture
def update(
    make_frame: MakeFrame,
) -> Callable[[Tracker, Sequence[HandDetection]], list[TrackedHand]]:
    """Give a tracker the next frame."""
    number = iter(range(10_000))

    def step(tracker: Tracker, detections: Sequence[HandDetection]) -> list[TrackedHand]:
        return tracker.update(make_frame(next(number)), detections)

    return step


Update = Callable[[Tracker, Sequence[HandDetection]], list[TrackedHand]]


def ids_by_x(tracked: Sequence[TrackedHand]) -> list[int]:
    """Track ids from left to right in the image."""
    return [hand.track_id for hand in sorted(tracked, key=lambda hand: hand.detection.box.x_min)]


def test_two_moving_hands_keep_their_ids_in_whatever_order_they_are_detected(
    update: Update, make_detection: MakeDetection
) -> None:
    random = np.random.default_rng(0)
    tracker = Tracker(TrackerSettings())
    for number in range(40):
        sway = 60.0 * np.sin(0.3 * number)
        detections = [
            make_detection(90.0 + sway, 120.0 + 1.5 * number, RIGHT),
            make_detection(230.0 + sway, 120.0, LEFT),
        ]
        if random.random() < 0.5:
            detections.reverse()
        tracked = update(tracker, detections)
        assert [hand.track_id for hand in tracked] == [1, 2] or number == 0
        assert len(set(ids_by_x(tracked))) == 2
        if number == 0:
            first = ids_by_x(tracked)
        assert ids_by_x(tracked) == first
        assert [hand.is_new for hand in tracked] == [number == 0] * 2


def test_hands_side_by_side_are_told_apart_by_their_side(
    update: Update, make_detection: MakeDetection
) -> None:
    tracker = Tracker(TrackerSettings())
    first = update(tracker, [make_detection(150.0, side=RIGHT), make_detection(162.0, side=LEFT)])
    # They changed places; the nearest boxes alone would be those of the other hand.
    again = update(tracker, [make_detection(152.0, side=LEFT), make_detection(160.0, side=RIGHT)])
    assert [(hand.track_id, hand.side) for hand in again] == [
        (hand.track_id, hand.side) for hand in first
    ]
    assert [hand.detection.box.center[0] for hand in again] == [160.0, 152.0]


@pytest.mark.parametrize("absent", [1, 2, 3])
def test_a_hand_absent_for_up_to_the_allowed_frames_keeps_its_id_and_is_new_on_return(
    update: Update, make_detection: MakeDetection, absent: int
) -> None:
    tracker = Tracker(TrackerSettings(max_lost_frames=3))
    [first] = update(tracker, [make_detection(150.0)])
    for _ in range(absent):
        assert update(tracker, []) == []
        assert tracker.ended == ()
    [back] = update(tracker, [make_detection(155.0)])
    assert (back.track_id, back.is_new) == (first.track_id, True)
    [after] = update(tracker, [make_detection(156.0)])
    assert (after.track_id, after.is_new) == (first.track_id, False)


def test_a_hand_absent_for_longer_is_named_as_ended_once_and_returns_under_a_new_id(
    update: Update, make_detection: MakeDetection
) -> None:
    tracker = Tracker(TrackerSettings(max_lost_frames=3))
    [first] = update(tracker, [make_detection(150.0)])
    ended = []
    for _ in range(5):
        update(tracker, [])
        ended.append(tracker.ended)
    assert ended == [(), (), (), (first.track_id,), ()]
    [back] = update(tracker, [make_detection(150.0)])
    assert back.track_id != first.track_id
    assert back.is_new
    assert tracker.ended == ()


def test_lost_frames_count_in_a_row_only(update: Update, make_detection: MakeDetection) -> None:
    tracker = Tracker(TrackerSettings(max_lost_frames=1))
    ids = []
    for _ in range(4):
        ids += [hand.track_id for hand in update(tracker, [make_detection(150.0)])]
        update(tracker, [])
    assert ids == [1] * 4


def test_a_hand_that_jumps_across_the_image_is_another_hand(
    update: Update, make_detection: MakeDetection
) -> None:
    tracker = Tracker(TrackerSettings())
    [first] = update(tracker, [make_detection(40.0)])
    [other] = update(tracker, [make_detection(280.0)])
    assert other.track_id != first.track_id


def test_ids_are_never_used_again_even_after_a_reset(
    update: Update, make_detection: MakeDetection
) -> None:
    tracker = Tracker(TrackerSettings(max_lost_frames=0))
    ids = []
    for number in range(6):
        ids += [hand.track_id for hand in update(tracker, [make_detection(150.0)])]
        if number == 2:
            tracker.reset()
        else:
            update(tracker, [])
    assert ids == sorted(set(ids))
    assert len(ids) == 6


def test_a_reset_ends_every_track_lost_ones_too(
    update: Update, make_detection: MakeDetection
) -> None:
    tracker = Tracker(TrackerSettings(), history_frames=3)
    update(tracker, [make_detection(60.0), make_detection(250.0)])
    update(tracker, [make_detection(60.0)])
    tracker.reset()
    assert sorted(tracker.ended) == [1, 2]
    [after] = update(tracker, [make_detection(60.0)])
    assert (after.track_id, after.is_new, list(after.history)) == (3, True, [])
    assert tracker.ended == ()


def test_a_single_wrong_side_does_not_flip_a_hand(
    update: Update, make_detection: MakeDetection
) -> None:
    tracker = Tracker(TrackerSettings(side_votes=7))
    for number in range(30):
        seen = LEFT if number % 6 == 5 else RIGHT
        [hand] = update(tracker, [make_detection(150.0, side=seen)])
        assert (hand.track_id, hand.side, hand.detection.side) == (1, RIGHT, RIGHT)


def test_a_side_seen_persistently_is_taken_on(
    update: Update, make_detection: MakeDetection
) -> None:
    tracker = Tracker(TrackerSettings(side_votes=7))
    for _ in range(20):
        update(tracker, [make_detection(150.0, side=RIGHT)])
    sides = [
        hand.side for _ in range(7) for hand in update(tracker, [make_detection(150.0, side=LEFT)])
    ]
    assert sides == [RIGHT] * 3 + [LEFT] * 4  # four of seven votes


def test_the_surer_vote_weighs_more(update: Update, make_detection: MakeDetection) -> None:
    tracker = Tracker(TrackerSettings(side_votes=7))
    update(tracker, [make_detection(150.0, side=LEFT, score=0.3)])
    update(tracker, [make_detection(150.0, side=LEFT, score=0.3)])
    [hand] = update(tracker, [make_detection(150.0, side=RIGHT, score=0.9)])
    assert hand.side is RIGHT


def test_followed_detections_do_not_vote(update: Update, make_detection: MakeDetection) -> None:
    tracker = Tracker(TrackerSettings(side_votes=3))
    update(tracker, [make_detection(150.0, side=RIGHT)])
    for _ in range(6):
        followed = make_detection(150.0, side=LEFT, is_followed=True)
        [hand] = update(tracker, [followed])
        assert (hand.track_id, hand.side, hand.is_new) == (1, RIGHT, False)
        assert hand.detection.is_followed
    update(tracker, [make_detection(150.0, side=LEFT)])
    [hand] = update(tracker, [make_detection(150.0, side=LEFT)])
    assert hand.side is LEFT


@dataclass(frozen=True)
class SeenHand:
    """A hand before the camera: 60 pixels large around (x, y), at a depth."""

    x: float
    y: float = 120.0
    depth_m: float = 0.6
    side: HandSide = RIGHT

    def paint(self, depth_m: NDArray[np.float32]) -> None:
        rows, columns = round(self.y), round(self.x)
        depth_m[rows - 30 : rows + 31, columns - 30 : columns + 31] = self.depth_m


def frame_with(make_frame: MakeFrame, number: float, hands: Sequence[SeenHand]) -> RgbdFrame:
    """A frame of hands before a wall, the nearer in front; one frame is a thirtieth second."""
    depth_m = np.full((240, 320), 1.5, np.float32)
    for hand in sorted(hands, key=lambda hand: -hand.depth_m):
        hand.paint(depth_m)
    return make_frame(number, depth_m)


def crossing_hands(number: int, sides: tuple[HandSide, HandSide]) -> tuple[SeenHand, SeenHand]:
    """Two hands that change places within 40 frames, the first one in front."""
    return (
        SeenHand(80.0 + 4.0 * number, 116.0, 0.5, sides[0]),
        SeenHand(240.0 - 4.0 * number, 124.0, 0.6, sides[1]),
    )


@pytest.mark.parametrize("sides", [(RIGHT, LEFT), (LEFT, RIGHT), (RIGHT, RIGHT)])
@pytest.mark.parametrize("unseen", [range(0), range(17, 24), range(12, 27)])
def test_hands_that_cross_keep_their_ids_even_if_the_one_behind_is_not_detected_for_a_while(
    make_frame: MakeFrame,
    make_detection: MakeDetection,
    sides: tuple[HandSide, HandSide],
    unseen: range,
) -> None:
    tracker = Tracker(TrackerSettings())
    random = np.random.default_rng(1)
    for number in range(41):
        hands = crossing_hands(number, sides)
        seen = hands[:1] if number in unseen else hands
        detections = [make_detection(one.x, one.y, one.side) for one in seen]
        if random.random() < 0.5:
            detections.reverse()
        tracked = tracker.update(frame_with(make_frame, number, hands), detections)
        at_y = {hand.detection.box.center[1]: hand for hand in tracked}
        if number == 0:
            ids = [at_y[one.y].track_id for one in hands]
        for hand, track_id in zip(seen, ids, strict=False):
            assert (at_y[hand.y].track_id, at_y[hand.y].side) == (track_id, hand.side)


def test_sides_that_the_detector_mixes_up_while_hands_overlap_are_not_taken_on(
    make_frame: MakeFrame, make_detection: MakeDetection
) -> None:
    tracker = Tracker(TrackerSettings())
    for number in range(41):
        hands = crossing_hands(number, (RIGHT, LEFT))
        is_mixed_up = 14 <= number <= 17 or 23 <= number <= 26
        detections = [
            make_detection(one.x, one.y, other.side if is_mixed_up else one.side)
            for one, other in zip(hands, hands[::-1], strict=True)
        ]
        tracked = tracker.update(frame_with(make_frame, number, hands), detections)
        assert [(hand.track_id, hand.side) for hand in tracked] == [(1, RIGHT), (2, LEFT)]
        assert [hand.detection.box.center[0] for hand in tracked] == [one.x for one in hands]


def test_depth_tells_hands_of_one_side_apart_that_meet_and_part(
    make_frame: MakeFrame, make_detection: MakeDetection
) -> None:
    tracker = Tracker(TrackerSettings())
    apart = [40.0, 30.0, 20.0, 14.0, 8.0, 14.0, 20.0, 30.0]  # they part again the way they came
    for number, half in enumerate(apart):
        hands = SeenHand(160.0 - half, 90.0, 0.45), SeenHand(160.0 + half, 150.0, 0.65)
        detections = [make_detection(one.x, one.y) for one in hands[:: (-1) ** number]]
        tracked = tracker.update(frame_with(make_frame, number, hands), detections)
        assert [hand.detection.box.center[0] for hand in tracked] == [one.x for one in hands]
        assert [hand.track_id for hand in tracked] == [1, 2]


def test_a_second_detection_on_a_tracked_hand_begins_no_track(
    update: Update, make_detection: MakeDetection
) -> None:
    tracker = Tracker(TrackerSettings())
    for number in range(6):
        twice = [make_detection(150.0 + number), make_detection(158.0 + number, score=0.6)]
        [hand] = update(tracker, twice)
        assert hand.track_id == 1


@pytest.mark.parametrize(
    ("side", "away_frames", "keeps_id"),
    [
        pytest.param(RIGHT, 12, True, id="after-0.4-s"),
        pytest.param(LEFT, 12, False, id="of-the-other-side"),
        pytest.param(RIGHT, 2, False, id="faster-than-a-hand-moves"),
        pytest.param(RIGHT, 20, False, id="after-more-frames-than-allowed"),
    ],
)
def test_a_hand_that_left_the_image_may_come_back_at_another_edge(
    update: Update,
    make_detection: MakeDetection,
    side: HandSide,
    away_frames: int,
    keeps_id: bool,
) -> None:
    tracker = Tracker(TrackerSettings(max_lost_frames=15))
    for x in (260.0, 275.0, 290.0):
        update(tracker, [make_detection(x, 60.0)])
    for _ in range(away_frames):
        assert update(tracker, []) == []
    [back] = update(tracker, [make_detection(130.0, 210.0, side)])
    assert (back.track_id == 1) == keeps_id
    assert back.is_new


def test_a_hand_out_of_sight_for_longer_than_1_5_s_by_the_stamps_has_ended(
    make_frame: MakeFrame, make_detection: MakeDetection
) -> None:
    tracker = Tracker(TrackerSettings(max_lost_frames=100))
    for number in (0, 1, 2):
        tracker.update(make_frame(number), [make_detection(150.0)])
    [after] = tracker.update(
        make_frame(2 + 46), [make_detection(150.0)]
    )  # 1.53 s, no frame between
    assert (after.track_id, after.is_new, tracker.ended) == (2, True, (1,))
    [again] = tracker.update(make_frame(48 + 44), [make_detection(150.0)])
    assert (again.track_id, tracker.ended) == (2, ())


def test_every_track_ends_when_time_goes_back(
    make_frame: MakeFrame, make_detection: MakeDetection
) -> None:
    tracker = Tracker(TrackerSettings())
    tracker.update(make_frame(100), [make_detection(150.0)])
    [hand] = tracker.update(make_frame(3), [make_detection(150.0)])
    assert (hand.track_id, hand.is_new, tracker.ended) == (2, True, (1,))


@pytest.mark.parametrize("max_hands", [1, 2, 3])
def test_the_surest_hands_are_tracked_as_many_as_allowed(
    update: Update, make_detection: MakeDetection, max_hands: int
) -> None:
    tracker = Tracker(TrackerSettings(max_hands=max_hands))
    detections = [
        make_detection(x, score=score) for x, score in ((40, 0.9), (280, 0.8), (160, 0.7))
    ]
    for _ in range(3):
        tracked = update(tracker, detections)
        assert [hand.detection.score for hand in tracked] == [0.9, 0.8, 0.7][:max_hands]


def test_hands_that_return_beside_new_ones_stay_within_the_allowed_number(
    update: Update, make_detection: MakeDetection
) -> None:
    tracker = Tracker(TrackerSettings(max_hands=2, max_lost_frames=5))
    old = [make_detection(40.0), make_detection(280.0)]
    new = [make_detection(130.0, 40.0), make_detection(190.0, 200.0)]
    update(tracker, old)
    assert len(update(tracker, new)) == 2
    surest = [make_detection(40.0, score=0.95), make_detection(130.0, 40.0, score=0.93)]
    tracked = update(tracker, [*surest, *new[1:], *old[1:]])
    assert [hand.detection.score for hand in tracked] == [0.95, 0.93]
    assert [hand.track_id for hand in tracked] == [1, 3]


def test_a_lost_hand_does_not_take_over_the_detection_of_its_neighbour(
    update: Update, make_detection: MakeDetection
) -> None:
    tracker = Tracker(TrackerSettings(max_hands=3))
    # Boxes are 60 px wide: the first hand disappears, the second moves 18 px, a third appears.
    lost, kept = update(tracker, [make_detection(82.0), make_detection(178.0)])
    tracked = update(tracker, [make_detection(160.0), make_detection(280.0)])
    assert [hand.track_id for hand in tracked] == [kept.track_id, lost.track_id + 2]
    assert [hand.is_new for hand in tracked] == [False, True]


def test_two_hands_of_the_same_side_are_two_tracks(
    update: Update, make_detection: MakeDetection
) -> None:
    tracker = Tracker(TrackerSettings())
    for number in range(5):
        tracked = update(tracker, [make_detection(60.0 + number), make_detection(240.0 - number)])
        assert [(hand.track_id, hand.side) for hand in tracked] == [(1, RIGHT), (2, RIGHT)]


def test_history_holds_the_frames_before_this_one_oldest_first(
    make_frame: MakeFrame, make_detection: MakeDetection
) -> None:
    tracker = Tracker(TrackerSettings(), history_frames=3)
    frames = [make_frame(number) for number in range(6)]
    for number, frame in enumerate(frames):
        [hand] = tracker.update(frame, [make_detection(150.0 + number)])
        earlier = frames[max(0, number - 3) : number]
        assert [frame for frame, _ in hand.history] == earlier
        centers = [detection.box.center[0] for _, detection in hand.history]
        assert centers == [150.0 + frames.index(frame) for frame in earlier]


def test_history_names_the_side_that_was_agreed_on(
    update: Update, make_detection: MakeDetection
) -> None:
    tracker = Tracker(TrackerSettings(), history_frames=3)
    for side in (RIGHT, RIGHT, LEFT, RIGHT):
        [hand] = update(tracker, [make_detection(150.0, side=side)])
    assert [detection.side for _, detection in hand.history] == [RIGHT] * 3


def test_no_history_is_kept_unless_asked_for(update: Update, make_detection: MakeDetection) -> None:
    tracker = Tracker(TrackerSettings())
    for _ in range(3):
        [hand] = update(tracker, [make_detection(150.0)])
        assert len(hand.history) == 0


def test_a_history_handed_out_does_not_change_later(
    update: Update, make_detection: MakeDetection
) -> None:
    tracker = Tracker(TrackerSettings(), history_frames=2)
    update(tracker, [make_detection(150.0)])
    [second] = update(tracker, [make_detection(151.0)])
    before = list(second.history)
    update(tracker, [make_detection(152.0)])
    assert list(second.history) == before
    assert len(before) == 1


def test_a_tracker_that_goes_on_for_another_gives_no_id_again(
    update: Update, make_detection: MakeDetection
) -> None:
    earlier, later = Tracker(TrackerSettings()), Tracker(TrackerSettings())
    before = [hand.track_id for hand in update(earlier, [make_detection(100.0)])]
    later.continue_ids_of(earlier)
    assert [hand.track_id for hand in update(later, [make_detection(100.0)])] > before
