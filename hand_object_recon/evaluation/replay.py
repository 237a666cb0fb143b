"""Replays a recording through the pipeline and writes everything a user looks at afterwards.

One thread reads and decodes ahead, another finds the hands in what was read, this one does the
rest of the pipeline, and a process of its own writes the result recording and the overlay video.
Frames keep their order, and a recording gives the same result each time because nothing depends
on who gets its turn when.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon import __version__
from hand_object_recon.core.camera import RgbdFrame
from hand_object_recon.core.config import PipelineConfig
from hand_object_recon.core.errors import FrameError, RecordingError
from hand_object_recon.core.hands import HandTopology
from hand_object_recon.evaluation.hand_accuracy import score_hands
from hand_object_recon.evaluation.hand_truth import load_hand_truth
from hand_object_recon.evaluation.look_ahead import LookAhead
from hand_object_recon.evaluation.replay_extras import ReplayExtras
from hand_object_recon.evaluation.replay_folder import (
    SUMMARY_FILE,
    ReplayFolder,
    require_right_start,
)
from hand_object_recon.evaluation.replay_summary import (
    READ_STAGE,
    ReplayTally,
    write_summary,
)
from hand_object_recon.evaluation.result_sink import RESULT_FOLDER, ResultSink, SinkOptions
from hand_object_recon.pipeline.build import build_pipeline
from hand_object_recon.pipeline.pipeline import DetectedFrame, FrameResult, Pipeline
from hand_object_recon.pipeline.stage_clock import StageClock
from hand_object_recon.recordings.frame_selection import FrameSelection
from hand_object_recon.recordings.reader import BadFrame, RgbdRecording
from hand_object_recon.recordings.result_reader import read_reconstructions

_FRAMES_AHEAD: Final = 3


def _ignore(*_: object) -> None:
    pass


@dataclass(frozen=True)
class ReplayEvents:
    """What a caller may want to show while a replay runs.

    indexed
        Messages looked at before the first frame, and how many there are.
    started
        The number of frames, and how many of them earlier runs did.
    frame_done, say
        Each frame done, and each message for the user.
    """

    indexed: Callable[[int, int], None] = _ignore
    started: Callable[[int, int], None] = _ignore
    frame_done: Callable[[], None] = _ignore
    say: Callable[[str], None] = _ignore


def replay_recording(
    recording: Path,
    out: Path,
    config: PipelineConfig,
    truth: Path | None = None,
    events: ReplayEvents | None = None,
    extras: ReplayExtras | None = None,
    selection: FrameSelection | None = None,
    *,
    resume: bool = False,
) -> dict[str, object]:
    """Reconstruct the selected frames of a recording; return what ``summary.json`` holds.

    Writes ``out/reconstruction`` (a rosbag2), ``out/overlay.mp4`` and ``out/summary.json``. A
    replay that was interrupted is continued behind its last whole frame with ``resume``; hands
    are tracked anew from there, as after a gap.

    Raises
    ------
    RecordingError
        The recording cannot be used, no frame of it could be, ``out`` holds a result already or
        cannot be written; or there is nothing to resume there, or it was begun differently.
    PluginError, InvalidValueError
        A plugin does not load, the truth file is not one, or nothing is selected.
    DependencyError
        The viewer is asked for and cannot be used here.
    """
    events = events or ReplayEvents()
    extras = extras or ReplayExtras()
    selection = selection or FrameSelection()
    extras.require_usable()
    known_truth = load_hand_truth(truth) if truth is not None else None
    require_right_start(out, resume=resume)
    with RgbdRecording(recording, config.recording, config.depth, events.indexed) as source:
        events.say(source.topics.description)
        for warning in source.warnings:
            events.say(f"warning: {warning}")
        positions = selection.positions(source.stamps_ns)
        identity = _identity(source, selection, config, extras)
        with ReplayFolder(out, identity, resume=resume) as folder:
            tally = ReplayTally(len(positions), source.unpaired_color, source.unpaired_depth)
            tally.selection = _selection_summary(source, selection, positions)
            done = _count_earlier(folder, source.stamps_ns[positions], tally)
            events.started(len(positions), done)
            options = extras.sink_options(source, config)
            topologies = _run(source, positions[done:], folder, options, config, tally, events)
            if not tally.frames_done_overall:
                folder.discard()
                raise RecordingError(
                    f"no frame of {recording} could be used: {tally.first_problem}"
                )
            for warning in (lost := folder.join()):
                events.say(f"warning: {warning}")
            tally.warnings = (*source.warnings, *lost)
            accuracy = None
            if known_truth is not None:
                results = read_reconstructions(out / RESULT_FOLDER)
                meshes = {topology.name: topology for topology in topologies}
                accuracy = score_hands(known_truth, results, meshes)
            summary = write_summary(out / SUMMARY_FILE, tally, accuracy, config)
            folder.finish()
    return summary


def _identity(
    source: RgbdRecording,
    selection: FrameSelection,
    config: PipelineConfig,
    extras: ReplayExtras,
) -> dict[str, Any]:
    """What a continued replay must have in common with its beginning."""
    return {
        "recording": {
            "topics": source.topics.description,
            "paired_frames": source.frame_count,
            "first_stamp_ns": int(source.stamps_ns[0]),
            "last_stamp_ns": int(source.stamps_ns[-1]),
        },
        "selection": asdict(selection),
        "with_input": extras.with_input,
        "config": config.model_dump(mode="json"),
        "version": __version__,
    }


def _selection_summary(
    source: RgbdRecording, selection: FrameSelection, positions: NDArray[np.intp]
) -> dict[str, Any]:
    return {
        **asdict(selection),
        "paired_frames": source.frame_count,
        "first_stamp_ns": int(source.stamps_ns[positions[0]]),
        "last_stamp_ns": int(source.stamps_ns[positions[-1]]),
    }


def _count_earlier(folder: ReplayFolder, stamps_ns: NDArray[np.int64], tally: ReplayTally) -> int:
    """Count what earlier runs did; return how many of the frames of these stamps are behind it."""
    if not folder.earlier:
        return 0
    done = int(np.searchsorted(stamps_ns, folder.earlier[-1].last_stamp_ns, side="right"))
    tally.add_earlier(folder.earlier, done)
    return done


def _run(
    source: RgbdRecording,
    positions: NDArray[np.intp],
    folder: ReplayFolder,
    options: SinkOptions,
    config: PipelineConfig,
    tally: ReplayTally,
    events: ReplayEvents,
) -> tuple[HandTopology, ...]:
    """Reconstruct and write the frames at these positions; return the meshes hands come in."""
    with ResultSink(folder.run_folder, options, (folder.lock,)) as sink:
        pipeline = build_pipeline(config)
        try:
            pipeline.warm_up()
            topologies = pipeline.topologies()
            sink.open(topologies)
            start_s, cpu_start_s = time.perf_counter(), time.process_time()
            _reconstruct(source.frames(positions), pipeline, sink, tally, events)
            tally.cpu_s = time.process_time() - cpu_start_s
        finally:
            pipeline.close()
    tally.wall_s = time.perf_counter() - start_s
    tally.writing_cpu_s = sink.cpu_s
    return topologies


def _reconstruct(
    wanted: Iterator[RgbdFrame | BadFrame],
    pipeline: Pipeline,
    sink: ResultSink,
    tally: ReplayTally,
    events: ReplayEvents,
) -> None:
    with (
        LookAhead(_read(wanted), _FRAMES_AHEAD) as frames,
        LookAhead(_detected(frames, pipeline), _FRAMES_AHEAD) as detected_frames,
    ):
        for detected, reading in detected_frames:
            result = _reconstructed(detected, pipeline, tally)
            if isinstance(detected, DetectedFrame) and result is not None:
                tally.add(result, reading)
                sink.put(detected.frame, result)
            events.frame_done()


def _read(
    frames: Iterator[RgbdFrame | BadFrame],
) -> Iterator[tuple[RgbdFrame | BadFrame, StageClock]]:
    """Each frame with the time it took to read."""
    while True:
        clock = StageClock()
        with clock.stage(READ_STAGE):
            frame = next(frames, None)
        if frame is None:
            return
        yield frame, clock


def _detected(
    frames: Iterable[tuple[RgbdFrame | BadFrame, StageClock]], pipeline: Pipeline
) -> Iterator[tuple[DetectedFrame | BadFrame, StageClock]]:
    """Each frame with the hands in it; one that fails is a bad frame like those read as such."""
    for frame, reading in frames:
        if isinstance(frame, BadFrame):
            yield frame, reading
            continue
        try:
            yield pipeline.detect(frame), reading
        except FrameError as error:
            yield BadFrame(frame.stamp_ns, str(error)), reading


def _reconstructed(
    detected: DetectedFrame | BadFrame, pipeline: Pipeline, tally: ReplayTally
) -> FrameResult | None:
    if isinstance(detected, BadFrame):
        tally.add_bad_frame(detected.reason)
        return None
    try:
        return pipeline.reconstruct(detected)
    except FrameError as error:
        tally.add_bad_frame(str(error))
        return None
