"""Image messages as arrays: colour in red-green-blue order, depth in metres.

The encoding decides the unit (16UC1 is mm, 32FC1 is m), never a setting.
"""

from __future__ import annotations

from typing import NoReturn

import cv2
import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.config import DepthSettings
from hand_object_recon.core.errors import FrameError
from hand_object_recon.messages.typestore import COMPRESSED_IMAGE_TYPE, Message
from hand_object_recon.recordings.compressed_depth import decode_compressed_depth
from hand_object_recon.recordings.depth_units import depth_from_metres, depth_from_millimetres
from hand_object_recon.recordings.image_files import decode_image_file

_COLOR_CHANNELS = {"rgb8": 3, "bgr8": 3, "rgba8": 4, "bgra8": 4}
_TO_RGB = {
    "bgr8": cv2.COLOR_BGR2RGB,
    "rgba8": cv2.COLOR_RGBA2RGB,
    "bgra8": cv2.COLOR_BGRA2RGB,
}
_DEPTH_BYTES = {"16UC1": 2, "32FC1": 4}
_COLOR_FILES = ("jpeg", "jpg", "png")
_READ_COLOR = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION


def decode_color(message: Message, topic: str) -> NDArray[np.uint8]:
    """(H, W, 3) uint8, red first, of a ``sensor_msgs/Image`` or ``CompressedImage``.

    The array may be a view of the message's bytes.

    Raises
    ------
    FrameError
        The encoding is not known, or the bytes do not fit it; names the topic.
    """
    if message.__msgtype__ == COMPRESSED_IMAGE_TYPE:
        return _decode_color_file(message, topic)
    encoding = message.encoding
    if encoding not in _COLOR_CHANNELS:
        _refuse_encoding("colour", encoding, topic, [*_COLOR_CHANNELS, *_COLOR_FILES])
    channels = _COLOR_CHANNELS[encoding]
    rows = _pixel_rows(message, topic, channels)
    pixels = rows.reshape(message.height, message.width, channels)
    if encoding == "rgb8":
        return pixels
    return np.asarray(cv2.cvtColor(pixels, _TO_RGB[encoding]), dtype=np.uint8)


def decode_depth(message: Message, topic: str, limits: DepthSettings) -> NDArray[np.float32]:
    """(H, W) float32 metres of a depth ``sensor_msgs/Image`` or compressedDepth image.

    NaN where there is no reading: zero, not finite, or outside ``limits``.

    Raises
    ------
    FrameError
        The encoding is not known, or the bytes do not fit it; names the topic.
    """
    if message.__msgtype__ == COMPRESSED_IMAGE_TYPE:
        return decode_compressed_depth(message, topic, limits)
    encoding = message.encoding
    if encoding not in _DEPTH_BYTES:
        _refuse_encoding("depth", encoding, topic, [*_DEPTH_BYTES, "compressedDepth png"])
    order = ">" if message.is_bigendian else "<"
    rows = _pixel_rows(message, topic, _DEPTH_BYTES[encoding])
    if encoding == "16UC1":
        return depth_from_millimetres(rows.view(f"{order}u2"), limits)
    return depth_from_metres(rows.view(f"{order}f4"), limits)


def _pixel_rows(message: Message, topic: str, pixel_bytes: int) -> NDArray[np.uint8]:
    """(H, W * pixel_bytes) contiguous bytes, without what pads the rows."""
    height, width, step = message.height, message.width, message.step
    used = width * pixel_bytes
    if not (height and width):
        raise FrameError(f"{topic}: the image is {width}x{height} pixels; it has no content")
    if step < used or len(message.data) < step * height:
        raise FrameError(
            f"{topic}: {len(message.data)} bytes in rows of {step} are too few for a "
            f"{width}x{height} {message.encoding} image"
        )
    rows: NDArray[np.uint8] = message.data[: step * height].reshape(height, step)
    return np.ascontiguousarray(rows[:, :used])


def _decode_color_file(message: Message, topic: str) -> NDArray[np.uint8]:
    image_format = message.format.lower()
    is_color = not image_format.startswith(("mono", "8uc1", "16uc1", "32fc1", "bayer"))
    if not (is_color and any(name in image_format for name in _COLOR_FILES)):
        _refuse_encoding("colour", message.format, topic, [*_COLOR_CHANNELS, *_COLOR_FILES])
    pixels = decode_image_file(message.data, _READ_COLOR)
    if pixels is None:
        raise FrameError(
            f"{topic}: {len(message.data)} bytes are not a readable {message.format!r} image"
        )
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB), dtype=np.uint8)


def _refuse_encoding(what: str, encoding: str, topic: str, known: list[str]) -> NoReturn:
    raise FrameError(
        f"{topic}: {what} encoding {encoding!r} is not supported; known are {', '.join(known)}"
    )
