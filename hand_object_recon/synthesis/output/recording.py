"""Takes one after the other as a recording of a camera, with all that is true in it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.annotation import AnnotatedFrame
from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.recordings.rgbd_writer import RgbdRecordingWriter
from hand_object_recon.synthesis.cameras import draw_camera
from hand_object_recon.synthesis.filming.film import FRAME_RATE_HZ, film_frame
from hand_object_recon.synthesis.output.metadata import begin_output, cannot_write, metadata
from hand_object_recon.synthesis.output.sample_files import HAND_ARRAYS, sides_text
from hand_object_recon.synthesis.output.samples import START_NS
from hand_object_recon.synthesis.output.settings import SampleSettings
from hand_object_recon.synthesis.output.stage import Stage, StagedTake
from hand_object_recon.synthesis.output.workers import in_order
from hand_object_recon.synthesis.takes.take import Take

RECORDING_FOLDER: Final = "recording"
TRUTH_FILE: Final = "truth.npz"

_SHOT_FRAMES: Final = 15
_TAKES_APART_NS: Final = 2 * 10**9
_CAMERA_OF_RECORDING: Final = 2**31  # no take has this number
_OBJECT_ARRAYS: Final = ("object_stamps_ns", "object_pose", "object_name", "object_held_by")
_ROW_SHAPES: Final = {"joints_m": (21, 3), "vertices_m": (778, 3), "object_pose": (4, 4)}
_NAMES: Final = {"joints_m": "joints", "vertices_m": "vertices"}

OnFrames = Callable[[int], None]


class Shot(NamedTuple):
    """Successive frames of a take, and the stamp of its first frame."""

    settings: SampleSettings
    take: int
    frames: range
    start_ns: int


def write_recording(
    folder: Path,
    settings: SampleSettings,
    frames: int,
    workers: int = 0,
    on_frames: OnFrames = lambda done: None,
) -> None:
    """Write ``recording`` (rosbag2), ``truth.npz`` and ``meta.json`` into a folder.

    Takes are filmed at 30 Hz by one camera, whose place, room and light change between them, two
    seconds apart. A recording that was finished is left alone; one that was not is made anew.

    Raises
    ------
    InvalidValueError
        The folder holds something else or cannot be written, or a setting is wrong.
    RecordingError
        The disk is full.
    """
    if frames < 1:
        raise InvalidValueError(f"frames is {frames}; it must be 1 or more")
    begin_output(folder, metadata(settings, frames, "recording"))
    if (folder / TRUTH_FILE).exists():
        on_frames(frames)
        return
    shots = shots_of_takes(filmed_by_one_camera(settings), frames)
    write_shots(folder, shots, workers, on_frames)


def filmed_by_one_camera(settings: SampleSettings) -> SampleSettings:
    """The settings with a camera: the one they have, or one drawn for the whole recording."""
    if settings.camera is not None:
        return settings
    random = Stage(settings).random(_CAMERA_OF_RECORDING)
    return replace(settings, camera=draw_camera(random, settings.image_size_px))


def write_shots(
    folder: Path, shots: Iterator[Shot], workers: int, on_frames: OnFrames = lambda done: None
) -> None:
    """Film the shots and write ``recording`` and, last, ``truth.npz``; what another attempt left
    of a recording is removed."""
    shutil.rmtree(folder / RECORDING_FOLDER, ignore_errors=True)
    truth, done = _TruthRows(), 0
    with RgbdRecordingWriter(folder / RECORDING_FOLDER) as writer:
        for frames in in_order(_film_shot, shots, workers):
            for annotated in frames:
                writer.write(annotated.frame)
                truth.add(annotated)
                done += 1
                on_frames(done)
    truth.save(folder / TRUTH_FILE)


def shots_of_takes(settings: SampleSettings, frames: int, first_take: int = 0) -> Iterator[Shot]:
    """Whole takes, one after the other, until there are enough frames."""
    stage, start_ns, left, number = Stage(settings), START_NS, frames, first_take
    while left > 0:
        count = min(frame_count(stage.take(number)), left)
        yield from shots_of_take(settings, number, count, start_ns)
        start_ns += count * 10**9 // FRAME_RATE_HZ + _TAKES_APART_NS
        left, number = left - count, number + 1


def shots_of_take(
    settings: SampleSettings, take: int, frames: int, start_ns: int = START_NS
) -> Iterator[Shot]:
    """The first frames of one take."""
    for first in range(0, frames, _SHOT_FRAMES):
        yield Shot(settings, take, range(first, min(first + _SHOT_FRAMES, frames)), start_ns)


def frame_count(take: Take) -> int:
    """Frames of a whole take."""
    return int(take.duration_s * FRAME_RATE_HZ) + 1


def _film_shot(shot: Shot) -> list[AnnotatedFrame]:
    take, film_set = _staged_take(shot.settings, shot.take)
    stage = _stage(shot.settings)
    return [
        film_frame(
            take,
            film_set,
            take.at(number / FRAME_RATE_HZ),
            shot.start_ns + number * 10**9 // FRAME_RATE_HZ,
            stage.random(shot.take, number),
        )
        for number in shot.frames
    ]


@lru_cache(maxsize=1)
def _stage(settings: SampleSettings) -> Stage:
    return Stage(settings)


@lru_cache(maxsize=2)
def _staged_take(settings: SampleSettings, number: int) -> StagedTake:
    return _stage(settings).staged_take(number)


class _TruthRows:
    """One row for each hand of each frame, one for each object of each frame.

    The names are those ``evaluation.hand_truth`` reads; what more is known of a hand has the
    name it has in ``HandAnnotation``.
    """

    def __init__(self) -> None:
        self._hands: dict[str, list[Any]] = {
            name: [] for name in ("stamps_ns", "side", "topology", *HAND_ARRAYS)
        }
        self._frame_stamps_ns: list[int] = []
        self._objects: dict[str, list[Any]] = {name: [] for name in _OBJECT_ARRAYS}
        self._visible: list[NDArray[np.bool_]] = []
        self._meshes: dict[str, NDArray[Any]] = {}

    def add(self, annotated: AnnotatedFrame) -> None:
        stamp_ns = annotated.truth.stamp_ns
        self._frame_stamps_ns.append(stamp_ns)
        for hand in annotated.truth.hands:
            row = {name: getattr(hand, name) for name in HAND_ARRAYS}
            row |= {"stamps_ns": stamp_ns, "side": str(hand.side), "topology": hand.topology}
            for name, value in row.items():
                self._hands[name].append(value)
        for one in annotated.truth.objects:
            self._objects["object_stamps_ns"].append(stamp_ns)
            self._objects["object_pose"].append(one.pose)
            self._objects["object_name"].append(one.name)
            self._objects["object_held_by"].append(sides_text(one.held_by or ()))
            if one.vertex_visible is not None:
                self._visible.append(one.vertex_visible)
            self._meshes[f"{one.name}_vertices"] = one.vertices_m
            self._meshes[f"{one.name}_faces"] = one.faces

    def save(self, path: Path) -> None:
        hands = {_NAMES.get(name, name): _stacked(name, rows) for name, rows in self._hands.items()}
        objects = {name: _stacked(name, rows) for name, rows in self._objects.items()}
        objects["object_vertex_visible"] = np.concatenate([np.zeros(0, np.bool_), *self._visible])
        objects["frame_stamps_ns"] = np.array(self._frame_stamps_ns, dtype=np.int64)
        try:
            with path.open("wb") as file:
                np.savez_compressed(file, **hands, **objects, **self._meshes)  # type: ignore[arg-type]
        except OSError as error:
            path.unlink(missing_ok=True)
            raise cannot_write(path, error) from None


def _stacked(name: str, rows: list[Any]) -> NDArray[Any]:
    """Rows as one array, which has its further axes where there is no row, too."""
    return np.array(rows) if rows else np.zeros((0, *_ROW_SHAPES.get(name, ())))
