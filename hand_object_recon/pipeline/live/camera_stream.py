"""What comes from a camera: three streams, whose messages stay serialized until they are used."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from hand_object_recon.core.stream_settings import LiveSettings
from hand_object_recon.messages.typestore import (
    CAMERA_INFO_TYPE,
    COMPRESSED_IMAGE_TYPE,
    IMAGE_TYPE,
)
from hand_object_recon.recordings.cdr_header import read_stamp_and_frame

_COMPRESSED_TRANSPORTS = ("/compressed", "/compressedDepth")


class Stream(str, Enum):
    """What a topic of the camera carries."""

    COLOR = "colour"
    DEPTH = "depth"
    CAMERA_INFO = "camera info"

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True)
class Subscription:
    """A topic a host is to subscribe to, as best effort and with a short queue."""

    stream: Stream
    topic: str
    message_type: str


@dataclass(frozen=True, eq=False)
class CameraMessage:
    """CDR bytes of one message with what its header says."""

    stream: Stream
    data: bytes
    stamp_ns: int
    frame_id: str

    @classmethod
    def from_cdr(cls, stream: Stream, data: bytes) -> CameraMessage:
        """Read the header alone.

        Raises
        ------
        FrameError
            The bytes hold no header.
        """
        stamp_ns, frame_id = read_stamp_and_frame(data)
        return cls(stream, data, stamp_ns, frame_id.lstrip("/"))


@dataclass(frozen=True, eq=False)
class RgbdPair:
    """A colour and a depth image of the same moment, not decoded yet."""

    color: CameraMessage
    depth: CameraMessage

    @property
    def stamp_ns(self) -> int:
        """Stamp of the colour image, which is that of the frame."""
        return self.color.stamp_ns


def subscriptions(settings: LiveSettings) -> tuple[Subscription, ...]:
    """The three topics of the camera; a name that ends in a transport is a compressed image."""
    return (
        Subscription(Stream.COLOR, settings.color_topic, _image_type(settings.color_topic)),
        Subscription(Stream.DEPTH, settings.depth_topic, _image_type(settings.depth_topic)),
        Subscription(Stream.CAMERA_INFO, settings.camera_info_topic, CAMERA_INFO_TYPE),
    )


def _image_type(topic: str) -> str:
    return COMPRESSED_IMAGE_TYPE if topic.endswith(_COMPRESSED_TRANSPORTS) else IMAGE_TYPE
