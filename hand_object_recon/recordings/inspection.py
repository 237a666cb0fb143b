"""What a recording holds, whether it can be replayed, and what stands in the way."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

import numpy as np

from hand_object_recon.core.camera import RgbdFrame
from hand_object_recon.core.config import PipelineConfig
from hand_object_recon.core.errors import RecordingError
from hand_object_recon.messages.typestore import RECONSTRUCTION_TYPE
from hand_object_recon.recordings.bag import Bag
from hand_object_recon.recordings.reader import BadFrame, RgbdRecording
from hand_object_recon.recordings.topic_report import TopicReport, report_topics
from hand_object_recon.recordings.topics import TopicChoice

_STORAGES: Final = {".mcap": "MCAP", ".db3": "sqlite3", ".bag": "ROS 1 bag"}
_NANOSECONDS_PER_SECOND: Final = 1_000_000_000
_FRAMES_TRIED: Final = 5
_LARGE_GAP_PERIODS: Final = 3.0
_SMALL_GAP_MS: Final = 100.0
_FEW_PAIRS: Final = 0.9
_FEW_READINGS: Final = 0.05


@dataclass(frozen=True)
class Problem:
    """What is wrong and its fix, in one line; fatal when the recording cannot be replayed."""

    text: str
    is_fatal: bool


@dataclass(frozen=True)
class RgbdReport:
    """How ``replay`` would read the recording.

    pairs, unpaired_color, unpaired_depth
        Colour images with a depth image within the slop, and images without a partner.
    is_depth_aligned
        Depth is taken as it is; where not, it is registered, and a problem's text says how.
    depth_coverage
        Share of pixels with a depth reading within the configured limits, in the frames tried.
    """

    color_topic: str
    depth_topic: str
    camera_info_topic: str
    frame_id: str
    pairs: int
    unpaired_color: int
    unpaired_depth: int
    is_depth_aligned: bool
    depth_coverage: float | None


@dataclass(frozen=True)
class RecordingReport:
    """Everything found in a recording; ``rgbd`` is None where no frames can be read from it.

    start_ns, duration_s
        Of the log times of all messages.
    replay_command
        Empty where the recording is not usable.
    """

    path: str
    storage: str
    start_ns: int
    duration_s: float
    topics: tuple[TopicReport, ...]
    rgbd: RgbdReport | None
    problems: tuple[Problem, ...]
    replay_command: str

    @property
    def is_usable(self) -> bool:
        return not any(problem.is_fatal for problem in self.problems)


def inspect_recording(
    path: Path, config: PipelineConfig | None = None, assignments: Sequence[str] = ()
) -> RecordingReport:
    """Read a recording once through, try its first frames, and tell what was found.

    assignments
        The ``section.key=value`` settings that made ``config``, for the replay command.

    Raises
    ------
    RecordingError
        There is no such file or folder. Anything else wrong with it is a problem of the report.
    """
    config = config or PipelineConfig()
    if not path.exists():
        raise RecordingError(f"recording {path} does not exist")
    topics, start_ns, end_ns, problems = _read_topics(path)
    rgbd: RgbdReport | None = None
    if not problems:
        rgbd, problems = _read_frames(path, config, topics)
    is_usable = not any(problem.is_fatal for problem in problems)
    return RecordingReport(
        path=str(path),
        storage=_storage(path),
        start_ns=start_ns,
        duration_s=(end_ns - start_ns) / _NANOSECONDS_PER_SECOND,
        topics=topics,
        rgbd=rgbd,
        problems=tuple(problems),
        replay_command=_replay_command(path, assignments) if is_usable else "",
    )


def _read_topics(path: Path) -> tuple[tuple[TopicReport, ...], int, int, list[Problem]]:
    """Topics, first and last log time, and why nothing can be read."""
    try:
        with closing(Bag(path)) as bag:
            return *report_topics(bag), []
    except RecordingError as error:
        return (), 0, 0, [Problem(str(error), is_fatal=True)]


def _read_frames(
    path: Path, config: PipelineConfig, topics: Sequence[TopicReport]
) -> tuple[RgbdReport | None, list[Problem]]:
    try:
        with RgbdRecording(path, config.recording, config.depth) as recording:
            tried = list(islice(recording.frames(), _FRAMES_TRIED))
            frames = [frame for frame in tried if isinstance(frame, RgbdFrame)]
            color, depth = _chosen(recording.topics, topics)
            report = _rgbd_report(recording, frames, color, depth)
            problems = [Problem(text, is_fatal=False) for text in recording.warnings]
    except RecordingError as error:
        text = str(error).removeprefix(f"recording {path}: ")
        return None, [Problem(text + _result_hint(topics), is_fatal=True)]
    problems += _frame_problems(tried)
    problems += _pair_problems(report, config.recording.sync_slop_ms)
    problems += _gap_problems(max(color, depth, key=lambda topic: topic.largest_gap_ms or 0.0))
    problems += _coverage_problems(report, config)
    return report, problems


def _chosen(choice: TopicChoice, topics: Sequence[TopicReport]) -> tuple[TopicReport, TopicReport]:
    by_name = {topic.name: topic for topic in topics}
    return by_name[choice.color.name], by_name[choice.depth.name]


def _rgbd_report(
    recording: RgbdRecording, frames: Sequence[RgbdFrame], color: TopicReport, depth: TopicReport
) -> RgbdReport:
    coverages = [np.isfinite(frame.depth_m).mean() for frame in frames]
    return RgbdReport(
        color_topic=color.name,
        depth_topic=depth.name,
        camera_info_topic=recording.topics.camera_info.name,
        frame_id=recording.frame_id,
        pairs=recording.frame_count,
        unpaired_color=recording.unpaired_color,
        unpaired_depth=recording.unpaired_depth,
        is_depth_aligned=recording.alignment.registration is None,
        depth_coverage=float(np.mean(coverages)) if coverages else None,
    )


def _frame_problems(tried: Sequence[RgbdFrame | BadFrame]) -> list[Problem]:
    bad = [frame for frame in tried if isinstance(frame, BadFrame)]
    if not bad:
        return []
    text = f"{len(bad)} of the first {len(tried)} frames cannot be used: {bad[0].reason}"
    return [Problem(text, is_fatal=len(bad) == len(tried))]


def _pair_problems(report: RgbdReport, slop_ms: float) -> list[Problem]:
    images = report.pairs + report.unpaired_color
    if report.pairs >= _FEW_PAIRS * images:
        return []
    text = (
        f"{report.unpaired_color} of {images} colour images have no depth image within "
        f"{slop_ms:g} ms; raise recording.sync_slop_ms, or record depth at the colour's rate"
    )
    return [Problem(text, is_fatal=False)]


def _gap_problems(topic: TopicReport) -> list[Problem]:
    gap_ms, rate_hz = topic.largest_gap_ms, topic.rate_hz
    if gap_ms is None or not rate_hz or gap_ms < _SMALL_GAP_MS:
        return []
    if gap_ms * rate_hz / 1000 < _LARGE_GAP_PERIODS:
        return []
    text = (
        f"{topic.name} has a gap of {gap_ms:.0f} ms at {rate_hz:.1f} Hz, in which hands may be "
        "lost; record fewer topics, compressed ones, or to a faster disk"
    )
    return [Problem(text, is_fatal=False)]


def _coverage_problems(report: RgbdReport, config: PipelineConfig) -> list[Problem]:
    if report.depth_coverage is None or report.depth_coverage >= _FEW_READINGS:
        return []
    limits = config.depth
    text = (
        f"{report.depth_topic} has a reading between {limits.min_m:g} and {limits.max_m:g} m at "
        f"only {report.depth_coverage:.0%} of the pixels; widen depth.min_m and depth.max_m, or "
        "bring the hands nearer to the camera"
    )
    return [Problem(text, is_fatal=False)]


def _result_hint(topics: Sequence[TopicReport]) -> str:
    if any(topic.message_type == RECONSTRUCTION_TYPE for topic in topics):
        return "; this is a result of replay, give the recording it was made from"
    return ""


def _replay_command(path: Path, assignments: Sequence[str]) -> str:
    settings = [word for text in assignments for word in ("--set", text)]
    name = path.stem if path.is_file() else path.resolve().name
    return shlex.join(["hand-object-recon", "replay", str(path), "--out", f"out/{name}", *settings])


def _storage(path: Path) -> str:
    files = path.iterdir() if path.is_dir() else [path]
    names = {_STORAGES[file.suffix] for file in files if file.suffix in _STORAGES}
    return " and ".join(sorted(names)) or "unknown"
