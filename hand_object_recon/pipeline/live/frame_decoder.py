"""A pair of serialized images as a frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from hand_object_recon.core.camera import CameraIntrinsics, RgbdFrame
from hand_object_recon.core.config import PipelineConfig
from hand_object_recon.core.errors import FrameError, RecordingError
from hand_object_recon.messages.typestore import Message
from hand_object_recon.pipeline.live.camera_stream import (
    CameraMessage,
    RgbdPair,
    Stream,
    Subscription,
    subscriptions,
)
from hand_object_recon.recordings.camera_info import intrinsics_from_camera_info
from hand_object_recon.recordings.image_decoding import decode_color, decode_depth
from hand_object_recon.recordings.message_reading import read_message
from hand_object_recon.recordings.topics import says_aligned
from hand_object_recon.recordings.undistortion import undistort

_STAMP_END = 12
_ALIGN = (
    "subscribe to depth aligned to colour (RealSense: align_depth.enable:=true, Orbbec: "
    "depth_registration:=true)"
)


@dataclass(frozen=True, eq=False)
class PendingFrame:
    """Everything a frame is made of, not decoded yet."""

    pair: RgbdPair
    camera_info: CameraMessage


class FrameDecoder:
    """Makes frames of a pinhole camera: lens distortion is undone, depth must be aligned."""

    def __init__(self, config: PipelineConfig) -> None:
        self.config = config
        self._topics = {one.stream: one for one in subscriptions(config.live)}
        self._info_content = b""
        self._camera: CameraIntrinsics | None = None

    def decode(self, pending: PendingFrame) -> RgbdFrame:
        """The frame.

        Raises
        ------
        FrameError
            An image cannot be decoded, colour, depth and CameraInfo do not fit each other, or
            the CameraInfo cannot be used.
        """
        color, depth = pending.pair.color, pending.pair.depth
        camera = self._intrinsics(pending.camera_info)
        frame_id = color.frame_id or pending.camera_info.frame_id
        if not frame_id:
            raise FrameError(
                f"{self._topic(Stream.COLOR)} names no frame; have the camera driver set frame_id"
            )
        self._require_aligned(depth.frame_id, frame_id)
        rgb = decode_color(self._read(color), self._topic(Stream.COLOR))
        self._require_size(Stream.COLOR, rgb, camera, "subscribe to the colour image's own")
        depth_m = decode_depth(self._read(depth), self._topic(Stream.DEPTH), self.config.depth)
        self._require_size(Stream.DEPTH, depth_m, camera, _ALIGN)
        return RgbdFrame(*undistort(rgb, depth_m, camera), color.stamp_ns, frame_id)

    def _intrinsics(self, message: CameraMessage) -> CameraIntrinsics:
        """Those of the CameraInfo, which is read anew only when more than its stamp changed."""
        content = message.data[_STAMP_END:]
        if self._camera is None or content != self._info_content:
            rectified = "image_rect" in self._topic(Stream.COLOR)
            info, topic = self._read(message), self._topic(Stream.CAMERA_INFO)
            try:
                self._camera = intrinsics_from_camera_info(info, topic, rectified=rectified)
            except RecordingError as error:
                raise FrameError(str(error)) from error
            self._info_content = content
        return self._camera

    def _require_aligned(self, depth_frame: str, color_frame: str) -> None:
        topic = self._topic(Stream.DEPTH)
        is_said = says_aligned(topic) or self.config.live.depth_alignment == "aligned"
        if not is_said and depth_frame not in ("", color_frame):
            raise FrameError(
                f"{topic} is in frame {depth_frame!r}, colour in {color_frame!r}; {_ALIGN}, or "
                "set live.depth_alignment to aligned if it is"
            )

    def _require_size(
        self, stream: Stream, image: NDArray[Any], camera: CameraIntrinsics, fix: str
    ) -> None:
        height, width = image.shape[:2]
        if (width, height) != (camera.width, camera.height):
            raise FrameError(
                f"{self._topic(stream)} is {width}x{height} pixels but "
                f"{self._topic(Stream.CAMERA_INFO)} tells of {camera.width}x{camera.height}; {fix}"
            )

    def _read(self, message: CameraMessage) -> Message:
        subscription: Subscription = self._topics[message.stream]
        return read_message(message.data, subscription.topic, subscription.message_type)

    def _topic(self, stream: Stream) -> str:
        return self._topics[stream].topic
