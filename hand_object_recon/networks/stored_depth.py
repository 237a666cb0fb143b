"""Depth as records keep it: whole numbers, which PNG packs without loss."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

DEPTH_UNIT_M: Final = 1e-4


def depth_to_units(depth_m: NDArray[np.floating[Any]]) -> NDArray[np.uint16]:
    """Depth in units of ``DEPTH_UNIT_M``; 0 where there is none, and beyond 6.5 m."""
    units = np.rint(np.nan_to_num(depth_m) / DEPTH_UNIT_M)
    return np.where(units <= np.iinfo(np.uint16).max, units, 0).astype(np.uint16)


def units_to_depth(units: NDArray[np.uint16]) -> NDArray[np.float32]:
    """Metres, 0 where there is none."""
    return units.astype(np.float32) * np.float32(DEPTH_UNIT_M)
