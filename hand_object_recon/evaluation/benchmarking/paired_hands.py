"""Every true hand of an evaluation beside the hand that was estimated for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.hands import HandSide
from hand_object_recon.core.keypoints import MIDDLE_MCP
from hand_object_recon.evaluation.benchmarking.result_columns import SequenceResults
from hand_object_recon.evaluation.benchmarking.sequence_truth import SequenceTruth
from hand_object_recon.evaluation.hand_truth import HandTruth
from hand_object_recon.evaluation.metrics.paired_points import PairedPoints, pair_points
from hand_object_recon.evaluation.object_truth import ObjectTruth

FloatArray = NDArray[np.floating[Any]]

_NS_PER_S: Final = 1e9
_LONGEST_STEP: Final = 1.5
"""Of the median step between stamps; across a longer one no speed is taken."""

_OTHER_SIDE: Final = 1e9
_NOT_A_NUMBER: Final = 1e6
"""Metres that a hand of the other side, and one with NaN, is taken to be away when matching."""


@dataclass(frozen=True, eq=False)
class SequenceOfBoth:
    """A sequence's truth and what one reconstructor gave."""

    name: str
    truth: SequenceTruth
    results: SequenceResults


@dataclass(frozen=True, eq=False)
class HandPair:
    """A true hand (row of the sequence's truth) and the estimated one (row of its results).

    estimate
        None where there is none.
    """

    sequence: int
    row: int
    estimate: int | None


@dataclass(frozen=True, eq=False)
class PairedHands:
    """All true hands of all sequences, in order; N of them.

    A hand is compared with one estimate of its frame: of its side where the truth names one, and
    so that the joints of all hands together are nearest. However far it is, it counts.

    is_video
        Whether the frames of a sequence follow each other.
    """

    sequences: tuple[SequenceOfBoth, ...]
    pairs: tuple[HandPair, ...]
    is_video: bool

    def __len__(self) -> int:
        return len(self.pairs)

    @cached_property
    def joints(self) -> PairedPoints:
        """(N, 21, 3) estimated and true joints."""
        truth = np.array([self._hands(pair).joints_m[pair.row] for pair in self.pairs])
        estimate = np.full((len(self), 21, 3), np.nan)
        for number, pair in enumerate(self.pairs):
            if pair.estimate is not None:
                estimate[number] = self._results(pair).joints_m(pair.estimate)
        return pair_points(estimate, truth.reshape(-1, 21, 3))

    @cached_property
    def vertex_counts(self) -> NDArray[np.int64]:
        """(N,) vertices of each estimate, 0 where there is none."""
        return np.array([len(self.estimated_vertices_m(number)) for number in range(len(self))])

    @cached_property
    def is_same_topology(self) -> NDArray[np.bool_]:
        """(N,) whether estimate and truth name the same mesh; true where there is no estimate of
        a hand whose mesh is named."""
        return np.array(
            [
                bool(name := self._hands(pair).topologies[pair.row])
                and (pair.estimate is None or self._results(pair).topology(pair.estimate) == name)
                for pair in self.pairs
            ],
            dtype=np.bool_,
        )

    def vertices(self, rows: NDArray[np.intp]) -> PairedPoints:
        """(n, V, 3) estimated and true vertices of these hands; V is the truth's, and estimates
        with another number must not be among them."""
        truth = np.array([self.true_vertices_m(row) for row in rows.tolist()])
        estimate = np.full(truth.shape, np.nan)
        for place, row in enumerate(rows.tolist()):
            if self.vertex_counts[row]:
                estimate[place] = self.estimated_vertices_m(row)
        return pair_points(estimate, truth)

    def true_vertices_m(self, number: int) -> FloatArray:
        pair = self.pairs[number]
        return np.asarray(self._hands(pair).vertices_m[pair.row])

    def estimated_vertices_m(self, number: int) -> FloatArray:
        """(V, 3), with no row where there is no estimate."""
        pair = self.pairs[number]
        if pair.estimate is None:
            return np.empty((0, 3))
        return self._results(pair).vertices_m(pair.estimate).astype(np.float64)

    def estimated_topology(self, number: int) -> str:
        pair = self.pairs[number]
        return "" if pair.estimate is None else self._results(pair).topology(pair.estimate)

    @cached_property
    def sequence_numbers(self) -> NDArray[np.int64]:
        """(N,) place of each hand's sequence."""
        return np.array([pair.sequence for pair in self.pairs], dtype=np.int64)

    @cached_property
    def stamps_ns(self) -> NDArray[np.int64]:
        stamps = [int(self._hands(pair).stamps_ns[pair.row]) for pair in self.pairs]
        return np.array(stamps, dtype=np.int64)

    @cached_property
    def sides(self) -> tuple[HandSide | None, ...]:
        return tuple(self._hands(pair).sides[pair.row] for pair in self.pairs)

    @cached_property
    def tracks(self) -> tuple[tuple[int, HandSide | None], ...]:
        """Which hand of which sequence each is: the same hand over time has the same."""
        return tuple(zip(self.sequence_numbers.tolist(), self.sides, strict=True))

    @cached_property
    def is_one_of_several(self) -> NDArray[np.bool_]:
        """(N,) whether its frame shows another true hand."""
        frames = list(zip(self.sequence_numbers.tolist(), self.stamps_ns.tolist(), strict=True))
        counts: dict[tuple[int, int], int] = {}
        for frame in frames:
            counts[frame] = counts.get(frame, 0) + 1
        return np.array([counts[frame] > 1 for frame in frames], dtype=np.bool_)

    @cached_property
    def distance_m(self) -> FloatArray:
        """(N,) distance of the true middle knuckle from the camera."""
        return np.asarray(np.linalg.norm(self.joints.truth_m[:, MIDDLE_MCP], axis=1))

    @cached_property
    def speed_m_s(self) -> FloatArray:
        """(N,) speed of the true middle knuckle since the frame before, NaN after a gap and in
        what is not a video."""
        speeds = np.full(len(self), np.nan)
        for rows in self.rows_by_track() if self.is_video else ():
            steps_ns = np.diff(self.stamps_ns[rows])
            if not len(steps_ns):
                continue
            moved_m = np.linalg.norm(np.diff(self.joints.truth_m[rows, MIDDLE_MCP], axis=0), axis=1)
            is_next = (steps_ns > 0) & (steps_ns <= _LONGEST_STEP * np.median(steps_ns))
            speeds[rows[1:][is_next]] = moved_m[is_next] / (steps_ns[is_next] / _NS_PER_S)
        return speeds

    @cached_property
    def visible_share(self) -> FloatArray:
        """(N,) share of the hand's pixels that nothing covers, NaN where it is not known."""
        return np.array([self._optional(pair, "visible_share") for pair in self.pairs], dtype=float)

    @cached_property
    def fingers_touching(self) -> FloatArray:
        """(N,) fingers that touch an object, NaN where it is not known."""
        touching = [self._optional(pair, "touching") for pair in self.pairs]
        return np.array([np.sum(fingers) for fingers in touching], dtype=float)

    def touching(self, number: int) -> NDArray[np.bool_] | None:
        """(5,) fingers that touch an object, None where it is not known."""
        pair = self.pairs[number]
        touching = self._hands(pair).touching
        return None if touching is None else touching[pair.row]

    @cached_property
    def is_holding(self) -> FloatArray:
        """(N,) 1 where the hand holds an object, 0 where not, NaN where it is not known."""
        holders = [holders_by_stamp(sequence.truth.objects) for sequence in self.sequences]
        return np.array(
            [
                np.nan
                if (known := holders[number]) is None or side is None
                else side in known.get(stamp_ns, frozenset())
                for number, stamp_ns, side in zip(
                    self.sequence_numbers.tolist(), self.stamps_ns.tolist(), self.sides, strict=True
                )
            ],
            dtype=float,
        )

    def rows_by_track(self) -> Iterator[NDArray[np.intp]]:
        """The hands of each track, in order of time."""
        numbers: dict[tuple[int, HandSide | None], list[int]] = {}
        for number, track in enumerate(self.tracks):
            numbers.setdefault(track, []).append(number)
        for rows in numbers.values():
            yield np.array(rows, dtype=np.intp)

    def _optional(self, pair: HandPair, name: str) -> Any:
        values = getattr(self._hands(pair), name)
        return np.nan if values is None else values[pair.row]

    def _hands(self, pair: HandPair) -> HandTruth:
        return self.sequences[pair.sequence].truth.hands

    def _results(self, pair: HandPair) -> SequenceResults:
        return self.sequences[pair.sequence].results


def holders_by_stamp(objects: ObjectTruth) -> dict[int, frozenset[HandSide]] | None:
    """Sides of the hands that hold an object, by the frame's stamp; None where it is not known."""
    if objects.held_by is None:
        return None
    holders: dict[int, frozenset[HandSide]] = {}
    for stamp_ns, sides in zip(objects.stamps_ns.tolist(), objects.held_by, strict=True):
        holders[stamp_ns] = holders.get(stamp_ns, frozenset()) | sides
    return holders


def pair_hands(sequences: Sequence[SequenceOfBoth], *, is_video: bool) -> PairedHands:
    """Find the estimate of every true hand."""
    pairs = [
        HandPair(number, row, estimate)
        for number, sequence in enumerate(sequences)
        for row, estimate in _pairs_of(sequence)
    ]
    return PairedHands(tuple(sequences), tuple(pairs), is_video)


def _pairs_of(sequence: SequenceOfBoth) -> Iterator[tuple[int, int | None]]:
    """Every row of the sequence's true hands in order of time, and its estimate's row."""
    hands = sequence.truth.hands
    for stamp_ns in sequence.truth.frame_stamps_ns.tolist():
        rows = np.flatnonzero(hands.stamps_ns == stamp_ns)
        matches = _match(hands, rows, sequence.results, sequence.results.hands_at(stamp_ns))
        for row in rows.tolist():
            yield row, matches.get(row)


def _match(
    truth: HandTruth,
    rows: NDArray[np.intp],
    results: SequenceResults,
    estimates: NDArray[np.intp],
) -> dict[int, int]:
    if not len(rows) or not len(estimates):
        return {}
    from scipy.optimize import linear_sum_assignment

    joints = np.stack([results.joints_m(hand) for hand in estimates.tolist()])
    offsets = truth.joints_m[rows][:, None] - joints
    costs = np.linalg.norm(offsets, axis=3).mean(axis=2)
    costs = np.where(np.isfinite(costs), costs, _NOT_A_NUMBER)
    for place, row in enumerate(rows.tolist()):
        side = truth.sides[row]
        if side is not None:
            other = [results.side(hand) is not side for hand in estimates.tolist()]
            costs[place, other] = _OTHER_SIDE
    matched = zip(*linear_sum_assignment(costs), strict=True)
    return {
        int(rows[place]): int(estimates[column])
        for place, column in matched
        if costs[place, column] < _OTHER_SIDE
    }
