"""What a first pass over a recording finds: stamps, frames and calibration, no pixels."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from rosbags.serde import SerdeError

from hand_object_recon.core.camera import CameraIntrinsics
from hand_object_recon.core.errors import FrameError, RecordingError
from hand_object_recon.messages.typestore import CAMERA_INFO_TYPE, deserialize
from hand_object_recon.recordings.bag import Bag, BagMessage
from hand_object_recon.recordings.camera_info import intrinsics_from_camera_info
from hand_object_recon.recordings.cdr_header import read_stamp_and_frame
from hand_object_recon.recordings.topics import TopicChoice

_STAMP = slice(4, 12)


@dataclass
class StampedStream:
    """Stamps of one topic's messages in the order the recording gives them.

    A message whose header cannot be read has its log time as stamp: it is counted, and found
    unreadable when its turn comes.
    """

    frame_id: str = ""
    _stamps_ns: list[int] = field(default_factory=list)

    @property
    def stamps_ns(self) -> NDArray[np.int64]:
        return np.array(self._stamps_ns, dtype=np.int64)

    def add(self, message: BagMessage) -> None:
        try:
            stamp_ns, frame_id = read_stamp_and_frame(message.data)
        except FrameError:
            self._stamps_ns.append(message.log_time_ns)
            return
        self._stamps_ns.append(stamp_ns)
        self.frame_id = self.frame_id or frame_id.lstrip("/")


class Calibration:
    """The camera's intrinsics over time; they rarely change, so repetitions are not kept."""

    def __init__(self, topic: str, *, rectified: bool) -> None:
        self.frame_id = ""
        self._topic = topic
        self._rectified = rectified
        self._last_content = b""
        self._known: list[tuple[int, CameraIntrinsics | RecordingError]] = []

    def add(self, message: BagMessage) -> None:
        content = message.data[_STAMP.stop :]
        if content == self._last_content:
            return
        self._last_content = content
        try:
            stamp_ns, frame_id = read_stamp_and_frame(message.data)
            info = deserialize(message.data, CAMERA_INFO_TYPE)
            entry = intrinsics_from_camera_info(info, self._topic, rectified=self._rectified)
        except (SerdeError, FrameError) as error:
            broken = RecordingError(f"{self._topic} holds an unreadable message: {error}")
            self._known.append((message.log_time_ns, broken))
        except RecordingError as error:
            self._known.append((stamp_ns, error))
        else:
            self.frame_id = self.frame_id or frame_id.lstrip("/")
            self._known.append((stamp_ns, entry))

    def require_usable(self) -> None:
        """Raise the reason if not one CameraInfo can be used."""
        errors = [entry for _, entry in self._known if isinstance(entry, RecordingError)]
        if not self._known:
            raise RecordingError(f"{self._topic} holds no readable message")
        if len(errors) == len(self._known):
            raise errors[0]
        self._known.sort(key=lambda item: item[0])

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
    """Everything known of a recording before its images are decoded."""

    color: StampedStream
    depth: StampedStream
    calibration: Calibration


def index_recording(bag: Bag, topics: TopicChoice) -> RgbdIndex:
    """Read the headers of all messages of the chosen topics."""
    is_rectified = "image_rect" in topics.color.name
    index = RgbdIndex(
        color=StampedStream(),
        depth=StampedStream(),
        calibration=Calibration(topics.camera_info.name, rectified=is_rectified),
    )
    add = {
        topics.color.name: index.color.add,
        topics.depth.name: index.depth.add,
        topics.camera_info.name: index.calibration.add,
    }
    for message in bag.messages(topics.names):
        add[message.topic](message)
    return index
