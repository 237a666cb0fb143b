"""Pixels of an image file that a message carries."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray


def decode_image_file(data: NDArray[np.uint8], flags: int) -> NDArray[Any] | None:
    """Pixels of JPEG or PNG bytes, read with OpenCV's ``flags``; None where it cannot."""
    try:
        return cv2.imdecode(data, flags) if len(data) else None
    except cv2.error:
        return None
