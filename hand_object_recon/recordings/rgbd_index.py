"""What a first pass over a recording finds: stamps, frames and calibration, no pixels."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from rosbags.serde import SerdeError

from hand_object_recon.core.camera import CameraIntrinsics
from hand_object_recon.core.errors import FrameError, RecordingError
from hand_object_recon.messages.headers import NANOSECONDS_PER_SECOND
from hand_object_recon.messages.typestore import CAMERA_INFO_TYPE, deserialize
from hand_object_recon.recordings.bag import Bag, BagMessage, BagTopic
from hand_object_recon.recordings.camera_info import intrinsics_from_camera_info
from hand_object_recon.recordings.cdr_header import read_stamp_and_frame
from hand_object_recon.recordings.extrinsics import RecordedExtrinsics
from hand_object_recon.recordings.topics import TopicChoice

_STAMP = slice(4, 12)
_PROGRESS_STEP = 50
_LARGEST_STEP_BACK_NS = NANOSECONDS_PER_SECOND  # messages overtake each other by less


@dataclass
class StampedStream:
    """Stamps of one topic's messages in the order the recording gives them.

    A message whose header cannot be read has its log time as stamp: it is counted, and found
    unreadable when its turn comes.
    """

    frame_id: str = ""
    _header_ns: list[int] = field(default_factory=list)
    _log_ns: list[int] = field(default_factory=list)
    _is_by_log: bool = False

    @property
    def stamps_ns(self) -> NDArray[np.int64]:
        return np.array(self._log_ns if self._is_by_log else self._header_ns, dtype=np.int64)

    @property
    def log_times_ns(self) -> NDArray[np.int64]:
        return np.array(self._log_ns, dtype=np.int64)

    @property
    def fault(self) -> str:
        """Why the headers' stamps cannot be relied on, or empty."""
        stamps = np.array(self._header_ns, dtype=np.int64)
        missing = int(np.count_nonzero(stamps == 0))
        if missing:
            return f"{missing} of {len(stamps)} stamps are zero"
        steps = np.diff(stamps)
        if len(steps) and steps.min() < -_LARGEST_STEP_BACK_NS:
            back_s = -steps.min() / NANOSECONDS_PER_SECOND
            return f"the stamps jump back by {back_s:.1f} s"
        return ""

    def use_log_times(self) -> None:
        self._is_by_log = True

    def add(self, message: BagMessage) -> None:
        self._log_ns.append(message.log_time_ns)
        try:
            stamp_ns, frame_id = read_stamp_and_frame(message.data)
        except FrameError:
            self._header_ns.append(message.log_time_ns)
            return
        self._header_ns.append(stamp_ns)
        self.frame_id = self.frame_id or frame_id.lstrip("/")


class Calibration:
    """A camera's intrinsics over time; they rarely change, so repetitions are not kept."""

    def __init__(self, topic: str, *, rectified: bool) -> None:
        self.frame_id = ""
        self.topic = topic
        self._rectified = rectified
        self._last_content = b""
        self._log_ns: list[int] = []
        self._known: list[tuple[int, CameraIntrinsics | RecordingError]] = []

    def add(self, message: BagMessage) -> None:
        content = message.data[_STAMP.stop :]
        if content == self._last_content:
            return
        self._last_content = content
        self._log_ns.append(message.log_time_ns)
        try:
            stamp_ns, frame_id = read_stamp_and_frame(message.data)
            info = deserialize(message.data, CAMERA_INFO_TYPE)
            entry = intrinsics_from_camera_info(info, self.topic, rectified=self._rectified)
        except (SerdeError, FrameError) as error:
            broken = RecordingError(f"{self.topic} holds an unreadable message: {error}")
            self._known.append((message.log_time_ns, broken))
        except RecordingError as error:
            self._known.append((stamp_ns, error))
        else:
            self.frame_id = self.frame_id or frame_id.lstrip("/")
            self._known.append((stamp_ns, entry))

    def use_log_times(self) -> None:
        entries = [entry for _, entry in self._known]
        self._known = list(zip(self._log_ns, entries, strict=True))

    def require_usable(self) -> None:
        """Raise the reason if not one CameraInfo can be used."""
        errors = [entry for _, entry in self._known if isinstance(entry, RecordingError)]
        if not self._known:
            raise RecordingError(f"{self.topic} holds no readable message")
        if len(errors) == len(self._known):
            raise errors[0]
        self._known.sort(key=lambda item: item[0])

    @property
    def distortion_models(self) -> tuple[str, ...]:
        """Names of the lens models in use, each once; empty where no image is distorted."""
        cameras = (entry for _, entry in self._known if isinstance(entry, CameraIntrinsics))
        return tuple(sorted({camera.distortion_model for camera in cameras if camera.is_distorted}))

    def at(self, stamp_ns: int) -> CameraIntrinsics:
        """Intrinsics of the latest CameraInfo at or before ``stamp_ns``, or of the first.

        Raises
        ------
        FrameError
            That CameraInfo cannot be used.
        """
        position = bisect_right(self._known, stamp_ns, key=lambda item: item[0])
        entry = self._known[max(position - 1, 0)][1]
        if isinstance(entry, RecordingError):
            raise FrameError(str(entry))
        return entry


@dataclass(frozen=True)
class RgbdIndex:
    """Everything known of a recording before its images are decoded.

    depth_calibration
        Of a depth camera of its own, where there is a topic for it.
    """

    color: StampedStream
    depth: StampedStream
    calibration: Calibration
    depth_calibration: Calibration | None
    extrinsics: RecordedExtrinsics
    clock_warning: str = ""


def index_recording(
    bag: Bag, topics: TopicChoice, on_progress: Callable[[int, int], None] | None = None
) -> RgbdIndex:
    """Read the headers of all messages of the chosen topics.

    on_progress
        Called now and then with the messages read and the number there are.
    """
    index = RgbdIndex(
        color=StampedStream(),
        depth=StampedStream(),
        calibration=_calibration_of(topics.color, topics.camera_info),
        depth_calibration=topics.depth_camera_info
        and _calibration_of(topics.depth, topics.depth_camera_info),
        extrinsics=RecordedExtrinsics(topics.extrinsics),
    )
    add = _receivers(index, topics)
    total = sum(item.message_count for item in bag.topics if item.name in add)
    for count, message in enumerate(bag.messages(add), start=1):
        for receive in add[message.topic]:
            receive(message)
        if on_progress is not None and count % _PROGRESS_STEP == 0:
            on_progress(count, total)
    return _on_one_clock(index, topics)


def _calibration_of(image: BagTopic, camera_info: BagTopic) -> Calibration:
    return Calibration(camera_info.name, rectified="image_rect" in image.name)


def _receivers(
    index: RgbdIndex, topics: TopicChoice
) -> Mapping[str, list[Callable[[BagMessage], None]]]:
    """What takes the messages of each topic; one calibration may be that of both cameras."""
    receivers: defaultdict[str, list[Callable[[BagMessage], None]]] = defaultdict(list)
    receivers[topics.color.name].append(index.color.add)
    receivers[topics.depth.name].append(index.depth.add)
    receivers[topics.camera_info.name].append(index.calibration.add)
    if index.depth_calibration is not None:
        receivers[index.depth_calibration.topic].append(index.depth_calibration.add)
    for topic in topics.extrinsics:
        receivers[topic.name].append(index.extrinsics.add)
    return receivers


def _on_one_clock(index: RgbdIndex, topics: TopicChoice) -> RgbdIndex:
    """The index by the recording's own times where an image topic's stamps are unusable."""
    streams = {topics.color.name: index.color, topics.depth.name: index.depth}
    faults = [f"{name}: {stream.fault}" for name, stream in streams.items() if stream.fault]
    if not faults:
        return index
    for timed in (index.color, index.depth, index.calibration, index.depth_calibration):
        if timed is not None:
            timed.use_log_times()
    return replace(
        index, clock_warning=f"{'; '.join(faults)}; the times of recording are used instead"
    )
