"""Which hands were found, over all sequences."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hand_object_recon.core.hands import HandSide
from hand_object_recon.core.keypoints import WRIST
from hand_object_recon.evaluation.benchmarking.paired_hands import SequenceOfBoth
from hand_object_recon.evaluation.metrics.detection import (
    DetectionScores,
    SeenHand,
    score_detections,
)

_IDENTITIES = {None: 0, HandSide.LEFT: 1, HandSide.RIGHT: 2}
_OUT_OF_SIGHT_NS = 10**9


def detection_scores(sequences: Sequence[SequenceOfBoth], *, with_sides: bool) -> DetectionScores:
    """Counts over the annotated frames of all sequences.

    A track switches within a sequence only, and not across a second without annotated frames.

    with_sides
        Whether the truth names every hand's side; otherwise no side can be wrong, and the count
        is 0.
    """
    parts = [_of_sequence(sequence, with_sides) for sequence in sequences]
    return DetectionScores(
        frames=sum(part.frames for part in parts),
        true_hands=sum(part.true_hands for part in parts),
        hands_found=sum(part.hands_found for part in parts),
        hands_missed=sum(part.hands_missed for part in parts),
        false_hands=sum(part.false_hands for part in parts),
        side_errors=sum(part.side_errors for part in parts),
        track_switches=sum(part.track_switches for part in parts),
    )


def _of_sequence(sequence: SequenceOfBoth, with_sides: bool) -> DetectionScores:
    stamps = sequence.truth.frame_stamps_ns
    stretches = np.append(0, np.cumsum(np.diff(stamps) > _OUT_OF_SIGHT_NS))
    return score_detections(
        [
            _true_hands(sequence, stamp, stretch, with_sides)
            for stamp, stretch in zip(stamps.tolist(), stretches.tolist(), strict=False)
        ],
        [_estimates(sequence, stamp, with_sides) for stamp in stamps.tolist()],
    )


def _true_hands(
    sequence: SequenceOfBoth, stamp_ns: int, stretch: int, with_sides: bool
) -> list[SeenHand]:
    hands = sequence.truth.hands
    return [
        SeenHand(
            len(_IDENTITIES) * stretch + _IDENTITIES[hands.sides[row]],
            _side(hands.sides[row], with_sides),
            hands.joints_m[row, WRIST],
        )
        for row in np.flatnonzero(hands.stamps_ns == stamp_ns).tolist()
    ]


def _estimates(sequence: SequenceOfBoth, stamp_ns: int, with_sides: bool) -> list[SeenHand]:
    results = sequence.results
    return [
        SeenHand(
            int(results.columns["hand_track_id"][row]),
            _side(results.side(row), with_sides),
            results.joints_m(row)[WRIST],
        )
        for row in results.hands_at(stamp_ns).tolist()
        if np.isfinite(results.joints_m(row)).all()
    ]


def _side(side: HandSide | None, with_sides: bool) -> HandSide:
    """Where the truth lacks sides, all hands are taken to be of one."""
    return side if side is not None and with_sides else HandSide.RIGHT
