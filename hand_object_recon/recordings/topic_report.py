"""The topics of a recording: how many messages, how often, and what the first one says."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from rosbags.serde import SerdeError

from hand_object_recon.core.errors import FrameError
from hand_object_recon.core.stream_settings import DepthSettings
from hand_object_recon.messages.typestore import (
    CAMERA_INFO_TYPE,
    COMPRESSED_IMAGE_TYPE,
    IMAGE_TYPE,
    Message,
    deserialize,
)
from hand_object_recon.recordings.bag import Bag, BagMessage, BagTopic
from hand_object_recon.recordings.cdr_header import read_stamp_and_frame
from hand_object_recon.recordings.image_decoding import decode_color, decode_depth

_WITH_HEADER: Final = (IMAGE_TYPE, COMPRESSED_IMAGE_TYPE, CAMERA_INFO_TYPE)
_NANOSECONDS_PER_SECOND: Final = 1_000_000_000
_NANOSECONDS_PER_MILLISECOND: Final = 1_000_000


@dataclass(frozen=True)
class CameraReport:
    """A CameraInfo as recorded: pinhole intrinsics in pixels and the lens distortion."""

    width: int
    height: int
    fx: float
    fy: float
    cx: float
    cy: float
    distortion_model: str
    distortion: tuple[float, ...]


@dataclass(frozen=True)
class TopicReport:
    """One topic. What does not apply to its type, or cannot be read, is None or empty.

    rate_hz, largest_gap_ms
        From the image stamps of images and camera infos, else from the log times.
    encoding, size
        Encoding or format, and (width, height) in pixels, of the first image.
    camera
        Of the first CameraInfo.
    """

    name: str
    message_type: str
    message_count: int
    rate_hz: float | None
    largest_gap_ms: float | None
    frame_id: str
    encoding: str
    size: tuple[int, int] | None
    camera: CameraReport | None


def report_topics(bag: Bag) -> tuple[tuple[TopicReport, ...], int, int]:
    """Every topic of a bag, and the first and last log time in nanoseconds, in one pass."""
    streams = {topic.name: _Stream(topic) for topic in bag.topics}
    start_ns, end_ns = np.iinfo(np.int64).max, 0
    for message in bag.messages(list(streams)):
        streams[message.topic].add(message)
        start_ns = min(start_ns, message.log_time_ns)
        end_ns = max(end_ns, message.log_time_ns)
    reports = tuple(stream.report() for stream in streams.values())
    return reports, min(start_ns, end_ns), end_ns


@dataclass
class _Stream:
    topic: BagTopic
    stamps_ns: list[int] = field(default_factory=list)
    frame_id: str = ""
    first: bytes | None = None

    def add(self, message: BagMessage) -> None:
        if self.first is None:
            self.first = bytes(message.data)
        stamp_ns, frame_id = self._stamp_and_frame(message)
        self.stamps_ns.append(stamp_ns or message.log_time_ns)
        self.frame_id = self.frame_id or frame_id.lstrip("/")

    def report(self) -> TopicReport:
        rate_hz, largest_gap_ms = _rate_and_gap(self.stamps_ns)
        encoding, size = self._image()
        return TopicReport(
            self.topic.name,
            self.topic.message_type,
            len(self.stamps_ns),
            rate_hz,
            largest_gap_ms,
            self.frame_id,
            encoding,
            size,
            self._camera(),
        )

    def _stamp_and_frame(self, message: BagMessage) -> tuple[int, str]:
        if self.topic.message_type not in _WITH_HEADER:
            return 0, ""
        try:
            return read_stamp_and_frame(message.data)
        except FrameError:
            return 0, ""

    def _image(self) -> tuple[str, tuple[int, int] | None]:
        """Encoding and size of the first message, if this is a topic of images."""
        message = self._first_message(IMAGE_TYPE, COMPRESSED_IMAGE_TYPE)
        if message is None:
            return "", None
        if self.topic.message_type == IMAGE_TYPE:
            return str(message.encoding), (int(message.width), int(message.height))
        return str(message.format), _compressed_size(message, self.topic.name)

    def _camera(self) -> CameraReport | None:
        message = self._first_message(CAMERA_INFO_TYPE)
        if message is None:
            return None
        fx, _, cx, _, fy, cy = message.k.tolist()[:6]
        size = int(message.width), int(message.height)
        model, distortion = str(message.distortion_model), tuple(message.d.tolist())
        return CameraReport(*size, fx, fy, cx, cy, model, distortion)

    def _first_message(self, *types: str) -> Message | None:
        if self.first is None or self.topic.message_type not in types:
            return None
        try:
            return deserialize(self.first, self.topic.message_type)
        except SerdeError:
            return None


def _compressed_size(message: Message, topic: str) -> tuple[int, int] | None:
    try:
        if "compressedDepth" in message.format or topic.endswith("/compressedDepth"):
            height, width = decode_depth(message, topic, DepthSettings()).shape
        else:
            height, width = decode_color(message, topic).shape[:2]
    except FrameError:
        return None
    return width, height


def _rate_and_gap(stamps_ns: list[int]) -> tuple[float | None, float | None]:
    steps_ns = np.diff(np.sort(np.array(stamps_ns, dtype=np.int64)))
    if not len(steps_ns) or not steps_ns.sum():
        return None, None
    rate_hz = len(steps_ns) * _NANOSECONDS_PER_SECOND / float(steps_ns.sum())
    return rate_hz, float(steps_ns.max()) / _NANOSECONDS_PER_MILLISECOND
