"""Depth in a ``sensor_msgs/CompressedImage``.

``compressed_depth_image_transport`` puts a header of 12 bytes before the packed image: an enum
and two float32 parameters A and B. The image is a 16-bit PNG, or RVL after its width and height
as two uint32. It holds millimetres (16UC1), or for metres (32FC1) inverse depth quantized to 16
bits: ``depth = A / (stored - B)``, 0 for no reading. ``compressed_image_transport`` stores depth
as a bare PNG or TIFF file. Everything is little-endian.
"""

from __future__ import annotations

import math
from struct import pack, unpack_from
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.errors import FrameError, InvalidValueError
from hand_object_recon.core.stream_settings import DepthSettings
from hand_object_recon.messages.typestore import Message
from hand_object_recon.recordings.depth_units import depth_from_metres, depth_from_millimetres
from hand_object_recon.recordings.image_files import decode_image_file
from hand_object_recon.recordings.rvl import decode_rvl, encode_rvl

HEADER_BYTES = 12
_RVL_SIZE_BYTES = 8
_MOST_PIXELS = 1 << 26
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_IN_MILLIMETRES = ("16UC1", "mono16")
_IN_METRES = ("32FC1",)
_TRANSPORTS = ("compressedDepth", "rvl", "png", "tiff")


def decode_compressed_depth(
    message: Message, topic: str, limits: DepthSettings
) -> NDArray[np.float32]:
    """(H, W) float32 metres of a depth ``sensor_msgs/CompressedImage``; NaN for no reading.

    A format that is an encoding alone, as older versions wrote it, is compressedDepth png; one
    that is just "png" is a file of millimetres.

    Raises
    ------
    FrameError
        The format is not known or is JPEG, or the bytes do not fit it; names the topic.
    """
    encoding, transport = _parse_format(message.format, topic)
    in_metres = encoding in _IN_METRES
    if "tiff" in transport:
        stored = _read_file(message, topic, 0, np.float32 if in_metres else np.uint16, "TIFF")
    else:
        stored = _read_rvl(message, topic) if "rvl" in transport else _read_png(message, topic)
        if in_metres:
            stored = _dequantized(message, topic, stored)
    return (depth_from_metres if in_metres else depth_from_millimetres)(stored, limits)


def pack_rvl_depth(depth_mm: NDArray[np.uint16]) -> bytes:
    """Data of a ``16UC1; compressedDepth rvl`` image of (H, W) millimetres, header included."""
    height, width = depth_mm.shape
    return pack("<iffII", 0, 0.0, 0.0, width, height) + encode_rvl(depth_mm)


def _parse_format(image_format: str, topic: str) -> tuple[str, str]:
    """Encoding and transport that the format of a message names."""
    if any(name in image_format.lower() for name in ("jpeg", "jpg")):
        raise FrameError(
            f"{topic}: depth format {image_format!r} is JPEG, which keeps 8 bits and smears edges; "
            "record the raw image or its compressedDepth topic instead"
        )
    if image_format == "png":
        return "16UC1", "png"
    encoding, _, transport = (part.strip() for part in image_format.partition(";"))
    is_known = not transport or any(name in transport for name in _TRANSPORTS)
    if encoding not in _IN_MILLIMETRES + _IN_METRES or not is_known:
        raise FrameError(
            f"{topic}: depth format {image_format!r} is not supported; known are 16UC1, mono16 and "
            "32FC1 as compressedDepth png, compressedDepth rvl, png or tiff"
        )
    return encoding, transport


def _read_png(message: Message, topic: str) -> NDArray[np.uint16]:
    start = 0 if _is_png(message.data) else HEADER_BYTES
    return _read_file(message, topic, start, np.uint16, "PNG")


def _read_file(
    message: Message, topic: str, start: int, dtype: type[np.generic], kind: str
) -> NDArray[Any]:
    pixels = decode_image_file(message.data[start:], cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.dtype != dtype or pixels.ndim != 2:
        raise FrameError(
            f"{topic}: {len(message.data)} bytes are not the {np.dtype(dtype).itemsize * 8}-bit "
            f"{kind} that {message.format!r} promises"
        )
    return pixels


def _is_png(data: NDArray[np.uint8]) -> bool:
    return data[: len(_PNG_SIGNATURE)].tobytes() == _PNG_SIGNATURE


def _read_rvl(message: Message, topic: str) -> NDArray[np.uint16]:
    data = message.data
    if len(data) < HEADER_BYTES + _RVL_SIZE_BYTES:
        raise FrameError(f"{topic}: {len(data)} bytes are too few for {message.format!r}")
    width, height = unpack_from("<II", data, HEADER_BYTES)
    if not 0 < width * height <= _MOST_PIXELS:
        raise FrameError(f"{topic}: the {message.format!r} image claims to be {width}x{height}")
    try:
        pixels = decode_rvl(data[HEADER_BYTES + _RVL_SIZE_BYTES :], width * height)
    except InvalidValueError as error:
        raise FrameError(f"{topic}: {width}x{height} {message.format!r} image: {error}") from error
    return pixels.reshape(height, width)


def _dequantized(message: Message, topic: str, stored: NDArray[np.uint16]) -> NDArray[np.float32]:
    if _is_png(message.data):
        raise FrameError(f"{topic}: quantized 32FC1 depth has no header with its parameters")
    scale, offset = unpack_from("<ff", message.data, 4)
    if not (math.isfinite(scale) and math.isfinite(offset) and scale > 0):
        raise FrameError(
            f"{topic}: the header of {message.format!r} has A {scale:g} and B {offset:g}; both "
            "must be finite and A above 0 to tell metres"
        )
    with np.errstate(divide="ignore", over="ignore"):
        depth = np.float32(scale) / (stored.astype(np.float32) - np.float32(offset))
    depth[stored == 0] = 0.0
    return depth
