"""Which hands of a sequence were found, missed, invented, called by the wrong side or renamed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.core.hands import HandSide
from hand_object_recon.core.validation import require_array
from hand_object_recon.evaluation.metrics.metric_value import FloatArray

MATCHING_DISTANCE_M: Final = 0.1
"""About half a hand's length: farther off, an estimate is of something else."""


@dataclass(frozen=True, eq=False)
class SeenHand:
    """One hand of one frame: who it is, its side, and a point of it in metres, the wrist say.

    identity
        The truth's name of the hand over the sequence, or the track number of an estimate.
    """

    identity: int
    side: HandSide
    position_m: NDArray[Any]

    def __post_init__(self) -> None:
        position = require_array("hand position", self.position_m, (3,), np.float64, finite=True)
        object.__setattr__(self, "position_m", position)


@dataclass(frozen=True)
class DetectionScores:
    """Counts over a sequence.

    hands_found, hands_missed
        True hands with and without an estimate.
    false_hands
        Estimates without a true hand.
    side_errors
        Found hands whose estimate has the other side.
    track_switches
        Found hands whose estimate has another track number than when they were last found.
    """

    frames: int
    true_hands: int
    hands_found: int
    hands_missed: int
    false_hands: int
    side_errors: int
    track_switches: int

    @property
    def recall(self) -> float | None:
        """Share of the true hands that were found; None where there are none."""
        return self.hands_found / self.true_hands if self.true_hands else None

    @property
    def precision(self) -> float | None:
        """Share of the estimates that are of a true hand; None where there are none."""
        estimates = self.hands_found + self.false_hands
        return self.hands_found / estimates if estimates else None


def score_detections(
    truth: Sequence[Sequence[SeenHand]],
    estimates: Sequence[Sequence[SeenHand]],
    matching_distance_m: float = MATCHING_DISTANCE_M,
) -> DetectionScores:
    """Match the hands of each frame by place, whatever their side, and count.

    As many as possible are matched within the distance, the nearest together (as CLEAR MOT
    counts misses, false positives and switches).
    """
    if len(truth) != len(estimates):
        raise InvalidValueError(
            f"{len(estimates)} frames of estimates for {len(truth)} of the truth; "
            "give an empty frame where nothing was found"
        )
    track_of: dict[int, int] = {}
    found = false_hands = side_errors = switches = 0
    for true_hands, seen in zip(truth, estimates, strict=True):
        matches = _match(true_hands, seen, matching_distance_m)
        found += len(matches)
        false_hands += len(seen) - len(matches)
        for true_hand, hand in matches:
            side_errors += true_hand.side is not hand.side
            switches += track_of.get(true_hand.identity, hand.identity) != hand.identity
            track_of[true_hand.identity] = hand.identity
    total = sum(len(hands) for hands in truth)
    return DetectionScores(
        frames=len(truth),
        true_hands=total,
        hands_found=found,
        hands_missed=total - found,
        false_hands=false_hands,
        side_errors=side_errors,
        track_switches=switches,
    )


def _match(
    true_hands: Sequence[SeenHand], seen: Sequence[SeenHand], limit_m: float
) -> list[tuple[SeenHand, SeenHand]]:
    if not true_hands or not seen:
        return []
    from scipy.optimize import linear_sum_assignment

    distances = np.linalg.norm(_positions(true_hands)[:, None] - _positions(seen), axis=2)
    # Beyond the limit every pair costs more than all pairs within it together.
    beyond = limit_m * (1 + min(distances.shape))
    rows, columns = linear_sum_assignment(np.where(distances <= limit_m, distances, beyond))
    return [
        (true_hands[row], seen[column])
        for row, column in zip(rows, columns, strict=True)
        if distances[row, column] <= limit_m
    ]


def _positions(hands: Sequence[SeenHand]) -> FloatArray:
    return np.array([hand.position_m for hand in hands])
