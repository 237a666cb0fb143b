"""Layouts of the colour encodings that a ``sensor_msgs/Image`` can have, and their way to RGB.

The names are those of ROS's ``sensor_msgs/image_encodings``, plus nv12. The bare matrix types
8UC1, 8UC3 and 8UC4 say nothing of colour; they are taken for mono8, bgr8 and bgra8, which is
what OpenCV programs publish under them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

_FULL_SCALE_RATIO = 257


@dataclass(frozen=True)
class ColorEncoding:
    """How an encoding stores a pixel.

    samples
        Values a pixel has in a row.
    conversion
        OpenCV's conversion to RGB; None where it is RGB already.
    bits
        Bits of a value, 8 or 16; 16-bit values use their whole range.
    shared_rows, shared_columns
        Pixels that share a chroma value; the image's size is a multiple of them.
    """

    samples: int
    conversion: int | None
    bits: int = 8
    shared_rows: int = 1
    shared_columns: int = 1

    @property
    def pixel_bytes(self) -> int:
        return self.samples * self.bits // 8

    def stored_rows(self, height: int) -> int:
        """Rows in the data: a plane of chroma follows where two rows share theirs."""
        return height + height // 2 if self.shared_rows == 2 else height

    def to_rgb(self, values: NDArray[Any]) -> NDArray[np.uint8]:
        """(H, W, 3) uint8, red first, of (stored rows, W, samples) uint8 or uint16.

        YUV is taken for BT.601 with limited range; Bayer is interpolated bilinearly.
        """
        pixels = values[..., 0] if self.samples == 1 else values
        if self.conversion is not None:
            pixels = cv2.cvtColor(pixels, self.conversion)
        return to_8_bits(pixels)


def to_8_bits(values: NDArray[Any]) -> NDArray[np.uint8]:
    """uint8 as it is; uint16 scaled from 0..65535 to 0..255 and rounded."""
    if values.dtype == np.uint8:
        return values
    wide = values.astype(np.uint32)
    wide += _FULL_SCALE_RATIO // 2
    wide //= _FULL_SCALE_RATIO
    return wide.astype(np.uint8)


_MONO = ColorEncoding(1, cv2.COLOR_GRAY2RGB)
_BGR = ColorEncoding(3, cv2.COLOR_BGR2RGB)
_BGRA = ColorEncoding(4, cv2.COLOR_BGRA2RGB)
_UYVY = ColorEncoding(2, cv2.COLOR_YUV2RGB_UYVY, shared_columns=2)
_YUYV = ColorEncoding(2, cv2.COLOR_YUV2RGB_YUY2, shared_columns=2)
_BAYER = {
    "rggb": cv2.COLOR_BayerRGGB2RGB,
    "bggr": cv2.COLOR_BayerBGGR2RGB,
    "gbrg": cv2.COLOR_BayerGBRG2RGB,
    "grbg": cv2.COLOR_BayerGRBG2RGB,
}

COLOR_ENCODINGS: dict[str, ColorEncoding] = {
    "rgb8": ColorEncoding(3, None),
    "bgr8": _BGR,
    "rgba8": ColorEncoding(4, cv2.COLOR_RGBA2RGB),
    "bgra8": _BGRA,
    "mono8": _MONO,
    "8UC1": _MONO,
    "8UC3": _BGR,
    "8UC4": _BGRA,
    "rgb16": ColorEncoding(3, None, bits=16),
    "bgr16": ColorEncoding(3, cv2.COLOR_BGR2RGB, bits=16),
    "rgba16": ColorEncoding(4, cv2.COLOR_RGBA2RGB, bits=16),
    "bgra16": ColorEncoding(4, cv2.COLOR_BGRA2RGB, bits=16),
    "mono16": ColorEncoding(1, cv2.COLOR_GRAY2RGB, bits=16),
    "yuv422": _UYVY,
    "uyvy": _UYVY,
    "yuv422_yuy2": _YUYV,
    "yuyv": _YUYV,
    "nv12": ColorEncoding(1, cv2.COLOR_YUV2RGB_NV12, shared_rows=2, shared_columns=2),
    "nv21": ColorEncoding(1, cv2.COLOR_YUV2RGB_NV21, shared_rows=2, shared_columns=2),
    **{
        f"bayer_{pattern}{bits}": ColorEncoding(1, conversion, bits)
        for bits in (8, 16)
        for pattern, conversion in _BAYER.items()
    },
}
