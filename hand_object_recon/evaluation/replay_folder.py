"""The folder a replay writes into, so that one that was interrupted can be continued.

While a replay runs, ``progress.json`` says of what recording and with what settings. An
interrupted replay leaves it behind, beside what was written until then. Continuing moves that
under ``parts/``, writes the rest into a part of its own, and in the end joins the parts into what
an uninterrupted replay leaves: ``reconstruction`` and ``overlay.mp4``. Every step may be cut off:
the parts are kept until the joined recording is in its place.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any, Final

from hand_object_recon.core.errors import RecordingError
from hand_object_recon.evaluation.begun_work import differences
from hand_object_recon.evaluation.result_sink import OVERLAY_FILE, RESULT_FOLDER
from hand_object_recon.recordings.result_parts import (
    ResultPart,
    join_result_parts,
    read_result_part,
)
from hand_object_recon.visualization.video_join import VideoPart, join_videos

PROGRESS_FILE: Final = "progress.json"
SUMMARY_FILE: Final = "summary.json"

_PARTS_FOLDER: Final = "parts"
_JOINED_FOLDER: Final = "joined"
_LOCK_WAIT_S: Final = 20.0
_LOCK_STEP_S: Final = 0.1


def is_interrupted(out: Path) -> bool:
    """Whether a replay into ``out`` was begun and not finished."""
    return (out / PROGRESS_FILE).is_file()


def require_right_start(out: Path, *, resume: bool) -> None:
    """Raise if a new replay would touch earlier results, or there is nothing to continue.

    Raises
    ------
    RecordingError
        As said, with what to do instead.
    """
    if resume:
        if is_interrupted(out):
            return
        if (out / SUMMARY_FILE).is_file():
            raise RecordingError(f"the replay in {out} is finished; there is nothing to resume")
        raise RecordingError(f"{out} holds no interrupted replay; start one without --resume")
    if is_interrupted(out):
        raise RecordingError(
            f"{out} holds a replay that was interrupted; continue it with --resume, give another "
            "--out, or remove the folder"
        )
    if (out / RESULT_FOLDER).exists():
        raise RecordingError(
            f"{out / RESULT_FOLDER} exists already; give another --out, or remove it first"
        )


class ReplayFolder:
    """A context manager that holds the folder for one replay at a time.

    earlier
        What is whole of the runs before this one, in their order; empty for a new replay.
    run_folder
        Where this run's recording and video are to be written.
    lock
        File descriptor that a process which writes into the folder is to inherit: the folder is
        free for another replay when all of them have ended.

    Raises
    ------
    RecordingError
        The folder cannot be made, another replay writes into it, or ``identity`` is not that of
        the replay to be continued.
    """

    def __init__(self, out: Path, identity: Mapping[str, Any], *, resume: bool) -> None:
        self._out = out
        self._parts_folder = out / _PARTS_FOLDER
        try:
            out.mkdir(parents=True, exist_ok=True)
            self._file = (out / PROGRESS_FILE).open("r+" if resume else "x", encoding="utf-8")
        except OSError as error:
            raise RecordingError(f"folder {out} cannot be used: {error.strerror}") from None
        try:
            _lock(self._file, out)
            if resume:
                _require_same(_progress(self._file, out), identity, out)
                self._set_aside()
            else:
                self._file.write(json.dumps(identity, indent=2) + "\n")
                self._file.flush()
            self.earlier = tuple(self._whole_parts())
        except BaseException:
            self._file.close()
            raise
        self.lock = self._file.fileno()
        self.run_folder = out
        if resume:
            self.run_folder = self._next_part()
            self.run_folder.mkdir(parents=True)

    def __enter__(self) -> ReplayFolder:
        return self

    def __exit__(self, *_: object) -> None:
        if self.run_folder == self._out and not (self._out / RESULT_FOLDER).exists():
            (self._out / PROGRESS_FILE).unlink(missing_ok=True)  # nothing to continue
        self._file.close()

    def join(self) -> list[str]:
        """Put the parts together; return what the user should hear about it."""
        if self.run_folder == self._out:
            return []
        parts = list(self._whole_parts())
        joined = self._parts_folder / _JOINED_FOLDER
        joined.mkdir(exist_ok=True)
        join_result_parts(parts, joined / RESULT_FOLDER)
        videos = {
            VideoPart(part.path.parent / OVERLAY_FILE, part.first_stamp_ns): part for part in parts
        }
        lost = join_videos(list(videos), joined / OVERLAY_FILE)
        if (joined / OVERLAY_FILE).is_file():
            (joined / OVERLAY_FILE).rename(self._out / OVERLAY_FILE)
        (joined / RESULT_FOLDER).rename(self._out / RESULT_FOLDER)  # from here on it is joined
        return [
            f"{OVERLAY_FILE} lacks {videos[video].frames} frames: the video of a run that was cut "
            "off cannot be read"
            for video in lost
        ]

    def finish(self) -> None:
        """Remove what was kept for continuing."""
        if self._parts_folder.exists():
            shutil.rmtree(self._parts_folder)
        (self._out / PROGRESS_FILE).unlink()

    def discard(self) -> None:
        """Remove this run's files, in which there is no frame."""
        shutil.rmtree(self.run_folder / RESULT_FOLDER, ignore_errors=True)
        (self.run_folder / OVERLAY_FILE).unlink(missing_ok=True)

    def _set_aside(self) -> None:
        """Make a part of what lies in the folder, be it a first run's or a joined result."""
        if (self._parts_folder / _JOINED_FOLDER).exists():
            shutil.rmtree(self._parts_folder / _JOINED_FOLDER)
        if not (self._out / RESULT_FOLDER).exists():
            (self._out / OVERLAY_FILE).unlink(missing_ok=True)
            return
        if self._parts_folder.exists():
            shutil.rmtree(self._parts_folder)  # joined before the replay was cut off
        part = self._next_part()
        part.mkdir(parents=True)
        (self._out / RESULT_FOLDER).rename(part / RESULT_FOLDER)
        if (self._out / OVERLAY_FILE).exists():
            (self._out / OVERLAY_FILE).rename(part / OVERLAY_FILE)

    def _whole_parts(self) -> Iterator[ResultPart]:
        for folder in self._part_folders():
            if (part := read_result_part(folder / RESULT_FOLDER)) is not None:
                yield part

    def _part_folders(self) -> list[Path]:
        return sorted(self._parts_folder.glob("[0-9]*"))

    def _next_part(self) -> Path:
        return self._parts_folder / f"{len(self._part_folders()) + 1:03d}"


def _progress(file: IO[str], out: Path) -> Mapping[str, Any]:
    try:
        return dict(json.load(file))
    except (ValueError, TypeError):
        raise RecordingError(
            f"{out / PROGRESS_FILE} is damaged, so the replay cannot be resumed; remove {out} or "
            "give another --out"
        ) from None


def _lock(file: IO[str], out: Path) -> None:
    """Wait for a replay that was just killed: the process that writes its results ends after it."""
    import fcntl

    deadline_s = time.monotonic() + _LOCK_WAIT_S
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > deadline_s:
                raise RecordingError(
                    f"another replay writes into {out}; wait for it to end, or stop it"
                ) from None
            time.sleep(_LOCK_STEP_S)


def _require_same(before: Mapping[str, Any], now: Mapping[str, Any], out: Path) -> None:
    changes = differences(before, json.loads(json.dumps(now)))
    if changes:
        raise RecordingError(
            f"the replay in {out} cannot be resumed: {changes}; give what it was started with, "
            "or another --out"
        )
