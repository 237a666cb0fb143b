"""Which of a hand's joints the depth camera saw."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.camera import RgbdFrame
from hand_object_recon.core.keypoints import KEYPOINT_COUNT

FloatArray = NDArray[np.floating[Any]]

_SEEN_WITHIN_M: Final = 0.02


def joints_seen_by_depth(
    frame: RgbdFrame, pixels: FloatArray, joints_z_m: FloatArray
) -> NDArray[np.float32]:
    """(21,) 1 where a joint lies behind the measured surface as deep as most of the joints do.

    pixels (21, 2) and joints_z_m (21,), which may be off by the same distance for all.
    """
    places = np.rint(pixels).astype(np.intp)
    inside = ((places >= 0) & (places < (frame.camera.width, frame.camera.height))).all(axis=1)
    gaps = np.full(KEYPOINT_COUNT, np.nan)
    gaps[inside] = frame.depth_m[places[inside, 1], places[inside, 0]] - joints_z_m[inside]
    if np.isnan(gaps).all():
        return np.zeros(KEYPOINT_COUNT, dtype=np.float32)
    is_seen = np.abs(gaps - np.nanmedian(gaps)) < _SEEN_WITHIN_M
    return np.asarray(is_seen, dtype=np.float32)
