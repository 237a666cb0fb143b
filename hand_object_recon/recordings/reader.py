"""A recording read as RGB-D frames."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.camera import CameraIntrinsics, RgbdFrame
from hand_object_recon.core.errors import FrameError, InvalidValueError, RecordingError
from hand_object_recon.core.stream_settings import DepthSettings, RecordingSettings
from hand_object_recon.messages.typestore import Message
from hand_object_recon.recordings.bag import Bag, BagTopic
from hand_object_recon.recordings.depth_alignment import (
    DepthAlignment,
    ImageView,
    decide_alignment,
)
from hand_object_recon.recordings.depth_units import unit_warning
from hand_object_recon.recordings.image_decoding import decode_color, decode_depth
from hand_object_recon.recordings.image_samples import sample_color_size, sample_depth
from hand_object_recon.recordings.message_reading import read_message
from hand_object_recon.recordings.rgbd_index import index_recording
from hand_object_recon.recordings.stream_coverage import coverage_warnings, distance_text
from hand_object_recon.recordings.synchronization import pair_stamps
from hand_object_recon.recordings.topics import choose_topics
from hand_object_recon.recordings.undistortion import undistort, undistort_color

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
    """Colour frames with depth in their pixels, out of a recording.

    path
        A rosbag2 folder (sqlite3 or MCAP), a bare ``.mcap`` or ``.db3`` file, or a ROS 1 ``.bag``.
    topics
        The topics it is read from; ``topics.description`` is a line to print.
    alignment
        Whether depth is taken as it is or registered to the colour camera.
    frame_count
        Colour images that have a depth image within the slop.
    unpaired_color, unpaired_depth
        Images without a partner; they are left out.
    frame_id
        The colour image's optical frame (the camera info's, where the image names none).
    stamps_ns
        (P,) ascending stamps of the paired frames.
    warnings
        What the user should know: damage of the recording, images without usable stamps (they
        are given the times of recording then), depth that is not aligned, depth
        that looks like another unit, images that are not given as recorded because their lens
        distortion is undone.

    Raises
    ------
    RecordingError
        The recording cannot be read, lacks a topic, has no calibration or no paired frame, or
        its depth can neither be taken as aligned nor be registered; one line that names the
        recording and the fix.
    """

    def __init__(
        self,
        path: Path | str,
        recording_settings: RecordingSettings | None = None,
        depth_settings: DepthSettings | None = None,
        on_indexed: Callable[[int, int], None] | None = None,
    ) -> None:
        self.path = Path(path)
        self._settings = recording_settings or RecordingSettings()
        self._depth_settings = depth_settings or DepthSettings()
        self._bag = Bag(self.path)
        try:
            self.topics = choose_topics(self._bag.topics, self._settings)
            self._index = index_recording(self._bag, self.topics, on_indexed)
            self._index.calibration.require_usable()
            self._color_stamps_ns = self._index.color.stamps_ns
            self._pairs = self._pair()
            self.frame_id = self._find_frame_id()
            self._depth_sample = sample_depth(
                self._bag, self.topics.depth, self._depth_settings.unit_mm
            )
            self.alignment = self._decide_alignment()
        except RecordingError as error:
            self._bag.close()
            raise RecordingError(f"recording {self.path}: {error}") from error

    @property
    def frame_count(self) -> int:
        return len(self._pairs)

    @property
    def stamps_ns(self) -> NDArray[np.int64]:
        return self._color_stamps_ns[self._pairs[:, 0]]

    @property
    def unpaired_color(self) -> int:
        return len(self._color_stamps_ns) - len(self._pairs)

    @property
    def unpaired_depth(self) -> int:
        return len(self._index.depth.stamps_ns) - len(self._pairs)

    @property
    def is_timed_by_log(self) -> bool:
        """Whether frames have the times of recording, as their own stamps are unusable."""
        return bool(self._index.clock_warning)

    @property
    def warnings(self) -> tuple[str, ...]:
        warnings = (
            self._damage_warning(),
            self._index.clock_warning,
            self.alignment.warning,
            self._unit_warning(),
            self._distortion_warning(),
            *coverage_warnings(self._color_stamps_ns, self._index.depth.stamps_ns),
        )
        return tuple(filter(None, warnings))

    def frames(self, positions: NDArray[np.intp] | None = None) -> Iterator[RgbdFrame | BadFrame]:
        """Every paired frame in the order of the colour stamps, decoded one at a time.

        positions
            Ascending positions of the frames wanted; what is left out is not decoded, and not
            read where the recording has an index by time.

        Colour, depth and intrinsics are those of a pinhole camera: lens distortion is undone.
        A frame that cannot be used comes as a :class:`BadFrame`, so that as many items come
        as were asked for. May be called again for another pass.
        """
        pairs = self._pairs if positions is None else self._pairs[positions]
        for pair in self._raw_pairs(pairs):
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
                f"within {self._settings.sync_slop_ms:g} ms{distance_text(color_ns, depth_ns)}; "
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

    def _decide_alignment(self) -> DepthAlignment:
        sample = self._depth_sample
        depth = ImageView(sample and sample.size, self._index.depth.frame_id)
        color = ImageView(sample_color_size(self._bag, self.topics.color), self.frame_id)
        return decide_alignment(self.topics, self._index, depth, color, self._settings)

    def _unit_warning(self) -> str:
        sample = self._depth_sample
        if sample is None:
            return ""
        return unit_warning(
            self.topics.depth.name, sample.encoding, sample.median_m, self._depth_settings.unit_mm
        )

    def _distortion_warning(self) -> str:
        models = ", ".join(self._index.calibration.distortion_models)
        return (
            f"{self.topics.color.name} has lens distortion ({models}), which is undone: pixels are "
            "those of the undistorted image"
        ) * bool(models)

    def _raw_pairs(self, pairs: NDArray[np.intp]) -> Iterator[_RawPair | BadFrame]:
        """Serialized images of each pair, in order, holding only those whose partner is to come."""
        pending: dict[tuple[str, int], bytes] = {}
        remaining = iter(self._expected_pairs(pairs))
        expected = next(remaining, None)
        for key, data in self._paired_images(pairs):
            pending[key] = data
            while expected and expected.color in pending and expected.depth in pending:
                color, depth = pending.pop(expected.color), pending.pop(expected.depth)
                yield _RawPair(expected.stamp_ns, color, depth)
                expected = next(remaining, None)
        while expected:
            yield BadFrame(expected.stamp_ns, f"the recording ended early: {self._bag.damage}")
            expected = next(remaining, None)

    def _expected_pairs(self, pairs: NDArray[np.intp]) -> list[_ExpectedPair]:
        color_topic, depth_topic = self.topics.color.name, self.topics.depth.name
        return [
            _ExpectedPair(int(self._color_stamps_ns[i]), (color_topic, i), (depth_topic, j))
            for i, j in pairs.tolist()
        ]

    def _paired_images(self, pairs: NDArray[np.intp]) -> Iterator[tuple[tuple[str, int], bytes]]:
        if not len(pairs):
            return
        topics = (self.topics.color.name, self.topics.depth.name)
        wanted = dict(zip(topics, (set(column) for column in pairs.T.tolist()), strict=True))
        logged_ns = (self._index.color.log_times_ns, self._index.depth.log_times_ns)
        first_ns, last_ns = _time_range(pairs, *logged_ns)
        number_of = {
            topic: iter(np.flatnonzero((first_ns <= times) & (times <= last_ns)).tolist())
            for topic, times in zip(topics, logged_ns, strict=True)
        }
        for message in self._bag.messages(topics, first_ns, last_ns + 1):
            number = next(number_of[message.topic], None)
            if number is not None and number in wanted[message.topic]:
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
        self._require_size_of(camera, rgb)
        if self.alignment.registration is not None:
            rgb, camera = undistort_color(rgb, camera)
            depth_m = self.alignment.registration.register(depth_m, pair.stamp_ns, camera)
            return RgbdFrame(rgb, depth_m, camera, pair.stamp_ns, self.frame_id)
        if rgb.shape[:2] != depth_m.shape:
            raise FrameError(
                f"{topics.depth.name} is {_size_text(depth_m.shape)} but {topics.color.name} is "
                f"{_size_text(rgb.shape)} pixels; depth aligned to colour is needed"
            )
        return RgbdFrame(*undistort(rgb, depth_m, camera), pair.stamp_ns, self.frame_id)

    def _require_size_of(self, camera: CameraIntrinsics, rgb: NDArray[np.uint8]) -> None:
        if rgb.shape[:2] != (camera.height, camera.width):
            raise FrameError(
                f"{self.topics.camera_info.name} tells of {camera.width}x{camera.height} but "
                f"{self.topics.color.name} is {_size_text(rgb.shape)} pixels; record the colour "
                "image's own"
            )


class _ExpectedPair(NamedTuple):
    stamp_ns: int
    color: tuple[str, int]
    depth: tuple[str, int]


def _read(data: bytes, topic: BagTopic) -> Message:
    return read_message(data, topic.name, topic.message_type)


def _size_text(shape: tuple[int, ...]) -> str:
    return f"{shape[1]}x{shape[0]}"


def _time_range(
    pairs: NDArray[np.intp], color_log_ns: NDArray[np.int64], depth_log_ns: NDArray[np.int64]
) -> tuple[int, int]:
    """First and last log time of the images of these pairs."""
    times_ns = np.concatenate([color_log_ns[pairs[:, 0]], depth_log_ns[pairs[:, 1]]])
    return int(times_ns.min()), int(times_ns.max())
