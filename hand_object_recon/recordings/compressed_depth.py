"""Depth as ``compressed_depth_image_transport`` packs it: a small header, then a PNG.

The header is an enum and two float32 parameters; they matter for 32FC1 only, whose inverse
depth is quantized to 16 bits.
"""

from __future__ import annotations

from struct import unpack_from

import cv2
import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.config import DepthSettings
from hand_object_recon.core.errors import FrameError
from hand_object_recon.messages.typestore import Message
from hand_object_recon.recordings.depth_units import depth_from_metres, depth_from_millimetres
from hand_object_recon.recordings.image_files import decode_image_file

HEADER_BYTES = 12
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def decode_compressed_depth(
    message: Message, topic: str, limits: DepthSettings
) -> NDArray[np.float32]:
    """(H, W) float32 metres of a depth ``sensor_msgs/CompressedImage``; NaN for no reading.

    Raises
    ------
    FrameError
        It is not a 16-bit PNG of 16UC1 or 32FC1 depth; names the topic.
    """
    encoding, _, transport = (part.strip() for part in message.format.partition(";"))
    if encoding not in ("16UC1", "32FC1") or any(name in transport for name in ("rvl", "jpeg")):
        raise FrameError(
            f"{topic}: depth format {message.format!r} is not supported; known are "
            "'16UC1; compressedDepth png' and '32FC1; compressedDepth png'"
        )
    stored = _read_png(message, topic)
    if encoding == "16UC1":
        return depth_from_millimetres(stored, limits)
    return depth_from_metres(_dequantized(message, topic, stored), limits)


def _read_png(message: Message, topic: str) -> NDArray[np.uint16]:
    data = message.data
    start = next((at for at in (HEADER_BYTES, 0) if _is_png(data[at:])), None)
    pixels = None if start is None else decode_image_file(data[start:], cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.dtype != np.uint16 or pixels.ndim != 2:
        raise FrameError(
            f"{topic}: {len(data)} bytes are not the 16-bit PNG that {message.format!r} promises"
        )
    return pixels


def _is_png(data: NDArray[np.uint8]) -> bool:
    return data[: len(_PNG_SIGNATURE)].tobytes() == _PNG_SIGNATURE


def _dequantized(message: Message, topic: str, stored: NDArray[np.uint16]) -> NDArray[np.float32]:
    if _is_png(message.data):
        raise FrameError(f"{topic}: quantized 32FC1 depth has no header with its parameters")
    scale, offset = unpack_from("<ff", message.data, 4)
    with np.errstate(divide="ignore"):
        depth = np.float32(scale) / (stored.astype(np.float32) - np.float32(offset))
    depth[stored == 0] = 0.0
    return depth
