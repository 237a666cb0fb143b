"""Depth in false colours."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.errors import InvalidValueError


def depth_colors(depth_m: NDArray[np.float32], near_m: float, far_m: float) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 RGB of (H, W) metres: red is ``near_m``, blue ``far_m``, black unread.

    Raises
    ------
    InvalidValueError
        ``far_m`` is not beyond ``near_m``.
    """
    if not far_m > near_m:
        raise InvalidValueError(f"depth colours from {near_m} to {far_m} m; far must be beyond")
    is_reading = np.isfinite(depth_m)
    nearness = (far_m - np.where(is_reading, depth_m, far_m)) / (far_m - near_m)
    levels = np.round(255 * nearness.clip(0, 1)).astype(np.uint8)
    bgr = cv2.applyColorMap(levels, cv2.COLORMAP_TURBO)
    rgb = np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), dtype=np.uint8)
    rgb[~is_reading] = 0
    return rgb
