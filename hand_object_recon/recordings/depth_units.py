"""Sensor depth as metres, with NaN where there is no reading."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.stream_settings import DepthSettings

_MILLIMETRES_PER_METRE = np.float32(1000.0)
_ROUNDING_MM = 1e-6
_FLOAT_ENCODINGS: Final = ("32FC1", "64FC1")
_POSSIBLE_SCENE_M: Final = (0.02, 20.0)
_LIKELY_SCENE_M: Final = (0.05, 20.0)
_USUAL_UNITS_MM: Final = {1000.0: "metres", 1.0: "millimetres", 0.1: "tenths of a millimetre"}


def depth_from_millimetres(depth_mm: NDArray[Any], limits: DepthSettings) -> NDArray[np.float32]:
    """Float32 metres of uint16 millimetres; NaN for 0 and outside ``limits``.

    ``limits.unit_mm`` is the unit instead, where it is set.
    """
    if limits.unit_mm:
        return depth_from_metres(depth_mm, limits)
    nearest = max(1, math.ceil(limits.min_m * 1000 - _ROUNDING_MM))
    farthest = math.floor(limits.max_m * 1000 + _ROUNDING_MM)
    depth_m = depth_mm.astype(np.float32)
    depth_m /= _MILLIMETRES_PER_METRE
    np.copyto(depth_m, np.nan, where=(depth_mm < nearest) | (depth_mm > farthest))
    return depth_m


def depth_from_metres(depth: NDArray[Any], limits: DepthSettings) -> NDArray[np.float32]:
    """Native float32 metres; NaN where zero, not finite or outside ``limits``.

    ``limits.unit_mm`` is the unit instead, where it is set.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        depth_m = depth.astype(np.float32)
        if limits.unit_mm:
            depth_m *= np.float32(limits.unit_mm) / _MILLIMETRES_PER_METRE
    is_reading = (depth_m > 0) & (depth_m >= limits.min_m) & (depth_m <= limits.max_m)
    np.copyto(depth_m, np.nan, where=~is_reading)
    return depth_m


def unit_warning(topic: str, encoding: str, median_m: float, unit_mm: float) -> str:
    """What is odd about a depth image whose readings have this median, or empty.

    ``median_m`` was read with ``unit_mm`` (``depth.unit_mm``), or by the encoding where that is 0.
    """
    if math.isnan(median_m) or _POSSIBLE_SCENE_M[0] <= median_m <= _POSSIBLE_SCENE_M[1]:
        return ""
    used_mm = unit_mm or (1000.0 if encoding in _FLOAT_ENCODINGS else 1.0)
    reading = f"depth of {topic} reads as a median of {median_m:.4g} m"
    for likely_mm, name in _USUAL_UNITS_MM.items():
        if _LIKELY_SCENE_M[0] <= median_m * likely_mm / used_mm <= _LIKELY_SCENE_M[1]:
            look = f"it looks like {name} in {encoding}"
            return f"{reading}: {look}; set depth.unit_mm to {likely_mm:g}"
    return f"{reading}, where no hand can be; set depth.unit_mm if its unit is another"
