"""Frames as camera messages, in the encodings a recording can have."""

from __future__ import annotations

from struct import pack
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.camera import RgbdFrame
from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.messages.headers import header_message
from hand_object_recon.messages.images import compressed_image_message, image_message
from hand_object_recon.messages.typestore import Message
from hand_object_recon.recordings.compressed_depth import pack_rvl_depth

COLOR_ENCODINGS = ("jpeg", "png", "rgb8", "bgr8")
DEPTH_ENCODINGS = ("png", "rvl", "16UC1", "32FC1")

_FAST_PNG = [cv2.IMWRITE_PNG_COMPRESSION, 1]
_COMPRESSED_DEPTH_HEADER = pack("<iff", 0, 0.0, 0.0)


def color_message(frame: RgbdFrame, encoding: str, *, jpeg_quality: int = 95) -> Message:
    """Colour image of a frame: jpeg, png (compressed), rgb8 or bgr8 (raw)."""
    header = header_message(frame.stamp_ns, frame.frame_id)
    if encoding == "rgb8":
        return image_message(header, frame.rgb, encoding)
    bgr = np.asarray(cv2.cvtColor(frame.rgb, cv2.COLOR_RGB2BGR))
    if encoding == "bgr8":
        return image_message(header, bgr, encoding)
    options = [cv2.IMWRITE_JPEG_QUALITY, jpeg_quality] if encoding == "jpeg" else _FAST_PNG
    suffix = ".jpg" if encoding == "jpeg" else ".png"
    data = _file_bytes(suffix, bgr, options)
    return compressed_image_message(header, data, f"rgb8; {encoding} compressed bgr8")


def depth_message(frame: RgbdFrame, encoding: str) -> Message:
    """Depth image of a frame: png or rvl (compressedDepth of mm), 16UC1 (mm) or 32FC1 (m).

    Millimetres are rounded; beyond 65.535 m there is no reading.
    """
    header = header_message(frame.stamp_ns, frame.frame_id)
    if encoding == "32FC1":
        return image_message(header, frame.depth_m, encoding)
    depth_mm = _millimetres(frame.depth_m)
    if encoding == "16UC1":
        return image_message(header, depth_mm, encoding)
    if encoding == "rvl":
        data = pack_rvl_depth(depth_mm)
    else:
        data = _COMPRESSED_DEPTH_HEADER + _file_bytes(".png", depth_mm, _FAST_PNG)
    return compressed_image_message(header, data, f"16UC1; compressedDepth {encoding}")


def _millimetres(depth_m: NDArray[np.float32]) -> NDArray[np.uint16]:
    depth_mm = np.rint(depth_m * 1000.0)
    with np.errstate(invalid="ignore"):
        is_stored = (depth_mm > 0) & (depth_mm <= np.iinfo(np.uint16).max)
    return np.where(is_stored, depth_mm, 0).astype(np.uint16)


def _file_bytes(suffix: str, pixels: NDArray[Any], options: list[int]) -> bytes:
    succeeded, data = cv2.imencode(suffix, pixels, options)
    if not succeeded:
        raise InvalidValueError(f"an image of shape {pixels.shape} cannot be encoded as {suffix}")
    return data.tobytes()
