"""RGB-D frames as a rosbag2 recording, with the topics a RealSense driver has."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

from hand_object_recon.core.camera import RgbdFrame
from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.messages.headers import header_message
from hand_object_recon.messages.images import camera_info_message
from hand_object_recon.messages.typestore import (
    CAMERA_INFO_TYPE,
    COMPRESSED_IMAGE_TYPE,
    IMAGE_TYPE,
)
from hand_object_recon.recordings.bag_writer import BagWriter, reliable_qos
from hand_object_recon.recordings.image_encoding import (
    COLOR_ENCODINGS,
    DEPTH_ENCODINGS,
    color_message,
    depth_message,
)

COLOR_TOPIC = "/camera/camera/color/image_raw"
DEPTH_TOPIC = "/camera/camera/aligned_depth_to_color/image_raw"
CAMERA_INFO_TOPIC = "/camera/camera/color/camera_info"


class RgbdRecordingWriter:
    """Writes frames into a new rosbag2 folder; used as a context manager.

    color_encoding
        jpeg or png on ``.../compressed``, or raw rgb8 or bgr8.
    depth_encoding
        png or rvl on ``.../compressedDepth`` (both keep every millimetre), or raw 16UC1 (mm) or
        32FC1 (m).
    storage
        mcap or sqlite3.

    Raises
    ------
    InvalidValueError
        An encoding or storage is not one of those.
    RecordingError
        The folder exists already, or cannot be written.
    """

    def __init__(
        self,
        directory: Path | str,
        *,
        color_encoding: str = "jpeg",
        depth_encoding: str = "png",
        storage: str = "mcap",
    ) -> None:
        _require_known("color_encoding", color_encoding, COLOR_ENCODINGS)
        _require_known("depth_encoding", depth_encoding, DEPTH_ENCODINGS)
        _require_known("storage", storage, ("mcap", "sqlite3"))
        self._color_encoding = color_encoding
        self._depth_encoding = depth_encoding
        is_color_raw = color_encoding in ("rgb8", "bgr8")
        is_depth_raw = depth_encoding in ("16UC1", "32FC1")
        self._color_topic = COLOR_TOPIC if is_color_raw else f"{COLOR_TOPIC}/compressed"
        self._depth_topic = DEPTH_TOPIC if is_depth_raw else f"{DEPTH_TOPIC}/compressedDepth"
        self._bag = BagWriter(directory, storage=storage)
        for topic, is_raw in ((self._color_topic, is_color_raw), (self._depth_topic, is_depth_raw)):
            image_type = IMAGE_TYPE if is_raw else COMPRESSED_IMAGE_TYPE
            self._bag.add_topic(topic, image_type, reliable_qos(5))
        self._bag.add_topic(CAMERA_INFO_TOPIC, CAMERA_INFO_TYPE, reliable_qos(5))

    def write(self, frame: RgbdFrame) -> None:
        """Add one frame; the log time of its messages is its stamp.

        Raises
        ------
        RecordingError
            The disk is full or the folder is gone.
        """
        header = header_message(frame.stamp_ns, frame.frame_id)
        messages = (
            (CAMERA_INFO_TOPIC, camera_info_message(header, frame.camera)),
            (self._color_topic, color_message(frame, self._color_encoding)),
            (self._depth_topic, depth_message(frame, self._depth_encoding)),
        )
        for topic, message in messages:
            self._bag.write(topic, message, frame.stamp_ns)

    def close(self) -> None:
        """Finish the recording; without it other tools cannot open it."""
        self._bag.close()

    def __enter__(self) -> RgbdRecordingWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._bag.__exit__(kind, error, traceback)


def _require_known(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise InvalidValueError(f"{name} is {value!r}; known are {', '.join(known)}")
