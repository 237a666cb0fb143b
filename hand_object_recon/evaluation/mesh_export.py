"""The meshes of a result recording as files, one a frame."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hand_object_recon.core.errors import InvalidValueError, RecordingError
from hand_object_recon.core.hands import HandSide
from hand_object_recon.core.reconstruction import Reconstruction
from hand_object_recon.recordings.result_reader import read_reconstructions, read_topologies
from hand_object_recon.visualization.frame_meshes import frame_meshes
from hand_object_recon.visualization.mesh_files import require_mesh_format, write_mesh_file

_NANOSECONDS_PER_SECOND: Final = 1_000_000_000


@dataclass(frozen=True)
class MeshSelection:
    """Which meshes of a recording to export.

    every
        Write the first frame from the start on, and then one of this many.
    start_s, duration_s
        Seconds after the first frame of the recording; None goes to its end.
    sides
        Hands of these sides; objects always.
    """

    every: int = 1
    start_s: float = 0.0
    duration_s: float | None = None
    sides: tuple[HandSide, ...] = tuple(HandSide)

    def __post_init__(self) -> None:
        if self.every < 1:
            raise InvalidValueError(f"every is {self.every}; it must be at least 1")
        if self.start_s < 0:
            raise InvalidValueError(f"start is {self.start_s} s; it cannot be negative")
        if self.duration_s is not None and self.duration_s <= 0:
            raise InvalidValueError(f"duration is {self.duration_s} s; it must be above 0")


@dataclass(frozen=True)
class MeshExport:
    """What was written: files, and selected frames that had no mesh and so have no file."""

    files: int
    empty_frames: int


def export_meshes(
    recording: Path, out: Path, mesh_format: str = "glb", selection: MeshSelection | None = None
) -> MeshExport:
    """Write ``out/frame_000012_<stamp_ns>.glb`` for every selected frame with a mesh in it.

    The number is that of the frame in the recording. Metres, camera optical frame.

    Raises
    ------
    RecordingError
        The recording is no result of this program or cannot be read, no selected frame has a
        mesh, or ``out`` holds exported frames already.
    InvalidValueError
        The format is not known, or a file cannot be written.
    """
    selection = selection or MeshSelection()
    ending = require_mesh_format(mesh_format)
    topologies = read_topologies(recording)
    _require_no_frames(out)
    files = empty_frames = 0
    for number, frame in _selected(recording, selection):
        meshes = frame_meshes(frame, topologies, selection.sides)
        if not meshes:
            empty_frames += 1
            continue
        path = out / f"frame_{number:06d}_{frame.stamp_ns}.{ending}"
        write_mesh_file(path, meshes, _about(frame))
        files += 1
    if not files:
        raise RecordingError(
            f"recording {recording}: none of {empty_frames} selected frames has a mesh; "
            "widen --start, --duration, --every or --hand"
        )
    return MeshExport(files, empty_frames)


def _require_no_frames(out: Path) -> None:
    if out.exists() and not out.is_dir():
        raise RecordingError(f"{out} is a file; give a folder as --out")
    if any(out.glob("frame_*")):
        raise RecordingError(
            f"folder {out} holds exported frames already; give another --out, or remove them first"
        )


def _selected(recording: Path, selection: MeshSelection) -> Iterator[tuple[int, Reconstruction]]:
    begin_ns: int | None = None
    wanted = 0
    for number, frame in enumerate(read_reconstructions(recording)):
        begin_ns = frame.stamp_ns if begin_ns is None else begin_ns
        after_s = (frame.stamp_ns - begin_ns) / _NANOSECONDS_PER_SECOND - selection.start_s
        if after_s < 0 or (selection.duration_s is not None and after_s >= selection.duration_s):
            continue
        if wanted % selection.every == 0:
            yield number, frame
        wanted += 1


def _about(frame: Reconstruction) -> dict[str, str]:
    return {
        "unit": "metre",
        "frame": frame.frame_id,
        "axes": "camera optical frame, x right, y down, z forward",
        "stamp_ns": str(frame.stamp_ns),
        "method": frame.method,
    }
