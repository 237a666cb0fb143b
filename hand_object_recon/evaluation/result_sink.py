"""Writes a replay's result recording and overlay video in a process of its own.

Building messages and drawing are Python for the most part: in a thread they would take turns
with the fit and slow it down. The process reads pickled frames from its
standard input until that ends, so that it closes both files properly whatever becomes of the
replay; it is started with ``python -m hand_object_recon.evaluation.result_sink``.
"""

from __future__ import annotations

import os
import pickle
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.camera import CameraIntrinsics, RgbdFrame
from hand_object_recon.core.errors import HandObjectReconError, RecordingError
from hand_object_recon.core.hands import HandDetection, HandTopology
from hand_object_recon.core.reconstruction import Reconstruction
from hand_object_recon.pipeline.pipeline import FrameResult

RESULT_FOLDER: Final = "reconstruction"
OVERLAY_FILE: Final = "overlay.mp4"

_WRITE_BEHIND: Final = 8
_NICENESS: Final = 10  # what is measured goes first where cores are few
_PACKAGE_PARENT: Final = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, eq=False)
class _Opening:
    """The first thing the process is sent: where to write, and the meshes hands come in."""

    out: Path
    topologies: tuple[HandTopology, ...]


@dataclass(frozen=True, eq=False)
class _Item:
    """One frame's share: the image to draw on, and what to draw and write."""

    rgb: NDArray[np.uint8]
    camera: CameraIntrinsics
    reconstruction: Reconstruction
    detections: tuple[HandDetection, ...]


class ResultSink:
    """The replay's end of the process: a context manager that frames are put into.

    Leaving the context writes what is waiting and closes both files, also when an exception
    passes through, so that what was done before it is on disk.
    """

    def __init__(self, out: Path) -> None:
        self._out = out
        self._queue: queue.Queue[_Opening | _Item | None] = queue.Queue(_WRITE_BEHIND)
        self._is_broken = threading.Event()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "hand_object_recon.evaluation.result_sink"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=_environment(),
        )
        self._thread = threading.Thread(target=self._send_all, name="result-sink", daemon=True)

    def __enter__(self) -> ResultSink:
        self._thread.start()
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self._queue.put(None)
        self._thread.join()
        message = _pipe(self._process.stdout).read().decode(errors="replace").strip()
        status = self._process.wait()
        if status and kind is None:
            raise RecordingError(
                f"results could not be written to {self._out}: "
                f"{message or f'the writing process ended with status {status}'}"
            )

    def open(self, topologies: Sequence[HandTopology]) -> None:
        """Have both files opened; to be called once, before the first frame."""
        self._queue.put(_Opening(self._out, tuple(topologies)))

    def put(self, frame: RgbdFrame, result: FrameResult) -> None:
        """Have a frame's result written."""
        if self._is_broken.is_set():
            raise RecordingError(f"results can no longer be written to {self._out}")
        detections = tuple(hand.detection for hand in result.tracked)
        self._queue.put(_Item(frame.rgb, frame.camera, result.reconstruction, detections))

    def _send_all(self) -> None:
        pipe = _pipe(self._process.stdin)
        try:
            while (item := self._queue.get()) is not None:
                pickle.dump(item, pipe, protocol=5)
                pipe.flush()
            pipe.close()
        except OSError:  # the process is gone; leaving the context says why
            self._is_broken.set()
            while self._queue.get() is not None:
                pass


def _environment() -> dict[str, str]:
    """This process's environment, with the package importable from where it lies."""
    paths = [str(_PACKAGE_PARENT), os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in paths if path)}


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    if pipe is None:
        raise ValueError("the process was started without a pipe")
    return pipe


def main() -> None:
    """Read items from standard input and write them; one line on standard output if that fails."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the replay stops, and then closes our input
    if hasattr(os, "nice"):
        os.nice(_NICENESS)
    try:
        opening = _received(sys.stdin.buffer)
        if opening is not None:
            _write_all(opening, sys.stdin.buffer)
    except (HandObjectReconError, OSError) as error:
        print(error, flush=True)
        raise SystemExit(1) from None


def _write_all(opening: _Opening, stream: IO[bytes]) -> None:
    from hand_object_recon.recordings.result_writer import ReconstructionWriter
    from hand_object_recon.visualization.overlay import draw_overlay
    from hand_object_recon.visualization.video import OverlayVideo

    meshes = {topology.name: topology for topology in opening.topologies}
    with (
        ReconstructionWriter(opening.out / RESULT_FOLDER, opening.topologies) as writer,
        OverlayVideo(opening.out / OVERLAY_FILE) as video,
    ):
        while (item := _received(stream)) is not None:
            writer.write(item.reconstruction)
            frame = _without_depth(item)
            image = draw_overlay(frame, item.reconstruction, meshes, item.detections)
            video.write(image, frame.stamp_ns)


def _without_depth(item: _Item) -> RgbdFrame:
    nothing = np.broadcast_to(np.float32(np.nan), item.rgb.shape[:2])
    stamp_ns, frame_id = item.reconstruction.stamp_ns, item.reconstruction.frame_id
    return RgbdFrame(item.rgb, nothing, item.camera, stamp_ns, frame_id)


def _received(stream: IO[bytes]) -> Any:
    """The next item, or None where the stream ends, be it in the middle of one."""
    try:
        return pickle.load(stream)
    except (EOFError, pickle.UnpicklingError):
        return None


if __name__ == "__main__":
    # Pickle names a class by its module, and this one runs as __main__.
    from hand_object_recon.evaluation.result_sink import main as run

    run()
