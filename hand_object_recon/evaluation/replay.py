"""Replays a recording through the pipeline and writes everything a user looks at afterwards.

Three threads: one reads and decodes ahead, one runs the pipeline, one writes the result
recording and the overlay video. Frames keep their order, and a recording gives the same result
each time because nothing depends on when a thread gets its turn.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from hand_object_recon.core.camera import RgbdFrame
from hand_object_recon.core.config import PipelineConfig
from hand_object_recon.core.errors import FrameError, RecordingError
from hand_object_recon.core.reconstruction import Reconstruction
from hand_object_recon.evaluation.hand_accuracy import score_hands
from hand_object_recon.evaluation.hand_truth import load_hand_truth
from hand_object_recon.evaluation.replay_summary import ReplayTally, write_summary
from hand_object_recon.pipeline.build import build_pipeline
from hand_object_recon.pipeline.pipeline import FrameResult, Pipeline
from hand_object_recon.recordings.reader import BadFrame, RgbdRecording
from hand_object_recon.recordings.result_writer import ReconstructionWriter
from hand_object_recon.visualization.overlay import draw_overlay
from hand_object_recon.visualization.video import OverlayVideo

RESULT_FOLDER: Final = "reconstruction"
OVERLAY_FILE: Final = "overlay.mp4"
SUMMARY_FILE: Final = "summary.json"

_READ_AHEAD: Final = 4
_WRITE_BEHIND: Final = 8


@dataclass(frozen=True)
class ReplayEvents:
    """What a caller may want to show while a replay runs: the number of frames once known, each
    frame done, and each message for the user."""

    started: Callable[[int], None] = field(default=lambda total: None)
    frame_done: Callable[[], None] = field(default=lambda: None)
    say: Callable[[str], None] = field(default=lambda text: None)


def replay_recording(
    recording: Path,
    out: Path,
    config: PipelineConfig,
    truth: Path | None = None,
    events: ReplayEvents | None = None,
) -> dict[str, object]:
    """Reconstruct every frame of a recording; return what ``summary.json`` holds.

    Writes ``out/reconstruction`` (a rosbag2), ``out/overlay.mp4`` and ``out/summary.json``.

    Raises
    ------
    RecordingError
        The recording cannot be used, no frame of it could be, or ``out`` holds a result already.
    PluginError, InvalidValueError
        A plugin does not load, or the truth file is not one.
    """
    events = events or ReplayEvents()
    known_truth = load_hand_truth(truth) if truth is not None else None
    _refuse_to_overwrite(out)
    with RgbdRecording(recording, config.recording, config.depth) as source:
        events.say(source.topics.description)
        for warning in source.warnings:
            events.say(f"warning: {warning}")
        events.started(source.frame_count)
        pipeline = build_pipeline(config)
        tally = ReplayTally(source.frame_count, source.unpaired_color, source.unpaired_depth)
        try:
            pipeline.warm_up()
            kept = _run(source, pipeline, out, tally, events, keep=known_truth is not None)
        finally:
            pipeline.close()
        tally.warnings = source.warnings
    if not tally.frames_done:
        raise RecordingError(f"no frame of {recording} could be used: {tally.first_problem}")
    accuracy = None
    if known_truth is not None:
        meshes = {topology.name: topology for topology in pipeline.topologies()}
        accuracy = score_hands(known_truth, kept, meshes)
    return write_summary(out / SUMMARY_FILE, tally, accuracy, config)


def _refuse_to_overwrite(out: Path) -> None:
    if (out / RESULT_FOLDER).exists():
        raise RecordingError(
            f"{out / RESULT_FOLDER} exists already; give another --out, or remove it first"
        )
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RecordingError(f"folder {out} cannot be made: {error.strerror}") from None


def _run(
    source: RgbdRecording,
    pipeline: Pipeline,
    out: Path,
    tally: ReplayTally,
    events: ReplayEvents,
    *,
    keep: bool,
) -> list[Reconstruction]:
    """Run every frame through the pipeline; return the reconstructions if they are wanted."""
    kept: list[Reconstruction] = []
    start_s = time.perf_counter()
    with ExitStack() as stack:
        read_ahead = stack.enter_context(_ReadAhead(source))
        sink = stack.enter_context(_ResultSink(out, pipeline))
        for item, read_ms in read_ahead:
            result = _reconstructed(item, pipeline, tally)
            if result is not None:
                tally.add(result, read_ms)
                sink.put(item, result)
                if keep:
                    kept.append(result.reconstruction)
            events.frame_done()
    tally.wall_s = time.perf_counter() - start_s
    return kept


def _reconstructed(
    item: RgbdFrame | BadFrame, pipeline: Pipeline, tally: ReplayTally
) -> FrameResult | None:
    if isinstance(item, BadFrame):
        tally.add_bad_frame(item.reason)
        return None
    try:
        return pipeline.process(item)
    except FrameError as error:
        tally.add_bad_frame(str(error))
        return None


class _ReadAhead:
    """Decodes frames in a thread of its own; iterating gives each with its reading time in ms."""

    def __init__(self, source: RgbdRecording) -> None:
        self._source = source
        self._queue: queue.Queue[tuple[RgbdFrame | BadFrame, float] | BaseException | None]
        self._queue = queue.Queue(_READ_AHEAD)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._read, name="read-ahead", daemon=True)

    def __enter__(self) -> _ReadAhead:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        while self._thread.is_alive():
            _drain(self._queue)
            self._thread.join(timeout=0.05)

    def __iter__(self) -> Iterator[tuple[RgbdFrame | BadFrame, float]]:
        while (item := self._queue.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item

    def _read(self) -> None:
        try:
            frames = iter(self._source.frames())
            while not self._stopped.is_set():
                start_s = time.perf_counter()
                frame = next(frames, None)
                if frame is None:
                    break
                self._queue.put((frame, 1e3 * (time.perf_counter() - start_s)))
            self._queue.put(None)
        except BaseException as error:  # handed to the thread that iterates
            self._queue.put(error)


class _ResultSink:
    """Writes the result recording and the overlay in a thread of its own.

    Leaving the context writes what is waiting and closes both files, also when an exception
    passes through, so that what was done before it is on disk.
    """

    def __init__(self, out: Path, pipeline: Pipeline) -> None:
        self._out = out
        self._topologies = {topology.name: topology for topology in pipeline.topologies()}
        self._queue: queue.Queue[tuple[RgbdFrame | BadFrame, FrameResult] | None]
        self._queue = queue.Queue(_WRITE_BEHIND)
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._write_all, name="result-sink", daemon=True)

    def __enter__(self) -> _ResultSink:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._queue.put(None)
        self._thread.join()
        self._raise_failure()

    def put(self, frame: RgbdFrame | BadFrame, result: FrameResult) -> None:
        """Have a frame's result written; raises what went wrong with an earlier one."""
        self._raise_failure()
        self._queue.put((frame, result))

    def _write_all(self) -> None:
        try:
            with ExitStack() as stack:
                writer = stack.enter_context(
                    ReconstructionWriter(self._out / RESULT_FOLDER, self._topologies.values())
                )
                video = stack.enter_context(OverlayVideo(self._out / OVERLAY_FILE))
                while (item := self._queue.get()) is not None:
                    self._write(item, writer, video)
        except BaseException as error:  # raised again in the thread that puts
            self._failure = error
            while self._queue.get() is not None:
                pass

    def _write(
        self,
        item: tuple[RgbdFrame | BadFrame, FrameResult],
        writer: ReconstructionWriter,
        video: OverlayVideo,
    ) -> None:
        frame, result = item
        writer.write(result.reconstruction)
        if isinstance(frame, RgbdFrame):
            detections = [hand.detection for hand in result.tracked]
            image = draw_overlay(frame, result.reconstruction, self._topologies, detections)
            video.write(image, frame.stamp_ns)

    def _raise_failure(self) -> None:
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure


def _drain(waiting: queue.Queue[Any]) -> None:
    try:
        while True:
            waiting.get_nowait()
    except queue.Empty:
        return
