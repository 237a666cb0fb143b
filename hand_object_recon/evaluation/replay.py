"""Replays a recording through the pipeline and writes everything a user looks at afterwards.

A thread reads and decodes ahead, this one runs the pipeline, and a process of its own writes the
result recording and the overlay video. Frames keep their order, and a recording gives the same
result each time because nothing depends on who gets its turn when.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from hand_object_recon.core.camera import RgbdFrame
from hand_object_recon.core.config import PipelineConfig
from hand_object_recon.core.errors import FrameError, RecordingError
from hand_object_recon.core.reconstruction import Reconstruction
from hand_object_recon.evaluation.hand_accuracy import score_hands
from hand_object_recon.evaluation.hand_truth import load_hand_truth
from hand_object_recon.evaluation.look_ahead import LookAhead
from hand_object_recon.evaluation.replay_summary import ReplayTally, write_summary
from hand_object_recon.evaluation.result_sink import RESULT_FOLDER, ResultSink
from hand_object_recon.pipeline.build import build_pipeline
from hand_object_recon.pipeline.pipeline import FrameResult, Pipeline
from hand_object_recon.recordings.reader import BadFrame, RgbdRecording

SUMMARY_FILE: Final = "summary.json"

_FRAMES_AHEAD: Final = 3


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
        tally = ReplayTally(source.frame_count, source.unpaired_color, source.unpaired_depth)
        start_s = 0.0
        with ResultSink(out) as sink:
            pipeline = build_pipeline(config)
            try:
                pipeline.warm_up()
                sink.open(pipeline.topologies())
                start_s = time.perf_counter()
                kept = _run(source, pipeline, sink, tally, events, keep=known_truth is not None)
            finally:
                pipeline.close()
        tally.wall_s = time.perf_counter() - start_s
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
    sink: ResultSink,
    tally: ReplayTally,
    events: ReplayEvents,
    *,
    keep: bool,
) -> list[Reconstruction]:
    """Run every frame through the pipeline; return the reconstructions if they are wanted."""
    kept: list[Reconstruction] = []
    with LookAhead(_timed(source.frames()), _FRAMES_AHEAD) as frames:
        for frame, read_ms in frames:
            result = _reconstructed(frame, pipeline, tally)
            if isinstance(frame, RgbdFrame) and result is not None:
                tally.add(result, read_ms)
                sink.put(frame, result)
                if keep:
                    kept.append(result.reconstruction)
            events.frame_done()
    return kept


def _timed(
    frames: Iterator[RgbdFrame | BadFrame],
) -> Iterator[tuple[RgbdFrame | BadFrame, float]]:
    """Each frame with the milliseconds it took to read."""
    start_s = time.perf_counter()
    for frame in frames:
        yield frame, 1e3 * (time.perf_counter() - start_s)
        start_s = time.perf_counter()


def _reconstructed(
    frame: RgbdFrame | BadFrame, pipeline: Pipeline, tally: ReplayTally
) -> FrameResult | None:
    if isinstance(frame, BadFrame):
        tally.add_bad_frame(frame.reason)
        return None
    try:
        return pipeline.process(frame)
    except FrameError as error:
        tally.add_bad_frame(str(error))
        return None
