"""Whether it is told right who holds what, and which fingers touch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.annotation import FINGER_COUNT
from hand_object_recon.core.hands import HandSide
from hand_object_recon.core.objects import GraspState
from hand_object_recon.evaluation.benchmarking.paired_hands import (
    PairedHands,
    SequenceOfBoth,
    holders_by_stamp,
)
from hand_object_recon.evaluation.benchmarking.result_columns import SequenceResults
from hand_object_recon.evaluation.benchmarking.scores import Score, ScoreGroup
from hand_object_recon.evaluation.metrics.metric_value import FloatArray, summarise

_PERCENT: Final = 100.0
_NEAR_M: Final = 0.1
_NS_PER_MS: Final = 1e6

Sides = frozenset[HandSide]


class HeldFrame(NamedTuple):
    """Who holds something in a frame of a sequence: in truth, and as it was estimated.

    strays
        Estimated objects farther than 10 cm from every true one.
    """

    sequence: int
    stamp_ns: int
    truth: Sides
    estimate: Sides
    strays: int


def grasp_scores(sequences: Sequence[SequenceOfBoth]) -> ScoreGroup:
    """How often the holding hands are told right; nothing where the truth does not tell them."""
    frames = [
        frame
        for number, sequence in enumerate(sequences)
        for frame in _held_frames(number, sequence)
    ]
    held = [frame for frame in frames if frame.truth]
    free = [frame for frame in frames if not frame.truth]
    found = [frame for frame in held if frame.estimate]
    scores = (
        _share("grasp_state_percent", "right", frames, _is_right, higher_is_better=True),
        _share("hold_found_percent", "holds found", held, _is_said_held, higher_is_better=True),
        _share("hold_side_percent", "of the right hand", found, _is_right, higher_is_better=True),
        _share("false_hold_percent", "false holds", free, _is_said_held, higher_is_better=False),
        _share("stray_object_percent", "strays", frames, _has_strays, higher_is_better=False),
        _delay(frames),
    )
    return ScoreGroup(
        "grasp",
        "Who holds the object",
        "Right: frames in which the holding hand, or that there is none, is told; of two hands at "
        "once either will do. False holds: frames without a true one. Stray: frames with an object "
        "farther than 10 cm from every true one. Delay: from a hold's beginning to the first "
        "right frame of it.",
        tuple(score for score in scores if len(score.value.per_sample)) if frames else (),
    )


def contact_part_scores(hands: PairedHands) -> ScoreGroup:
    """Which fingers are said to touch an object, against those that do."""
    rows = [row for row in range(len(hands)) if hands.touching(row) is not None]
    rows = [row for row in rows if hands.pairs[row].estimate is not None]
    truth = np.array([hands.touching(row) for row in rows], dtype=np.bool_).reshape(
        -1, FINGER_COUNT
    )
    estimate = np.array([_fingers(hands, row) for row in rows], dtype=np.bool_)
    estimate = estimate.reshape(-1, FINGER_COUNT)
    of = np.repeat(hands.sequence_numbers[rows], FINGER_COUNT).reshape(-1, FINGER_COUNT)
    scores = (
        _fingers_score("contact_precision", "precision", truth, estimate, of),
        _fingers_score("contact_recall", "recall", estimate, truth, of),
    )
    return ScoreGroup(
        "contacts",
        "Touching fingers",
        "Fingers said to touch, of which do; fingers that touch, of which are said to; thumb to "
        "little finger, over all hands with an estimate. The truth calls a finger touching where "
        "two of its vertices are less than 3 mm from the object.",
        tuple(score for score in scores if len(score.value.per_sample)) if estimate.any() else (),
    )


def _held_frames(number: int, sequence: SequenceOfBoth) -> Iterator[HeldFrame]:
    holders = holders_by_stamp(sequence.truth.objects)
    if holders is None:
        return
    sides = _side_of_tracks(sequence.results)
    for stamp_ns in sequence.truth.frame_stamps_ns.tolist():
        yield HeldFrame(
            number,
            stamp_ns,
            holders.get(stamp_ns, frozenset()),
            _estimated_holders(sequence.results, stamp_ns, sides),
            _strays(sequence, stamp_ns),
        )


def _side_of_tracks(results: SequenceResults) -> dict[int, HandSide]:
    """The side each hand's track was last seen with."""
    tracks = results.columns["hand_track_id"].tolist()
    return {track: results.side(row) for row, track in enumerate(tracks)}


def _estimated_holders(
    results: SequenceResults, stamp_ns: int, sides: dict[int, HandSide]
) -> Sides:
    things = results.objects_at(stamp_ns)
    states, hands = results.columns["object_state"], results.columns["object_held_by"]
    tracks = [int(hands[row]) for row in things if str(states[row]) == str(GraspState.HELD)]
    return frozenset(sides[track] for track in tracks if track in sides)


def _strays(sequence: SequenceOfBoth, stamp_ns: int) -> int:
    objects = sequence.truth.objects
    rows = np.flatnonzero(objects.stamps_ns == stamp_ns).tolist()
    centers = np.array([objects.mesh_of(row).vertices_m.mean(axis=0) for row in rows])
    strays = 0
    for thing in sequence.results.objects_at(stamp_ns).tolist():
        middle = sequence.results.object_mesh(thing)[0].mean(axis=0)
        distances = np.linalg.norm(centers.reshape(-1, 3) - middle, axis=1)
        strays += not (distances < _NEAR_M).any()
    return strays


def _is_right(frame: HeldFrame) -> bool:
    if not frame.truth or not frame.estimate:
        return frame.truth == frame.estimate
    return frame.estimate <= frame.truth


def _is_said_held(frame: HeldFrame) -> bool:
    return bool(frame.estimate)


def _has_strays(frame: HeldFrame) -> bool:
    return frame.strays > 0


def _share(
    key: str,
    name: str,
    frames: Sequence[HeldFrame],
    counts: Callable[[HeldFrame], bool],
    *,
    higher_is_better: bool,
) -> Score:
    """Frames that count, %."""
    values = _PERCENT * np.array([counts(frame) for frame in frames], dtype=np.float64)
    of = np.array([frame.sequence for frame in frames], dtype=np.int64)
    value = summarise(values, "%", np.zeros(len(values), dtype=np.bool_))
    return Score(key, name, value, of, higher_is_better, "frames")


def _delay(frames: Sequence[HeldFrame]) -> Score:
    """Of each run of frames in which the same hands hold; missing where it was never found."""
    delays, of = [], []
    begins = [
        place
        for place, frame in enumerate(frames)
        if frame.truth and (place == 0 or not _goes_on(frames[place - 1], frame))
    ]
    for place in begins:
        first = frames[place]
        run = _run(frames[place:])
        right = [frame.stamp_ns for frame in run if _is_right(frame)]
        delays.append((right[0] - first.stamp_ns) / _NS_PER_MS if right else np.nan)
        of.append(first.sequence)
    values = np.array(delays, dtype=np.float64)
    value = summarise(values, "ms", np.isnan(values))
    return Score("hold_delay_ms", "delay", value, np.array(of, dtype=np.int64), False, "holds")


def _run(frames: Sequence[HeldFrame]) -> Sequence[HeldFrame]:
    """The first frames that belong together."""
    for place in range(1, len(frames)):
        if not _goes_on(frames[place - 1], frames[place]):
            return frames[:place]
    return frames


def _goes_on(before: HeldFrame, frame: HeldFrame) -> bool:
    return before.sequence == frame.sequence and before.truth == frame.truth


def _fingers(hands: PairedHands, row: int) -> NDArray[np.bool_]:
    """(5,) fingers of the estimated hand that an estimated object is said to be touched by."""
    pair = hands.pairs[row]
    results = hands.sequences[pair.sequence].results
    track = int(results.columns["hand_track_id"][pair.estimate])
    fingers = np.zeros(FINGER_COUNT, dtype=np.bool_)
    for thing in results.objects_at(int(hands.stamps_ns[row])).tolist():
        for contact in results.object_at(thing).contacts:
            if contact.hand_track_id == track and contact.part < FINGER_COUNT:
                fingers[contact.part] = True
    return fingers


def _fingers_score(
    key: str, name: str, good: NDArray[np.bool_], chosen: NDArray[np.bool_], of: NDArray[np.int64]
) -> Score:
    """How many of the chosen fingers are good, %."""
    values: FloatArray = _PERCENT * good[chosen].astype(np.float64)
    value = summarise(values, "%", np.zeros(len(values), dtype=np.bool_))
    return Score(key, name, value, of[chosen], True, "fingers")
