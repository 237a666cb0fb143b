"""A recording read as RGB-D frames."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from rosbags.serde import SerdeError

from hand_object_recon.core.camera import RgbdFrame
from hand_object_recon.core.config import DepthSettings, RecordingSettings
from hand_object_recon.core.errors import FrameError, InvalidValueError, RecordingError
from hand_object_recon.messages.typestore import Message, deserialize
from hand_object_recon.recordings.bag import Bag, BagTopic
from hand_object_recon.recordings.image_decoding import decode_color, decode_depth
from hand_object_recon.recordings.rgbd_index import index_recording
from hand_object_recon.recordings.synchronization import pair_stamps
from hand_object_recon.recordings.topics import choose_topics
from hand_object_recon.recordings.undistortion import undistort

_NANOSECONDS_PER_MILLISECOND = 1_000_000


@dataclass(frozen=True)
class BadFrame:
    """A frame of the recording that cannot be used, and why; the next one may well be fine."""

    stamp_ns: int
    reason: str


class _RawPair(NamedTuple):
    stamp_ns: int
    color: bytes
    depth: bytes


class RgbdRecording:
    """Colour frames with their aligned depth, out of a recording.

    path
        A rosbag2 folder (sqlite3 or MCAP), a bare ``.mcap`` or ``.db3`` file, or a ROS 1 ``.bag``.
    topics
        The topics it is read from; ``topics.description`` is a line to print.
    frame_count
        Colour images that have a depth image within the slop.
    unpaired_color, unpaired_depth
        Images without a partner; they are left out.
    frame_id
        The colour image's optical frame (the camera info's, where the image names none).
    warnings
        What the user should know: damage of the recording, images without usable stamps (they
        are given the times of recording then), depth that is not aligned, images
        that are not given as recorded because their lens distortion is undone.

    Raises
    ------
    RecordingError
        The recording cannot be read, lacks a topic, has no calibration or no paired frame; one
        line that names the recording and the fix.
    """

    def __init__(
        self,
        path: Path | str,
        recording_settings: RecordingSettings | None = None,
        depth_settings: DepthSettings | None = None,
    ) -> None:
        self.path = Path(path)
        self._settings = recording_settings or RecordingSettings()
        self._depth_settings = depth_settings or DepthSettings()
        self._bag = Bag(self.path)
        try:
            self.topics = choose_topics(self._bag.topics, self._settings)
            self._index = index_recording(self._bag, self.topics)
            self._index.calibration.require_usable()
            self._color_stamps_ns = self._index.color.stamps_ns
            self._pairs = self._pair()
            self.frame_id = self._find_frame_id()
        except RecordingError as error:
            self._bag.close()
            raise RecordingError(f"recording {self.path}: {error}") from error

    @property
    def frame_count(self) -> int:
        return len(self._pairs)

    @property
    def unpaired_color(self) -> int:
        return len(self._color_stamps_ns) - len(self._pairs)

    @property
    def unpaired_depth(self) -> int:
        return len(self._index.depth.stamps_ns) - len(self._pairs)

    @property
    def warnings(self) -> tuple[str, ...]:
        warnings = (
            self._damage_warning(),
            self._index.clock_warning,
            self._alignment_warning(),
            self._distortion_warning(),
        )
        return tuple(filter(None, warnings))

    def frames(self) -> Iterator[RgbdFrame | BadFrame]:
        """Every paired frame in the order of the colour stamps, decoded one at a time.

        Colour, depth and intrinsics are those of a pinhole camera: lens distortion is undone.
        A frame that cannot be used comes as a :class:`BadFrame`, so that ``frame_count`` items
        come in any case. May be called again for another pass.
        """
        for pair in self._raw_pairs():
            yield pair if isinstance(pair, BadFrame) else self._decode(pair)

    def close(self) -> None:
        self._bag.close()

    def __enter__(self) -> RgbdRecording:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _pair(self) -> NDArray[np.intp]:
        color_ns, depth_ns = self._color_stamps_ns, self._index.depth.stamps_ns
        slop_ns = round(self._settings.sync_slop_ms * _NANOSECONDS_PER_MILLISECOND)
        pairs = pair_stamps(color_ns, depth_ns, slop_ns)
        if not len(pairs):
            raise RecordingError(
                f"none of {len(color_ns)} colour images has one of {len(depth_ns)} depth images "
                f"within {self._settings.sync_slop_ms:g} ms{_nearest(color_ns, depth_ns)}; "
                "raise recording.sync_slop_ms if they belong together"
            )
        return pairs

    def _find_frame_id(self) -> str:
        frame_id = self._index.color.frame_id or self._index.calibration.frame_id
        if not frame_id:
            raise RecordingError(
                f"neither {self.topics.color.name} nor {self.topics.camera_info.name} names a "
                "frame; have the camera driver set frame_id"
            )
        return frame_id

    def _damage_warning(self) -> str:
        damage = self._bag.damage
        return f"recording {self.path} is damaged ({damage}); read as far as it goes" * bool(damage)

    def _alignment_warning(self) -> str:
        depth_frame = self._index.depth.frame_id
        if depth_frame in ("", self.frame_id):
            return ""
        return (
            f"{self.topics.depth.name} is in frame {depth_frame!r}, colour in {self.frame_id!r}: "
            "depth may not be aligned to colour; record the aligned depth topic"
        )

    def _distortion_warning(self) -> str:
        models = ", ".join(self._index.calibration.distortion_models)
        return (
            f"{self.topics.color.name} has lens distortion ({models}), which is undone: pixels are "
            "those of the undistorted image"
        ) * bool(models)

    def _raw_pairs(self) -> Iterator[_RawPair | BadFrame]:
        """Serialized images of each pair, in order, holding only those whose partner is to come."""
        pending: dict[tuple[str, int], bytes] = {}
        remaining = iter(self._expected_pairs())
        expected = next(remaining, None)
        for key, data in self._paired_images():
            pending[key] = data
            while expected and expected.color in pending and expected.depth in pending:
                color, depth = pending.pop(expected.color), pending.pop(expected.depth)
                yield _RawPair(expected.stamp_ns, color, depth)
                expected = next(remaining, None)
        while expected:
            yield BadFrame(expected.stamp_ns, f"the recording ended early: {self._bag.damage}")
            expected = next(remaining, None)

    def _expected_pairs(self) -> list[_ExpectedPair]:
        color_topic, depth_topic = self.topics.color.name, self.topics.depth.name
        return [
            _ExpectedPair(int(self._color_stamps_ns[i]), (color_topic, i), (depth_topic, j))
            for i, j in self._pairs.tolist()
        ]

    def _paired_images(self) -> Iterator[tuple[tuple[str, int], bytes]]:
        topics = (self.topics.color.name, self.topics.depth.name)
        wanted = dict(zip(topics, (set(column) for column in self._pairs.T.tolist()), strict=True))
        position = dict.fromkeys(topics, 0)
        for message in self._bag.messages(topics):
            number = position[message.topic]
            position[message.topic] += 1
            if number in wanted[message.topic]:
                yield (message.topic, number), message.data

    def _decode(self, pair: _RawPair) -> RgbdFrame | BadFrame:
        try:
            return self._decode_frame(pair)
        except (FrameError, InvalidValueError) as error:
            return BadFrame(pair.stamp_ns, str(error))

    def _decode_frame(self, pair: _RawPair) -> RgbdFrame:
        topics = self.topics
        rgb = decode_color(_read(pair.color, topics.color), topics.color.name)
        depth_message = _read(pair.depth, topics.depth)
        depth_m = decode_depth(depth_message, topics.depth.name, self._depth_settings)
        camera = self._index.calibration.at(pair.stamp_ns)
        color_size = _size_text(rgb.shape)
        if rgb.shape[:2] != depth_m.shape:
            raise FrameError(
                f"{topics.depth.name} is {_size_text(depth_m.shape)} but {topics.color.name} is "
                f"{color_size} pixels; depth aligned to colour is needed"
            )
        if rgb.shape[:2] != (camera.height, camera.width):
            raise FrameError(
                f"{topics.camera_info.name} tells of {camera.width}x{camera.height} but "
                f"{topics.color.name} is {color_size} pixels; record the colour image's own"
            )
        return RgbdFrame(*undistort(rgb, depth_m, camera), pair.stamp_ns, self.frame_id)


class _ExpectedPair(NamedTuple):
    stamp_ns: int
    color: tuple[str, int]
    depth: tuple[str, int]


def _read(data: bytes, topic: BagTopic) -> Message:
    try:
        return deserialize(data, topic.message_type)
    except SerdeError as error:
        raise FrameError(f"{topic.name}: {error}") from error


def _size_text(shape: tuple[int, ...]) -> str:
    return f"{shape[1]}x{shape[0]}"


def _nearest(color_ns: NDArray[np.int64], depth_ns: NDArray[np.int64]) -> str:
    if not (len(color_ns) and len(depth_ns)):
        return ""
    ordered = np.sort(depth_ns)
    after = np.searchsorted(ordered, color_ns).clip(1, max(len(ordered) - 1, 1))
    neighbours = ordered[np.stack([after - 1, np.minimum(after, len(ordered) - 1)])]
    nearest_ms = np.abs(neighbours - color_ns).min() / _NANOSECONDS_PER_MILLISECOND
    return f" (the nearest two are {nearest_ms:.1f} ms apart)"
