"""The camera's messages of a recording, copied beside the results that were made of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hand_object_recon.core.errors import FrameError
from hand_object_recon.messages.headers import NANOSECONDS_PER_SECOND
from hand_object_recon.messages.typestore import TRANSFORMS_TYPE
from hand_object_recon.recordings.bag import Bag, BagMessage, BagTopic
from hand_object_recon.recordings.bag_writer import BagWriter, reliable_qos
from hand_object_recon.recordings.cdr_header import read_stamp_and_frame
from hand_object_recon.recordings.reader import RgbdRecording

_MOST_OVERTAKEN_NS: Final = NANOSECONDS_PER_SECOND  # messages overtake each other by less


@dataclass(frozen=True)
class RecordedInput:
    """What is to be copied: the topics that frames were read from.

    infos
        CameraInfo of the colour camera, and of the depth camera where it has its own.
    static
        Static transforms, which hold from the beginning on.
    slop_ns
        How much later or earlier than its colour image a depth image may be.
    is_timed_by_log
        The stamps in the messages are unusable, so frames have the times of recording.
    """

    path: Path
    color: BagTopic
    depth: BagTopic
    infos: tuple[BagTopic, ...]
    static: tuple[BagTopic, ...]
    slop_ns: int
    is_timed_by_log: bool

    @classmethod
    def of(cls, recording: RgbdRecording, slop_ms: float) -> RecordedInput:
        """The input of a recording whose images are paired within ``slop_ms``."""
        topics = recording.topics
        transforms = [item for item in topics.extrinsics if item.message_type == TRANSFORMS_TYPE]
        depth_info = (topics.depth_camera_info,) if topics.depth_camera_info else ()
        return cls(
            path=recording.path,
            color=topics.color,
            depth=topics.depth,
            infos=(topics.camera_info, *depth_info),
            static=tuple(transforms),
            slop_ns=round(slop_ms * 1e6),
            is_timed_by_log=recording.is_timed_by_log,
        )


class InputCopy:
    """Copies messages of the input into a recording, little by little; close it after use.

    The bytes, names, types and offered quality of service stay as they are; out of a ROS 1 bag
    come the same messages in ROS 2's encoding. The log time of a message becomes its stamp, as it
    is for results, so that both play together. Only what belongs to the frames is copied: images
    within the slop of the first to the last frame, and before them the CameraInfo and the static
    transforms that held then.

    Raises
    ------
    RecordingError
        The recording cannot be read, or the target has one of its topics.
    """

    def __init__(self, source: RecordedInput, target: BagWriter) -> None:
        self._source = source
        self._target = target
        self._bag = Bag(source.path)
        self._info_names = {topic.name for topic in source.infos}
        self._static_names = {topic.name for topic in source.static}
        self._add_topics()
        names = {source.color.name, source.depth.name, *self._info_names, *self._static_names}
        self._messages = self._bag.messages(names)
        self._next = next(self._messages, None)
        self._begin_ns: int | None = None
        self._now_ns = 0
        self._earlier_infos: dict[str, BagMessage] = {}

    def copy_until(self, stamp_ns: int) -> None:
        """Copy what was taken up to a frame's stamp; the first call says where to begin."""
        if self._begin_ns is None:
            self._begin_ns = self._now_ns = stamp_ns - self._source.slop_ns
        for message in self._messages_before_color_after(stamp_ns):
            self._copy(message, self._begin_ns)

    def finish(self, last_stamp_ns: int) -> None:
        """Copy the rest of what belongs to the frames up to the last one's stamp."""
        self.copy_until(last_stamp_ns)
        assert self._begin_ns is not None
        end_ns = last_stamp_ns + self._source.slop_ns
        for message in self._messages_before_color_after(end_ns + _MOST_OVERTAKEN_NS):
            if self._time_ns(message) <= end_ns:
                self._copy(message, self._begin_ns)

    def close(self) -> None:
        """Close the recording that is read."""
        self._bag.close()

    def _add_topics(self) -> None:
        source = self._source
        for topic in (source.color, source.depth, *source.infos, *source.static):
            qos = self._bag.offered_qos(topic.name)
            is_static = topic.name in self._static_names
            usual = reliable_qos(10, keep_for_late_joiners=is_static)
            self._target.add_topic(topic.name, topic.message_type, qos or usual)

    def _messages_before_color_after(self, stamp_ns: int) -> Iterator[BagMessage]:
        while self._next is not None:
            if self._next.topic == self._source.color.name and self._time_ns(self._next) > stamp_ns:
                return
            yield self._next
            self._next = next(self._messages, None)

    def _time_ns(self, message: BagMessage) -> int:
        """When the message was taken; what has no time of its own holds from now on."""
        if message.topic in self._static_names:
            return self._now_ns
        if self._source.is_timed_by_log:
            return message.log_time_ns
        try:
            return read_stamp_and_frame(message.data)[0]
        except FrameError:
            return self._now_ns

    def _copy(self, message: BagMessage, begin_ns: int) -> None:
        time_ns = self._time_ns(message)
        is_info = message.topic in self._info_names
        if time_ns < begin_ns:
            if is_info:
                self._earlier_infos[message.topic] = message
            return
        if message.topic == self._source.color.name:
            self._now_ns = max(self._now_ns, time_ns)
            self._write_earlier_infos(begin_ns)
        if is_info and time_ns > self._now_ns + _MOST_OVERTAKEN_NS:
            time_ns = self._now_ns  # stamped by another clock
        self._target.write_serialized(message.topic, message.data, time_ns)

    def _write_earlier_infos(self, begin_ns: int) -> None:
        infos, self._earlier_infos = self._earlier_infos, {}
        for info in infos.values():
            self._target.write_serialized(info.topic, info.data, begin_ns)
