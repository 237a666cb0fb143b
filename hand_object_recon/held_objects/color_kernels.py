"""The bin of a pixel's color, compiled."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.geometry.compiled import compiled


@compiled
def color_bins(
    rgb: NDArray[np.uint8], depth_m: NDArray[np.float32], farthest_m: float
) -> NDArray[np.uint16]:
    """(h, w) bin of each pixel: shares of red and green in 20 steps each, brightness in 6.

    Pixels farther than ``farthest_m`` and those without depth are left at 0.
    """
    height, width = rgb.shape[:2]
    bins = np.zeros((height, width), dtype=np.uint16)
    for row in range(height):
        for column in range(width):
            if not depth_m[row, column] < farthest_m:  # or not a number
                continue
            red, green = float(rgb[row, column, 0]), float(rgb[row, column, 1])
            total = red + green + float(rgb[row, column, 2]) + 1.0
            first = min(max(int((red / total - 0.15) * 40.0), 0), 19)
            second = min(max(int((green / total - 0.10) * 40.0), 0), 19)
            bins[row, column] = (first * 20 + second) * 6 + int(total / 128.0)
    return bins
