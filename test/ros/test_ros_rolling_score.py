"""Live results are scored against the truth of their stamp, over the last frames."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from hand_object_recon.core.hands import HandEstimate, HandSide
from hand_object_recon.core.reconstruction import Reconstruction
from hand_object_recon.ros.rolling_score import RollingScore, score_values

MakeHand = Callable[..., HandEstimate]


def frame(stamp_ns: int, *hands: HandEstimate) -> Reconstruction:
    return Reconstruction(stamp_ns, "camera", "made_up", hands)


def off_by(hand: HandEstimate, millimetres: float) -> HandEstimate:
    return hand.moved(np.array([millimetres / 1000, 0.0, 0.0]))


def mpjpe_mm(score: RollingScore) -> float | None:
    return score.metrics()["mpjpe"].value


def test_an_error_is_the_mean_distance_in_millimetres(make_hand: MakeHand) -> None:
    score = RollingScore(10)
    score.add_truth(frame(1, make_hand()))
    score.add_result(frame(1, off_by(make_hand(), 12.0)))

    metrics = score.metrics()

    assert metrics["mpjpe"].value == pytest.approx(12.0, abs=1e-3)
    assert metrics["root_relative_mpjpe"].value == pytest.approx(0.0, abs=1e-3)
    assert metrics["pa_mpjpe"].value == pytest.approx(0.0, abs=1e-3)


def test_result_and_truth_may_come_in_any_order(make_hand: MakeHand) -> None:
    score = RollingScore(10)
    score.add_result(frame(2, off_by(make_hand(), 4.0)))
    score.add_truth(frame(1, make_hand()))
    score.add_truth(frame(2, make_hand()))
    score.add_result(frame(1, off_by(make_hand(), 8.0)))

    assert mpjpe_mm(score) == pytest.approx(6.0, abs=1e-3)


def test_only_the_last_frames_count(make_hand: MakeHand) -> None:
    score = RollingScore(2)
    for stamp_ns, error_mm in enumerate((100.0, 2.0, 4.0)):
        score.add_truth(frame(stamp_ns, make_hand()))
        score.add_result(frame(stamp_ns, off_by(make_hand(), error_mm)))

    assert mpjpe_mm(score) == pytest.approx(3.0, abs=1e-3)
    assert score.frames == 2


def test_a_hand_of_the_other_side_is_no_result(make_hand: MakeHand) -> None:
    score = RollingScore(10)
    score.add_truth(frame(1, make_hand(side=HandSide.RIGHT), make_hand(2, HandSide.LEFT)))
    score.add_result(frame(1, make_hand(side=HandSide.RIGHT)))

    values = score_values(score, score.metrics())

    assert (values["hands scored"], values["hands missed"]) == ("1", "1")


def test_of_two_hands_of_a_side_the_closest_counts(make_hand: MakeHand) -> None:
    score = RollingScore(10)
    score.add_truth(frame(1, make_hand()))
    score.add_result(frame(1, off_by(make_hand(1), 50.0), off_by(make_hand(2), 5.0)))

    assert mpjpe_mm(score) == pytest.approx(5.0, abs=1e-3)


def test_a_truth_that_no_result_came_for_is_counted(make_hand: MakeHand) -> None:
    score = RollingScore(10)
    for stamp_ns in range(302):
        score.add_truth(frame(stamp_ns))

    assert score.unmatched == 2
    assert score_values(score, score.metrics()) == {
        "frames": "0",
        "truths without a result": "2",
    }


def test_a_bag_that_begins_again_is_scored_again(make_hand: MakeHand) -> None:
    """Every second frame has a result, which comes a little later."""
    score = RollingScore(10_000)
    for _ in range(2):
        for stamp_ns in range(2003):
            score.add_truth(frame(stamp_ns, make_hand()))
            if stamp_ns >= 3 and stamp_ns % 2:
                score.add_result(frame(stamp_ns - 3, make_hand()))
    assert score.frames == 2 * 1000
