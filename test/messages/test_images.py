"""Camera messages hold their pixels as ROS defines them."""

from __future__ import annotations

import numpy as np
import pytest

from hand_object_recon.core.camera import CameraIntrinsics
from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.messages.headers import header_message
from hand_object_recon.messages.images import camera_info_message, image_message

HEADER = header_message(5, "camera")


def test_depth_in_millimetres_is_little_endian_row_after_row() -> None:
    message = image_message(HEADER, np.array([[1, 258], [3, 4], [5, 6]], np.uint16), "16UC1")
    assert (message.height, message.width, message.step, message.is_bigendian) == (3, 2, 4, 0)
    assert message.data.tobytes() == bytes([1, 0, 2, 1, 3, 0, 4, 0, 5, 0, 6, 0])


@pytest.mark.parametrize(
    ("pixels", "encoding", "words"),
    [
        (np.zeros((2, 2), np.uint8), "mono8", "'mono8'; known are rgb8"),
        (np.zeros((2, 2, 3), np.float32), "rgb8", "float32 of shape"),
        (np.zeros((2, 2), np.uint8), "rgb8", "not rgb8"),
        (np.zeros((2, 2, 1), np.uint16), "16UC1", "not 16UC1"),
    ],
)
def test_pixels_that_are_not_of_the_encoding_are_refused(
    pixels: np.ndarray, encoding: str, words: str
) -> None:
    with pytest.raises(InvalidValueError, match=words):
        image_message(HEADER, pixels, encoding)


def test_camera_info_holds_matrix_projection_and_distortion() -> None:
    distortion = (0.1, -0.2, 0.001, 0.002, 0.3)
    camera = CameraIntrinsics(640, 480, 500.0, 501.0, 320.0, 240.0, "plumb_bob", distortion)
    message = camera_info_message(HEADER, camera)
    assert message.k.tolist() == [500, 0, 320, 0, 501, 240, 0, 0, 1]
    assert message.p.tolist() == [500, 0, 320, 0, 0, 501, 240, 0, 0, 0, 1, 0]
    assert (message.distortion_model, tuple(message.d)) == ("plumb_bob", distortion)


def test_an_undistorted_camera_is_written_as_drivers_do() -> None:
    message = camera_info_message(HEADER, CameraIntrinsics(640, 480, 500.0, 501.0, 320.0, 240.0))
    assert (message.distortion_model, message.d.tolist()) == ("plumb_bob", [0.0] * 5)
