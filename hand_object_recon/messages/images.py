"""Camera messages: images, compressed images and CameraInfo."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.camera import CameraIntrinsics
from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.messages.typestore import (
    CAMERA_INFO_TYPE,
    COMPRESSED_IMAGE_TYPE,
    IMAGE_TYPE,
    Message,
    new_message,
)

_PIXEL_FORMATS: dict[str, tuple[type[np.generic], int]] = {
    "rgb8": (np.uint8, 3),
    "bgr8": (np.uint8, 3),
    "16UC1": (np.uint16, 1),
    "32FC1": (np.float32, 1),
}


def image_message(header: Message, pixels: NDArray[Any], encoding: str) -> Message:
    """``sensor_msgs/Image`` of (H, W, 3) uint8, (H, W) uint16 mm or (H, W) float32 m.

    Raises
    ------
    InvalidValueError
        The encoding is not rgb8, bgr8, 16UC1 or 32FC1, or the pixels are not of that kind.
    """
    if encoding not in _PIXEL_FORMATS:
        raise InvalidValueError(
            f"image encoding is {encoding!r}; known are {', '.join(_PIXEL_FORMATS)}"
        )
    dtype, channels = _PIXEL_FORMATS[encoding]
    if pixels.dtype != dtype or pixels.shape[2:] != ((channels,) if channels > 1 else ()):
        raise InvalidValueError(
            f"pixels are {pixels.dtype} of shape {pixels.shape}, which is not {encoding}"
        )
    little_endian = np.ascontiguousarray(pixels, dtype=pixels.dtype.newbyteorder("<"))
    height, width = pixels.shape[:2]
    return new_message(
        IMAGE_TYPE,
        header=header,
        height=height,
        width=width,
        encoding=encoding,
        is_bigendian=0,
        step=width * channels * pixels.itemsize,
        data=little_endian.view(np.uint8).reshape(-1),
    )


def compressed_image_message(header: Message, data: bytes, image_format: str) -> Message:
    """``sensor_msgs/CompressedImage`` of encoded bytes; ``image_format`` as ROS writes it.

    Examples of formats: ``rgb8; jpeg compressed bgr8``, ``16UC1; compressedDepth png``.
    """
    pixels = np.frombuffer(data, dtype=np.uint8)
    return new_message(COMPRESSED_IMAGE_TYPE, header=header, format=image_format, data=pixels)


def camera_info_message(header: Message, camera: CameraIntrinsics) -> Message:
    """``sensor_msgs/CameraInfo``; an undistorted camera is plumb_bob with zeros, as drivers say."""
    undistorted = camera.distortion_model == "none"
    projection = np.hstack([camera.matrix, np.zeros((3, 1))])
    return new_message(
        CAMERA_INFO_TYPE,
        header=header,
        height=camera.height,
        width=camera.width,
        distortion_model="plumb_bob" if undistorted else camera.distortion_model,
        d=np.zeros(5) if undistorted else np.array(camera.distortion, dtype=np.float64),
        k=camera.matrix.reshape(-1),
        r=np.eye(3).reshape(-1),
        p=projection.reshape(-1),
        binning_x=0,
        binning_y=0,
        roi=new_message(
            "sensor_msgs/msg/RegionOfInterest",
            x_offset=0,
            y_offset=0,
            height=0,
            width=0,
            do_rectify=False,
        ),
    )
