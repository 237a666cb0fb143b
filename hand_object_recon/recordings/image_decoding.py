"""Image messages as arrays: colour in red-green-blue order, depth in metres.

The encoding decides the unit (16UC1 is mm, 32FC1 is m) unless ``depth.unit_mm`` is set.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NoReturn

import cv2
import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.errors import FrameError
from hand_object_recon.core.stream_settings import DepthSettings
from hand_object_recon.messages.typestore import COMPRESSED_IMAGE_TYPE, Message
from hand_object_recon.recordings.color_encodings import COLOR_ENCODINGS, ColorEncoding, to_8_bits
from hand_object_recon.recordings.compressed_depth import decode_compressed_depth
from hand_object_recon.recordings.depth_units import depth_from_metres, depth_from_millimetres
from hand_object_recon.recordings.image_files import decode_image_file

_DEPTH_IN_MILLIMETRES = {"16UC1": "u2", "mono16": "u2"}
_DEPTH_IN_METRES = {"32FC1": "f4", "64FC1": "f8"}
_DEPTH_VALUES = {**_DEPTH_IN_MILLIMETRES, **_DEPTH_IN_METRES}
_COLOR_FILES = ("jpeg", "jpg", "png", "tiff")
_DEPTH_FILES = ("compressedDepth png", "compressedDepth rvl")
_READ_COLOR = cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH | cv2.IMREAD_IGNORE_ORIENTATION
_JPEG_START = b"\xff\xd8"
# Spares a pass over the image. OpenCV has it since 4.11 and gets 16-bit TIFF files wrong with it.
_READS_RGB = hasattr(cv2, "IMREAD_COLOR_RGB")
_READ_JPEG = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION if _READS_RGB else _READ_COLOR


def decode_color(message: Message, topic: str) -> NDArray[np.uint8]:
    """(H, W, 3) uint8, red first, of a ``sensor_msgs/Image`` or ``CompressedImage``.

    Grey comes as three equal channels, 16 bits are scaled to 8. The array may be a view of the
    message's bytes.

    Raises
    ------
    FrameError
        The encoding is not known, or the bytes do not fit it; names the topic.
    """
    if message.__msgtype__ == COMPRESSED_IMAGE_TYPE:
        return _decode_color_file(message, topic)
    if message.encoding not in COLOR_ENCODINGS:
        _refuse_encoding("colour", message.encoding, topic, [*COLOR_ENCODINGS, *_COLOR_FILES])
    layout = COLOR_ENCODINGS[message.encoding]
    _require_whole_blocks(message, topic, layout)
    rows = _pixel_rows(message, topic, layout.pixel_bytes, layout.stored_rows(message.height))
    values = _native_values(rows, f"u{layout.bits // 8}", message.is_bigendian)
    return layout.to_rgb(values.reshape(len(rows), message.width, layout.samples))


def decode_depth(message: Message, topic: str, limits: DepthSettings) -> NDArray[np.float32]:
    """(H, W) float32 metres of a depth ``sensor_msgs/Image`` or ``CompressedImage``.

    NaN where there is no reading: zero, not finite, or outside ``limits``.

    Raises
    ------
    FrameError
        The encoding is not known, or the bytes do not fit it; names the topic.
    """
    if message.__msgtype__ == COMPRESSED_IMAGE_TYPE:
        return decode_compressed_depth(message, topic, limits)
    encoding = message.encoding
    if encoding not in _DEPTH_VALUES:
        _refuse_encoding("depth", encoding, topic, [*_DEPTH_VALUES, *_DEPTH_FILES])
    kind = _DEPTH_VALUES[encoding]
    rows = _pixel_rows(message, topic, np.dtype(kind).itemsize, message.height)
    values = _native_values(rows, kind, message.is_bigendian)
    if encoding in _DEPTH_IN_MILLIMETRES:
        return depth_from_millimetres(values, limits)
    return depth_from_metres(values, limits)


def _pixel_rows(
    message: Message, topic: str, pixel_bytes: int, row_count: int
) -> NDArray[np.uint8]:
    """(row_count, W * pixel_bytes) contiguous bytes, without what pads the rows."""
    height, width, step = message.height, message.width, message.step
    used = width * pixel_bytes
    if not (height and width):
        raise FrameError(f"{topic}: the image is {width}x{height} pixels; it has no content")
    if step < used or len(message.data) < step * row_count:
        raise FrameError(
            f"{topic}: {len(message.data)} bytes in rows of {step} are too few for a "
            f"{width}x{height} {message.encoding} image"
        )
    rows: NDArray[np.uint8] = message.data[: step * row_count].reshape(row_count, step)
    return np.ascontiguousarray(rows[:, :used])


def _native_values(rows: NDArray[np.uint8], kind: str, is_bigendian: int) -> NDArray[Any]:
    values = rows.view(f"{'>' if is_bigendian else '<'}{kind}")
    return values.astype(kind, copy=False)


def _require_whole_blocks(message: Message, topic: str, layout: ColorEncoding) -> None:
    if message.height % layout.shared_rows or message.width % layout.shared_columns:
        raise FrameError(
            f"{topic}: a {message.encoding} image cannot be {message.width}x{message.height}; its "
            f"size is a multiple of {layout.shared_columns}x{layout.shared_rows}"
        )


def _decode_color_file(message: Message, topic: str) -> NDArray[np.uint8]:
    image_format = message.format.lower()
    is_color = not image_format.startswith(("16uc1", "32fc1", "64fc1"))
    if not (is_color and any(name in image_format for name in _COLOR_FILES)):
        _refuse_encoding("colour", message.format, topic, [*COLOR_ENCODINGS, *_COLOR_FILES])
    mosaic = _mosaic_of(image_format)
    is_jpeg = message.data[: len(_JPEG_START)].tobytes() == _JPEG_START
    flags = _READ_JPEG if is_jpeg else _READ_COLOR
    pixels = decode_image_file(message.data, cv2.IMREAD_UNCHANGED if mosaic else flags)
    if pixels is None or pixels.dtype not in (np.uint8, np.uint16):
        raise FrameError(
            f"{topic}: {len(message.data)} bytes are not a readable {message.format!r} image"
        )
    if mosaic and pixels.ndim == 2:
        return mosaic.to_rgb(pixels[..., None])
    is_rgb = is_jpeg and _READS_RGB and not mosaic
    return to_8_bits(pixels if is_rgb else cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB))


def _mosaic_of(image_format: str) -> ColorEncoding | None:
    """The Bayer pattern that the file keeps when its message names one as the source alone."""
    source, _, stored = (part.strip() for part in image_format.partition(";"))
    is_mosaic = source.startswith("bayer") and not stored.endswith(("bgr8", "rgb8"))
    return COLOR_ENCODINGS.get(source) if is_mosaic else None


def _refuse_encoding(what: str, encoding: str, topic: str, known: Iterable[str]) -> NoReturn:
    raise FrameError(
        f"{topic}: {what} encoding {encoding!r} is not supported; known are {', '.join(known)}"
    )
