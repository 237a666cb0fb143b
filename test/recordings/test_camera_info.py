"""CameraInfo as intrinsics: what is used, what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from hand_object_recon.core.errors import RecordingError
from hand_object_recon.recordings.camera_info import intrinsics_from_camera_info


def test_intrinsics_are_those_of_the_unrectified_image(messages: Any) -> None:
    message = messages.camera_info(1, d=np.array([0.1, 0.2, 0.3, 0.4, 0.5]))
    camera = intrinsics_from_camera_info(message, "/info")
    assert (camera.width, camera.height) == (8, 6)
    assert (camera.fx, camera.fy, camera.cx, camera.cy) == (10, 10, 4, 3)
    assert (camera.distortion_model, camera.distortion) == ("plumb_bob", (0.1, 0.2, 0.3, 0.4, 0.5))


def test_a_rectified_image_has_the_projection_matrix_and_no_distortion(messages: Any) -> None:
    message = messages.camera_info(1, d=np.array([0.1, 0.2, 0.3, 0.4, 0.5]))
    camera = intrinsics_from_camera_info(message, "/info", rectified=True)
    assert (camera.fx, camera.is_distorted) == (11, False)


def test_an_uncalibrated_camera_is_refused(messages: Any) -> None:
    with pytest.raises(RecordingError, match=r"/info comes from an uncalibrated camera.*K is zero"):
        intrinsics_from_camera_info(messages.camera_info(1, k=np.zeros(9)), "/info")


def test_an_unknown_distortion_model_is_refused_by_name(messages: Any) -> None:
    message = messages.camera_info(1, distortion_model="thin_prism", d=np.array([0.1]))
    with pytest.raises(RecordingError, match=r"/info cannot be used.*'thin_prism'"):
        intrinsics_from_camera_info(message, "/info")


@pytest.mark.parametrize("model", ["", "inverse_brown_conrady"])
def test_a_model_without_coefficients_is_no_distortion(messages: Any, model: str) -> None:
    message = messages.camera_info(1, distortion_model=model)
    assert intrinsics_from_camera_info(message, "/info").distortion_model == "none"


@pytest.mark.parametrize("field", ["binning_x", "binning_y"])
def test_binning_is_refused(messages: Any, field: str) -> None:
    with pytest.raises(RecordingError, match="/info tells of binning"):
        intrinsics_from_camera_info(messages.camera_info(1, **{field: 2}), "/info")


def test_a_region_of_interest_is_refused_unless_it_is_the_whole_image(messages: Any) -> None:
    message = messages.camera_info(1)
    message.roi.width, message.roi.height = 8, 6
    assert intrinsics_from_camera_info(message, "/info").width == 8
    message.roi.height = 5
    with pytest.raises(RecordingError, match="region of interest"):
        intrinsics_from_camera_info(message, "/info")
