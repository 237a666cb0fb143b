"""Sensor depth as metres, with NaN where there is no reading."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.config import DepthSettings

_MILLIMETRES_PER_METRE = np.float32(1000.0)
_ROUNDING_MM = 1e-6


def depth_from_millimetres(depth_mm: NDArray[Any], limits: DepthSettings) -> NDArray[np.float32]:
    """Float32 metres of uint16 millimetres; NaN for 0 and outside ``limits``."""
    nearest = max(1, math.ceil(limits.min_m * 1000 - _ROUNDING_MM))
    farthest = math.floor(limits.max_m * 1000 + _ROUNDING_MM)
    depth_m = depth_mm.astype(np.float32)
    depth_m /= _MILLIMETRES_PER_METRE
    np.copyto(depth_m, np.nan, where=(depth_mm < nearest) | (depth_mm > farthest))
    return depth_m


def depth_from_metres(depth: NDArray[Any], limits: DepthSettings) -> NDArray[np.float32]:
    """Native float32 metres; NaN where zero, not finite or outside ``limits``."""
    with np.errstate(over="ignore", invalid="ignore"):
        depth_m = depth.astype(np.float32)
    is_reading = (depth_m > 0) & (depth_m >= limits.min_m) & (depth_m <= limits.max_m)
    np.copyto(depth_m, np.nan, where=~is_reading)
    return depth_m
