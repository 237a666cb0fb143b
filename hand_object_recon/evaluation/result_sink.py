"""Writes a replay's result recording and overlay video, and feeds the viewer, in a process of
its own.

Building messages and drawing are Python for the most part: in a thread they would take turns
with the fit and slow it down. The process reads pickled frames from its
standard input until that ends, so that it closes its files properly whatever becomes of the
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
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.camera import CameraIntrinsics, RgbdFrame
from hand_object_recon.core.errors import HandObjectReconError, RecordingError
from hand_object_recon.core.hands import HandDetection, HandTopology
from hand_object_recon.core.reconstruction import Reconstruction
from hand_object_recon.pipeline.pipeline import FrameResult
from hand_object_recon.recordings.input_copy import RecordedInput

RESULT_FOLDER: Final = "reconstruction"
OVERLAY_FILE: Final = "overlay.mp4"

_WRITE_BEHIND: Final = 8
_NICENESS: Final = 10  # what is measured goes first where cores are few
_MOST_INHERITED: Final = 256  # open files; what is open at the start has the lowest numbers
_PACKAGE_PARENT: Final = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class SinkOptions:
    """What is given beside the results and the overlay video.

    recorded_input
        Recording whose messages are copied into the result recording.
    opens_viewer, viewer_file
        Show the frames in a Rerun viewer that is opened, keep them in an ``.rrd`` file, or both.
    """

    recorded_input: RecordedInput | None = None
    opens_viewer: bool = False
    viewer_file: Path | None = None

    @property
    def feeds_viewer(self) -> bool:
        return self.opens_viewer or self.viewer_file is not None


@dataclass(frozen=True, eq=False)
class _Opening:
    """The first thing the process is sent: what to write where, and the meshes hands come in."""

    out: Path
    topologies: tuple[HandTopology, ...]
    options: SinkOptions


@dataclass(frozen=True, eq=False)
class _Item:
    """One frame's share: the image to draw on, and what to draw and write.

    depth_m
        Sent for the viewer alone.
    detections
        By track id.
    """

    rgb: NDArray[np.uint8]
    depth_m: NDArray[np.float32] | None
    camera: CameraIntrinsics
    reconstruction: Reconstruction
    detections: Mapping[int, HandDetection]


class ResultSink:
    """The replay's end of the process: a context manager that frames are put into.

    Leaving the context writes what is waiting and closes the files, also when an exception
    passes through, so that what was done before it is on disk.

    cpu_s
        Processor time that the process took for the frames; known when the context is left.
    """

    def __init__(
        self, out: Path, options: SinkOptions | None = None, inherited_fds: Sequence[int] = ()
    ) -> None:
        self._out = out
        self._options = options or SinkOptions()
        self.cpu_s = 0.0
        self._queue: queue.Queue[_Opening | _Item | None] = queue.Queue(_WRITE_BEHIND)
        self._is_broken = threading.Event()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "hand_object_recon.evaluation.result_sink"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=_environment(),
            pass_fds=inherited_fds,
        )
        self._thread = threading.Thread(target=self._send_all, name="result-sink", daemon=True)

    def __enter__(self) -> ResultSink:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._queue.put(None)
        self._thread.join()
        message = _pipe(self._process.stdout).read().decode(errors="replace").strip()
        status = self._process.wait()
        if status and kind in (None, _ProcessGoneError):
            raise RecordingError(
                f"results could not be written to {self._out}: "
                f"{message or f'the writing process ended with status {status}'}"
            ) from None
        if not status:
            self.cpu_s = float(message)

    def open(self, topologies: Sequence[HandTopology]) -> None:
        """Have the files opened; to be called once, before the first frame."""
        self._queue.put(_Opening(self._out, tuple(topologies), self._options))

    def put(self, frame: RgbdFrame, result: FrameResult) -> None:
        """Have a frame's result written."""
        if self._is_broken.is_set():
            raise _ProcessGoneError(f"results can no longer be written to {self._out}")
        detections = {hand.track_id: hand.detection for hand in result.tracked}
        depth_m = frame.depth_m if self._options.feeds_viewer else None
        item = _Item(frame.rgb, depth_m, frame.camera, result.reconstruction, detections)
        self._queue.put(item)

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


class _ProcessGoneError(RecordingError):
    """The process ended early; what it printed is the reason."""


def _environment() -> dict[str, str]:
    """This process's environment, with the package importable from where it lies."""
    paths = [str(_PACKAGE_PARENT), os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in paths if path)}


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    if pipe is None:
        raise ValueError("the process was started without a pipe")
    return pipe


def main() -> None:
    """Read items from standard input and write them.

    The one line on standard output is the processor time it took, or why it failed.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the replay stops, and then closes our input
    if hasattr(os, "nice"):
        os.nice(_NICENESS)
    report = _take_standard_output()
    try:
        opening = _received(sys.stdin.buffer)
        cpu_s = _write_all(opening, sys.stdin.buffer) if opening is not None else 0.0
        print(cpu_s, file=report, flush=True)
    except (HandObjectReconError, OSError) as error:
        print(error, file=report, flush=True)
        raise SystemExit(1) from None


def _take_standard_output() -> IO[str]:
    """Standard output, which the replay reads to its end, out of reach of a viewer that outlives
    this process; neither does the viewer inherit any other open file, such as a lock."""
    report = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    for descriptor in range(3, _MOST_INHERITED):
        with suppress(OSError):
            os.set_inheritable(descriptor, False)
    return report


def _write_all(opening: _Opening, stream: IO[bytes]) -> float:
    """Write the items that come; return the seconds of processor time it took."""
    from hand_object_recon.recordings.result_writer import ReconstructionWriter
    from hand_object_recon.visualization.overlay import draw_overlay
    from hand_object_recon.visualization.rerun_viewer import RerunViewer
    from hand_object_recon.visualization.video import OverlayVideo

    options, topologies = opening.options, opening.topologies
    meshes = {topology.name: topology for topology in topologies}
    start_s = time.process_time()
    with ExitStack() as stack:
        folder = opening.out / RESULT_FOLDER
        writer = ReconstructionWriter(folder, topologies, options.recorded_input)
        stack.enter_context(writer)
        video = stack.enter_context(OverlayVideo(opening.out / OVERLAY_FILE))
        viewer: RerunViewer | None = None
        if options.feeds_viewer:
            viewer = RerunViewer(topologies, opens=options.opens_viewer, file=options.viewer_file)
            stack.enter_context(viewer)
        while (item := _received(stream)) is not None:
            frame = _frame_of(item)
            detections = tuple(item.detections.values())
            image = draw_overlay(frame, item.reconstruction, meshes, detections)
            writer.write(item.reconstruction)
            writer.write_overlay(replace(frame, rgb=image))
            video.write(image, frame.stamp_ns)
            if viewer is not None:
                viewer.show(frame, item.reconstruction, item.detections)
    return time.process_time() - start_s


def _frame_of(item: _Item) -> RgbdFrame:
    depth_m = item.depth_m
    if depth_m is None:
        depth_m = np.broadcast_to(np.float32(np.nan), item.rgb.shape[:2])
    stamp_ns, frame_id = item.reconstruction.stamp_ns, item.reconstruction.frame_id
    return RgbdFrame(item.rgb, depth_m, item.camera, stamp_ns, frame_id)


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
