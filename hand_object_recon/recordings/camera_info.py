"""``sensor_msgs/CameraInfo`` as camera intrinsics."""

from __future__ import annotations

from typing import Final

import numpy as np

from hand_object_recon.core.camera import DISTORTION_MODELS, CameraIntrinsics
from hand_object_recon.core.errors import InvalidValueError, RecordingError
from hand_object_recon.messages.typestore import Message
from hand_object_recon.recordings.undistortion import require_undistortable

_FISHEYE_ALIASES: Final = {"fisheye": "equidistant"}


def intrinsics_from_camera_info(
    message: Message, topic: str, *, rectified: bool = False
) -> CameraIntrinsics:
    """Intrinsics of the image a CameraInfo comes with.

    ``rectified`` tells that the image was undistorted (``image_rect*``): then its projection
    matrix counts, and no distortion is left.

    Raises
    ------
    RecordingError
        The camera is not calibrated (its matrix is zero), uses binning or a region of interest,
        or has a distortion model that is not known or has the wrong number of coefficients.
    """
    matrix = np.asarray(message.p).reshape(3, 4) if rectified else message.k.reshape(3, 3)
    if not matrix.any():
        raise RecordingError(
            f"{topic} comes from an uncalibrated camera (its {'P' if rectified else 'K'} is zero); "
            "calibrate the camera, or set recording.camera_info_topic to a calibrated one"
        )
    _refuse_cropping(message, topic)
    try:
        camera = CameraIntrinsics(
            width=int(message.width),
            height=int(message.height),
            fx=float(matrix[0, 0]),
            fy=float(matrix[1, 1]),
            cx=float(matrix[0, 2]),
            cy=float(matrix[1, 2]),
            distortion_model="none" if rectified else _distortion_model(message),
            distortion=() if rectified else tuple(message.d.tolist()),
        )
        require_undistortable(camera)
    except InvalidValueError as error:
        raise RecordingError(f"{topic} cannot be used: {error}") from error
    return camera


def _distortion_model(message: Message) -> str:
    model: str = _FISHEYE_ALIASES.get(message.distortion_model, message.distortion_model)
    if model not in DISTORTION_MODELS and not np.any(message.d):
        return "none"
    return model


def _refuse_cropping(message: Message, topic: str) -> None:
    roi = message.roi
    is_cropped = roi.width not in (0, message.width) or roi.height not in (0, message.height)
    if is_cropped or roi.x_offset or roi.y_offset or max(message.binning_x, message.binning_y) > 1:
        raise RecordingError(
            f"{topic} tells of binning or a region of interest, which are not supported; "
            "record the full image"
        )
