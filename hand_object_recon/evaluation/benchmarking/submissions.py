"""Files for the evaluation servers of HO-3D, FreiHAND and H2O, out of stored results.

Every server wants an entry for every frame, so a hand that was not found is written as well, with
all its points at one place. None of the files has been sent to a server from here.

HO-3D: ``pred.py`` and ``eval.py`` of its repository. FreiHAND: ``pred.py`` of its own. H2O: what
PDFNet's public code writes, by the actions of ``action_test.txt``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from enum import Enum
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.errors import InvalidValueError, RecordingError
from hand_object_recon.core.hands import HandSide
from hand_object_recon.core.keypoints import KEYPOINT_COUNT, WRIST
from hand_object_recon.evaluation.benchmarking.array_files import write_text, write_zipped_text
from hand_object_recon.evaluation.benchmarking.evaluation import Evaluation, ScoredReconstructor
from hand_object_recon.evaluation.benchmarking.paired_hands import SequenceOfBoth
from hand_object_recon.hand_model.joint_orders import convert_joints

MANO_VERTEX_COUNT: Final = 778

_MANO: Final = "mano"
_OPENGL: Final = np.array([1.0, -1.0, -1.0])
_DIGITS: Final = 6


class Server(str, Enum):
    """Whose format is written."""

    HO3D = "ho3d"
    FREIHAND = "freihand"
    H2O = "h2o"

    def __str__(self) -> str:
        return self.value


FILE_IN_ZIP: Final = {
    Server.HO3D: "pred.json",
    Server.FREIHAND: "pred.json",
    Server.H2O: "hand_poses.json",
}
"""What the file is called in the zip file that the servers take."""


class SubmittedFrame(NamedTuple):
    """A frame of a stored sequence; for H2O, by the names of its action and its file there."""

    sequence: str
    stamp_ns: int
    action: str = ""
    file: str = ""


class Written(NamedTuple):
    """Entries of a submission, and how many of them stand for a hand that was not found."""

    entries: int
    filled: int


class _Hand(NamedTuple):
    """joints_m (21, 3) in this program's order and vertices_m (778, 3) of a hand."""

    joints_m: NDArray[Any]
    vertices_m: NDArray[Any]
    is_filled: bool


def write_submission(
    server: Server,
    evaluation: Evaluation,
    reconstructor: str,
    out: Path,
    *,
    joints_only: bool = False,
    frames: Sequence[SubmittedFrame] | None = None,
) -> Written:
    """Write the submission file of one reconstructor's results.

    out
        JSON, or with the ending .zip a zip file that holds it.
    joints_only
        Write zeros for the vertices, whose scores then mean nothing.
    frames
        Those that the server wants in its order; all in the stored order otherwise.

    Raises
    ------
    InvalidValueError
        The reconstructor is not among the results, its meshes are not MANO's, or a frame that
        the server wants was not evaluated.
    RecordingError
        The file cannot be written.
    """
    item = _item(evaluation, reconstructor)
    content: Any
    wanted = _wanted(item, frames)
    if server is Server.H2O:
        content, written = _h2o(wanted)
    else:
        if not joints_only:
            _require_mano(item)
        content, written = _one_hand(server, wanted, with_vertices=not joints_only)
    text = json.dumps(content)
    try:
        if out.suffix == ".zip":
            write_zipped_text(out, FILE_IN_ZIP[server], text)
        else:
            write_text(out, text)
    except OSError as error:
        raise RecordingError(f"submission {out} cannot be written: {error.strerror}") from None
    return written


def _wanted(
    item: ScoredReconstructor, frames: Sequence[SubmittedFrame] | None
) -> list[tuple[SequenceOfBoth, SubmittedFrame]]:
    sequences = {sequence.name: sequence for sequence in item.hands.sequences}
    if frames is None:
        return [
            (sequence, SubmittedFrame(sequence.name, stamp_ns, sequence.name, f"{number:06d}.txt"))
            for sequence in item.hands.sequences
            for number, stamp_ns in enumerate(sequence.truth.frame_stamps_ns.tolist())
        ]
    stamps = {
        name: set(sequence.truth.frame_stamps_ns.tolist()) for name, sequence in sequences.items()
    }
    missing = [frame for frame in frames if frame.stamp_ns not in stamps.get(frame.sequence, ())]
    if missing:
        raise InvalidValueError(
            f"{len(missing)} of {len(frames)} frames that the server wants were not evaluated, the "
            f"first of sequence {missing[0].sequence}; evaluate the whole split"
        )
    return [(sequences[frame.sequence], frame) for frame in frames]


def _item(evaluation: Evaluation, name: str) -> ScoredReconstructor:
    for item in evaluation.reconstructors:
        if item.name == name:
            return item
    known = ", ".join(item.name for item in evaluation.reconstructors)
    raise InvalidValueError(f"the results hold no reconstructor {name!r}; they hold {known}")


def _require_mano(item: ScoredReconstructor) -> None:
    others = [name for name in item.topologies if not name.startswith(_MANO)]
    if others:
        raise InvalidValueError(
            f"results of {item.name} are of topology {others[0]!r}, but the server scores MANO's "
            "778 vertices; evaluate with an imported MANO model (--set hand_model=mano), or write "
            "the joints alone with --joints-only"
        )


def _one_hand(
    server: Server,
    wanted: Sequence[tuple[SequenceOfBoth, SubmittedFrame]],
    *,
    with_vertices: bool,
) -> tuple[list[Any], Written]:
    """``[joints of each frame, vertices of each frame]`` in metres.

    FreiHAND: this program's camera frame and order of joints. HO-3D: its own order of joints,
    OpenGL's camera frame, the wrist at the given one.
    """
    joints, vertices, filled = [], [], 0
    for sequence, frame in wanted:
        hand = _single_hand(sequence, frame.stamp_ns, with_vertices=with_vertices)
        filled += hand.is_filled
        if server is Server.HO3D:
            hand = _as_ho3d(hand, _true_wrist(sequence, frame.stamp_ns))
        joints.append(_numbers(hand.joints_m))
        vertices.append(_numbers(hand.vertices_m))
    return [joints, vertices], Written(len(joints), filled)


def _single_hand(sequence: SequenceOfBoth, stamp_ns: int, *, with_vertices: bool) -> _Hand:
    """The surest hand of a frame; a right one, which is all that the servers score, before any
    that was taken for a left one."""
    results = sequence.results
    rows = results.hands_at(stamp_ns)
    if not len(rows):
        return _Hand(np.zeros((KEYPOINT_COUNT, 3)), np.zeros((MANO_VERTEX_COUNT, 3)), True)
    scores = results.columns["hand_score"]
    surest = max(rows.tolist(), key=lambda row: (results.side(row) is HandSide.RIGHT, scores[row]))
    vertices = results.vertices_m(surest) if with_vertices else np.zeros((MANO_VERTEX_COUNT, 3))
    return _Hand(results.joints_m(surest), vertices, False)


def _true_wrist(sequence: SequenceOfBoth, stamp_ns: int) -> NDArray[Any]:
    rows = np.flatnonzero(sequence.truth.hands.stamps_ns == stamp_ns)
    if len(rows) != 1:
        raise InvalidValueError(
            f"frame {stamp_ns} of {sequence.name} has {len(rows)} true hands; HO-3D's server "
            "wants the wrist of the one hand that it gives for every frame (of a published "
            "evaluation split, put evaluation_xyz.json beside evaluation.txt and evaluate again)"
        )
    return np.asarray(sequence.truth.hands.joints_m[rows[0], WRIST])


def _as_ho3d(hand: _Hand, wrist_m: NDArray[Any]) -> _Hand:
    shift = wrist_m - hand.joints_m[WRIST]
    joints = convert_joints(hand.joints_m + shift, "openpose21", "ho3d21")
    return _Hand(_OPENGL * joints, _OPENGL * (hand.vertices_m + shift), hand.is_filled)


def _h2o(
    wanted: Sequence[tuple[SequenceOfBoth, SubmittedFrame]],
) -> tuple[dict[str, Any], Written]:
    """Action to frame file to 126 numbers: left joints, then right joints, metres."""
    content: dict[str, Any] = {"modality": "RGBD"}
    filled = 0
    for sequence, frame in wanted:
        hands = list(_both_sides(sequence, frame.stamp_ns))
        filled += sum(hand is None for hand in hands)
        points = [np.zeros((KEYPOINT_COUNT, 3)) if hand is None else hand for hand in hands]
        numbers = _numbers(np.concatenate(points).ravel())
        content.setdefault(frame.action, {})[frame.file] = numbers
    return content, Written(len(wanted), filled)


def _both_sides(sequence: SequenceOfBoth, stamp_ns: int) -> Iterator[NDArray[Any] | None]:
    """The surest left, then the surest right hand's joints."""
    results = sequence.results
    scores = results.columns["hand_score"]
    for side in (HandSide.LEFT, HandSide.RIGHT):
        rows = [row for row in results.hands_at(stamp_ns).tolist() if results.side(row) is side]
        yield results.joints_m(max(rows, key=lambda row: scores[row])) if rows else None


def _numbers(values: NDArray[Any]) -> list[Any]:
    rounded: list[Any] = np.round(np.asarray(values, dtype=np.float64), _DIGITS).tolist()
    return rounded
