"""Hands of a sequence are matched by place and counted."""

from __future__ import annotations

import numpy as np
import pytest

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.core.hands import HandSide
from hand_object_recon.evaluation.metrics.detection import SeenHand, score_detections

LEFT, RIGHT = HandSide.LEFT, HandSide.RIGHT


def hand(identity: int, side: HandSide, x_m: float) -> SeenHand:
    return SeenHand(identity, side, np.array([x_m, 0.0, 0.5]))


BOTH = [hand(0, LEFT, -0.2), hand(1, RIGHT, 0.2)]


def test_every_hand_found_each_time_has_nothing_to_complain_of() -> None:
    seen = [hand(7, LEFT, -0.21), hand(8, RIGHT, 0.19)]
    found = score_detections([BOTH] * 3, [seen] * 3)

    assert (found.true_hands, found.hands_found, found.frames) == (6, 6, 3)
    assert (found.hands_missed, found.false_hands) == (0, 0)
    assert (found.side_errors, found.track_switches) == (0, 0)
    assert (found.recall, found.precision) == (1.0, 1.0)


def test_a_hand_not_seen_is_missed_and_one_that_is_not_there_is_false() -> None:
    found = score_detections([BOTH, []], [[hand(7, LEFT, -0.2)], [hand(7, LEFT, -0.2)]])

    assert (found.hands_missed, found.false_hands) == (1, 1)
    assert (found.recall, found.precision) == (0.5, 0.5)


def test_an_estimate_too_far_away_is_both_a_miss_and_a_false_hand() -> None:
    found = score_detections([[hand(0, LEFT, 0.0)]], [[hand(7, LEFT, 0.11)]])

    assert (found.hands_found, found.hands_missed, found.false_hands) == (0, 1, 1)


def test_an_estimate_of_the_wrong_side_is_found_with_a_side_error() -> None:
    found = score_detections([BOTH], [[hand(7, RIGHT, -0.2), hand(8, RIGHT, 0.2)]])

    assert (found.hands_found, found.side_errors) == (2, 1)


def test_tracks_that_change_places_switch_once_each() -> None:
    before = [hand(7, LEFT, -0.2), hand(8, RIGHT, 0.2)]
    after = [hand(8, LEFT, -0.2), hand(7, RIGHT, 0.2)]

    assert score_detections([BOTH] * 4, [before, before, after, after]).track_switches == 2


def test_a_new_track_after_a_gap_is_a_switch_and_the_old_one_is_not() -> None:
    one = [hand(0, LEFT, 0.0)]
    old, new = [hand(7, LEFT, 0.0)], [hand(9, LEFT, 0.0)]

    assert score_detections([one] * 3, [old, [], old]).track_switches == 0
    assert score_detections([one] * 3, [old, [], new]).track_switches == 1


def test_as_many_hands_as_possible_are_matched() -> None:
    """The nearest pair alone would leave the other true hand without an estimate in reach."""
    truth = [hand(0, LEFT, 0.0), hand(1, RIGHT, 0.08)]
    seen = [hand(7, LEFT, 0.06), hand(8, RIGHT, 0.15)]
    greedy_loss = [hand(0, LEFT, 0.0), hand(1, RIGHT, 0.05)]

    assert score_detections([truth], [seen]).hands_found == 2
    assert score_detections([greedy_loss], [[hand(7, LEFT, 0.04), hand(8, LEFT, 0.14)]]).recall == 1


def test_nothing_to_find_and_nothing_found_have_no_share() -> None:
    found = score_detections([[]], [[]])

    assert (found.recall, found.precision) == (None, None)


def test_frames_must_be_as_many_on_both_sides() -> None:
    with pytest.raises(InvalidValueError, match="1 frames of estimates for 2"):
        score_detections([BOTH, BOTH], [BOTH])


def test_a_position_that_is_not_finite_is_refused() -> None:
    with pytest.raises(InvalidValueError, match="hand position"):
        hand(0, LEFT, float("nan"))
