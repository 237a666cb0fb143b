"""The reconstructions of one sequence as columns of arrays: what is stored, scored and compared.

No time of computing is in them, so that two runs leave the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.errors import InvalidValueError, RecordingError
from hand_object_recon.core.hands import POSE_LENGTH, SHAPE_LENGTH, HandEstimate, HandSide
from hand_object_recon.core.keypoints import KEYPOINT_COUNT
from hand_object_recon.core.objects import ObjectEstimate
from hand_object_recon.core.reconstruction import Reconstruction
from hand_object_recon.core.validation import require_array
from hand_object_recon.evaluation.benchmarking.array_files import read_arrays, write_arrays
from hand_object_recon.evaluation.benchmarking.column_layout import Columns, Layout, as_columns
from hand_object_recon.evaluation.benchmarking.object_columns import (
    OBJECT_COLUMN_NAMES,
    ObjectRows,
    object_columns,
    require_object_shapes,
)

_FRAME_COLUMNS: Final = ("stamps_ns", "problem", "frame_id", "method")
_HAND_COLUMNS: Final[Layout] = {
    "hand_frame": ((), np.int64),
    "hand_track_id": ((), np.int64),
    "hand_score": ((), np.float64),
    "hand_joints_m": ((KEYPOINT_COUNT, 3), np.float32),
    "hand_joint_visibility": ((KEYPOINT_COUNT,), np.float32),
    "hand_joint_confidence": ((KEYPOINT_COUNT,), np.float32),
    "hand_wrist_pose": ((4, 4), np.float64),
    "hand_pose_rad": ((POSE_LENGTH,), np.float32),
    "hand_shape": ((SHAPE_LENGTH,), np.float32),
    "hand_placement_residual_m": ((), np.float64),
    "hand_vertex_count": ((), np.int64),
}
_NOT_TOLD: Final = np.full(KEYPOINT_COUNT, np.nan, dtype=np.float32)


@dataclass(frozen=True, eq=False)
class SequenceResults:
    """Reconstructions of a sequence, one row a frame, a hand, an object and a contact; meshes of
    objects, which stay the same over many frames, have rows of their own.

    stamps_ns, problems
        (F,) int64 of every frame that was run, and for each why it could not be used, or "".
    columns
        As stored. Values of hands may be NaN in files that were not written here; the metrics
        count these as invalid.
    """

    stamps_ns: NDArray[np.int64]
    problems: tuple[str, ...]
    columns: Columns

    def hands_at(self, stamp_ns: int) -> NDArray[np.intp]:
        """Rows of the hands of the frame with this stamp; none where it was not run."""
        return self._rows("hand_frame", stamp_ns)

    def objects_at(self, stamp_ns: int) -> NDArray[np.intp]:
        """Rows of the objects of the frame with this stamp; none where it was not run."""
        return self._rows("object_frame", stamp_ns)

    def side(self, hand: int) -> HandSide:
        return HandSide(str(self.columns["hand_side"][hand]))

    def topology(self, hand: int) -> str:
        return str(self.columns["hand_topology"][hand])

    def joints_m(self, hand: int) -> NDArray[np.float32]:
        joints: NDArray[np.float32] = self.columns["hand_joints_m"][hand]
        return joints

    def vertices_m(self, hand: int) -> NDArray[np.float32]:
        start, end = self._vertex_ends[hand : hand + 2]
        vertices: NDArray[np.float32] = self.columns["hand_vertices_m"][start:end]
        return vertices

    def object_mesh(self, row: int) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
        """An object's vertices in the camera frame, and its faces."""
        thing = self.object_at(row)
        vertices = thing.vertices_m @ thing.pose[:3, :3].T + thing.pose[:3, 3]
        return vertices.astype(np.float32), thing.faces

    def object_at(self, row: int) -> ObjectEstimate:
        """An object as it was estimated."""
        return self._objects.at(row)

    def reconstruction_at(self, stamp_ns: int) -> Reconstruction:
        """The frame's reconstruction, without times.

        Raises
        ------
        InvalidValueError
            A value is not one a reconstruction can have, such as NaN.
        """
        return Reconstruction(
            stamp_ns=stamp_ns,
            frame_id=str(self.columns["frame_id"]),
            method=str(self.columns["method"]),
            hands=tuple(self._hand(row) for row in self.hands_at(stamp_ns).tolist()),
            objects=tuple(self.object_at(row) for row in self.objects_at(stamp_ns).tolist()),
        )

    def _hand(self, row: int) -> HandEstimate:
        def value(name: str) -> Any:
            return self.columns[f"hand_{name}"][row]

        return HandEstimate(
            track_id=int(value("track_id")),
            side=self.side(row),
            score=float(value("score")),
            joints_m=value("joints_m"),
            joint_visibility=value("joint_visibility"),
            vertices_m=self.vertices_m(row),
            topology=self.topology(row),
            wrist_pose=value("wrist_pose"),
            pose_rad=value("pose_rad"),
            shape=value("shape"),
            placement_residual_m=float(value("placement_residual_m")),
            joint_confidence=_told(value("joint_confidence")),
        )

    @cached_property
    def _frame_at(self) -> dict[int, int]:
        return {int(stamp): frame for frame, stamp in enumerate(self.stamps_ns)}

    @cached_property
    def _objects(self) -> ObjectRows:
        return ObjectRows(self.columns)

    @cached_property
    def _vertex_ends(self) -> NDArray[np.int64]:
        """Where each hand's vertices begin and end."""
        return np.append(0, np.cumsum(self.columns["hand_vertex_count"]))

    def _rows(self, column: str, stamp_ns: int) -> NDArray[np.intp]:
        frame = self._frame_at.get(stamp_ns)
        if frame is None:
            return np.empty(0, dtype=np.intp)
        low, high = np.searchsorted(self.columns[column], [frame, frame + 1])
        return np.arange(low, high)


def columns_of(
    stamps_ns: Sequence[int],
    problems: Sequence[str],
    reconstructions: Sequence[Reconstruction | None],
) -> SequenceResults:
    """Columns of a sequence's frames; None where a frame has a problem.

    Tracks are numbered anew from 1 as they appear, because a pipeline counts on from one sequence
    to the next, and which came before depends on how the work was shared.
    """
    made = [item for item in reconstructions if item is not None]
    hands = [
        (frame, hand)
        for frame, item in enumerate(reconstructions)
        for hand in (item.hands if item else ())
    ]
    things = [
        (frame, thing)
        for frame, item in enumerate(reconstructions)
        for thing in (item.objects if item else ())
    ]
    columns = {
        "stamps_ns": np.array(stamps_ns, dtype=np.int64),
        "problem": np.array(problems, dtype=np.str_),
        "frame_id": np.array(made[0].frame_id if made else "", dtype=np.str_),
        "method": np.array(made[0].method if made else "", dtype=np.str_),
        **_hand_columns(hands),
        **object_columns(things),
    }
    _number_tracks(columns)
    return SequenceResults(columns["stamps_ns"], tuple(problems), columns)


def save_results(path: Path, results: SequenceResults) -> None:
    """Write a sequence's results."""
    write_arrays(path, results.columns)


def load_results(path: Path) -> SequenceResults:
    """Read a sequence's results.

    Raises
    ------
    RecordingError
        The file cannot be read, or is not one of a sequence's results.
    """
    columns = _with_later_columns(read_arrays(path))
    wanted = (*_FRAME_COLUMNS, *_HAND_COLUMNS, *OBJECT_COLUMN_NAMES)
    missing = [name for name in wanted if name not in columns]
    if missing:
        raise RecordingError(f"results {path} lack {', '.join(missing)}; evaluate again")
    try:
        _require_shapes(columns)
        problems = tuple(str(text) for text in columns["problem"])
        return SequenceResults(columns["stamps_ns"], problems, columns)
    except InvalidValueError as error:
        raise RecordingError(f"results {path}: {error}") from None


def _with_later_columns(columns: Columns) -> Columns:
    """What results of older versions do not have, where there is a value for not knowing."""
    if "hand_joint_confidence" in columns or "hand_frame" not in columns:
        return columns
    unknown = np.tile(_NOT_TOLD, (len(columns["hand_frame"]), 1))
    return {**columns, "hand_joint_confidence": unknown}


def _told(confidence: NDArray[np.float32]) -> NDArray[np.float32] | None:
    return None if np.isnan(confidence).all() else confidence


def _hand_columns(hands: Sequence[tuple[int, HandEstimate]]) -> dict[str, NDArray[Any]]:
    values: dict[str, list[Any]] = {
        "hand_frame": [frame for frame, _ in hands],
        "hand_vertex_count": [len(hand.vertices_m) for _, hand in hands],
    }
    for name in _HAND_COLUMNS:
        if name not in values:
            values[name] = [getattr(hand, name.removeprefix("hand_")) for _, hand in hands]
    told = values["hand_joint_confidence"]
    values["hand_joint_confidence"] = [_NOT_TOLD if row is None else row for row in told]
    columns = as_columns(values, _HAND_COLUMNS)
    columns["hand_side"] = np.array([str(hand.side) for _, hand in hands], dtype=np.str_)
    columns["hand_topology"] = np.array([hand.topology for _, hand in hands], dtype=np.str_)
    columns["hand_vertices_m"] = _joined([hand.vertices_m for _, hand in hands], np.float32)
    return columns


def _number_tracks(columns: dict[str, NDArray[Any]]) -> None:
    names = ("hand_track_id", "object_held_by", "contact_hand_track_id")
    hands = np.concatenate([columns[name] for name in names])
    numbers = _numbers_by_appearance(hands[hands >= 0])
    for name in names:
        columns[name] = _renumbered(columns[name], numbers)
    objects = _numbers_by_appearance(columns["object_track_id"])
    columns["object_track_id"] = _renumbered(columns["object_track_id"], objects)


def _numbers_by_appearance(track_ids: NDArray[np.int64]) -> dict[int, int]:
    return {track: number for number, track in enumerate(dict.fromkeys(track_ids.tolist()), 1)}


def _renumbered(track_ids: NDArray[np.int64], numbers: Mapping[int, int]) -> NDArray[np.int64]:
    """The new numbers; -1, which stands for no hand, stays."""
    return np.array([numbers.get(track, track) for track in track_ids.tolist()], dtype=np.int64)


def _joined(parts: Sequence[NDArray[Any]], dtype: type[np.generic]) -> NDArray[Any]:
    return np.concatenate(parts).astype(dtype) if parts else np.empty((0, 3), dtype=dtype)


def _require_shapes(columns: Columns) -> None:
    require_array("stamps_ns", columns["stamps_ns"], (None,), np.int64)
    count = len(columns["hand_frame"])
    for name, (shape, dtype) in _HAND_COLUMNS.items():
        require_array(name, columns[name], (count, *shape), dtype)
    vertices = int(columns["hand_vertex_count"].sum())
    require_array("hand_vertices_m", columns["hand_vertices_m"], (vertices, 3), np.float32)
    require_object_shapes(columns)
