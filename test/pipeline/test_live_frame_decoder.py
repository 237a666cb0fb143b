"""Serialized images become a frame, or an error that names topic and fix."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from hand_object_recon.core.camera import CameraIntrinsics
from hand_object_recon.core.config import PipelineConfig
from hand_object_recon.core.errors import FrameError
from hand_object_recon.core.stream_settings import LiveSettings
from hand_object_recon.messages.headers import header_message
from hand_object_recon.messages.images import camera_info_message, image_message
from hand_object_recon.messages.typestore import Message, serialize
from hand_object_recon.pipeline.live.camera_stream import (
    CameraMessage,
    RgbdPair,
    Stream,
    subscriptions,
)
from hand_object_recon.pipeline.live.frame_decoder import FrameDecoder, PendingFrame

CAMERA = CameraIntrinsics(64, 48, 60.0, 61.0, 32.0, 24.0)
RGB = np.random.default_rng(0).integers(0, 255, (48, 64, 3)).astype(np.uint8)
DEPTH_MM = np.random.default_rng(1).integers(0, 1500, (48, 64)).astype(np.uint16)


def taken(stream: Stream, message: Message) -> CameraMessage:
    return CameraMessage.from_cdr(stream, bytes(serialize(message)))


def pending(
    *, frame_id: str = "color", depth_frame: str = "color", camera: CameraIntrinsics = CAMERA
) -> PendingFrame:
    header, depth_header = header_message(5, frame_id), header_message(6, depth_frame)
    return PendingFrame(
        RgbdPair(
            taken(Stream.COLOR, image_message(header, RGB, "rgb8")),
            taken(Stream.DEPTH, image_message(depth_header, DEPTH_MM, "16UC1")),
        ),
        taken(Stream.CAMERA_INFO, camera_info_message(header, camera)),
    )


def decoder(**live: Any) -> FrameDecoder:
    return FrameDecoder(PipelineConfig.model_validate({"live": live, "depth": {"max_m": 1.0}}))


def test_a_frame_has_the_pixels_metres_camera_and_stamp_of_its_messages() -> None:
    frame = decoder().decode(pending())
    np.testing.assert_array_equal(frame.rgb, RGB)
    expected = np.where((DEPTH_MM >= 100) & (DEPTH_MM <= 1000), DEPTH_MM / 1000, np.nan)
    np.testing.assert_allclose(frame.depth_m, expected, rtol=1e-6)
    np.testing.assert_array_equal(frame.camera.matrix, CAMERA.matrix)
    assert (frame.stamp_ns, frame.frame_id) == (5, "color")


def test_another_camera_info_is_used_from_its_first_frame_on() -> None:
    one = decoder()
    one.decode(pending())
    zoomed = replace(CAMERA, fx=90.0)
    assert one.decode(pending(camera=zoomed)).camera.fx == 90.0


def test_depth_in_another_frame_is_taken_where_the_topic_or_the_user_says_it_is_aligned() -> None:
    other = pending(depth_frame="depth")
    decoder().decode(other)  # the default topic is named aligned_depth_to_color
    decoder(depth_topic="/depth/image_raw", depth_alignment="aligned").decode(other)
    with pytest.raises(FrameError, match=r"'depth', colour in 'color'.*live.depth_alignment"):
        decoder(depth_topic="/depth/image_raw").decode(other)


def test_images_that_do_not_fit_the_camera_info_are_refused() -> None:
    small = replace(CAMERA, width=32)
    with pytest.raises(FrameError, match=r"is 64x48 pixels but .* tells of 32x48"):
        decoder().decode(pending(camera=small))


def test_an_uncalibrated_camera_is_refused() -> None:
    info = camera_info_message(header_message(5, "color"), CAMERA)
    info.k = np.zeros(9)
    uncalibrated = PendingFrame(pending().pair, taken(Stream.CAMERA_INFO, info))
    with pytest.raises(FrameError, match="uncalibrated"):
        decoder().decode(uncalibrated)


def test_images_without_a_frame_are_refused() -> None:
    with pytest.raises(FrameError, match="names no frame"):
        decoder().decode(pending(frame_id=""))


def test_bytes_that_are_no_image_are_refused() -> None:
    whole = pending()
    cut = replace(whole.pair.color, data=whole.pair.color.data[:100])
    with pytest.raises(FrameError, match="/camera/camera/color/image_raw"):
        decoder().decode(replace(whole, pair=replace(whole.pair, color=cut)))


def test_the_name_of_a_topic_tells_whether_its_images_are_compressed() -> None:
    settings = LiveSettings(
        color_topic="/color/image_raw/compressed", depth_topic="/depth/image_raw/compressedDepth"
    )
    types = [one.message_type.rpartition("/")[2] for one in subscriptions(settings)]
    assert types == ["CompressedImage", "CompressedImage", "CameraInfo"]
    types = [one.message_type.rpartition("/")[2] for one in subscriptions(LiveSettings())]
    assert types == ["Image", "Image", "CameraInfo"]
