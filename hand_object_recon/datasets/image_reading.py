"""A data set's images, refused where they are cut off: a decoder fills up what is missing."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.errors import DatasetError
from hand_object_recon.datasets.file_reading import ANEW, read_bytes
from hand_object_recon.recordings.image_files import decode_image_file

_JPEG: Final = (b"\xff\xd8", b"\xff\xd9")
_PNG: Final = (b"\x89PNG", b"IEND\xaeB`\x82")
_NEAR_END: Final = 64  # some writers leave a few bytes behind the end

MM_PER_M: Final = 1000.0


def read_color(path: Path) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 of a JPEG or PNG, red first.

    Raises
    ------
    DatasetError
        The file is missing, cut off, or no image.
    """
    bgr = _decoded(path, cv2.IMREAD_COLOR)
    return np.ascontiguousarray(bgr[..., ::-1])


def read_depth_mm(path: Path) -> NDArray[np.float32]:
    """(H, W) float32 metres of a 16-bit PNG of millimetres, NaN where it says 0."""
    image = _decoded(path, cv2.IMREAD_UNCHANGED)
    if image.dtype != np.uint16 or image.ndim != 2:
        raise DatasetError(
            f"{path} is {image.dtype} of shape {image.shape}; depth must be one 16-bit channel; "
            f"{ANEW}"
        )
    return metric_depth(image, 1.0 / MM_PER_M)


def metric_depth(steps: NDArray[np.integer[Any]], step_m: float) -> NDArray[np.float32]:
    """(H, W) float32 metres of a sensor's steps, NaN where there are none."""
    depth_m = steps.astype(np.float32) * np.float32(step_m)
    depth_m[steps == 0] = np.nan
    return depth_m


def no_depth(shape: tuple[int, ...]) -> NDArray[np.float32]:
    """(H, W) of NaN: the depth image of a data set without one."""
    return np.full(shape[:2], np.nan, dtype=np.float32)


def _decoded(path: Path, flags: int) -> NDArray[Any]:
    data = read_bytes(path)
    for first, last in (_JPEG, _PNG):
        if data.startswith(first) and last not in data[-_NEAR_END:]:
            raise DatasetError(f"image {path} is cut off after {len(data)} bytes; {ANEW}")
    image = decode_image_file(np.frombuffer(data, dtype=np.uint8), flags)
    if image is None:
        raise DatasetError(f"{path} is no readable image; {ANEW}")
    return image
