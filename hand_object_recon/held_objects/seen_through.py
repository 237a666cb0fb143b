"""Whether a scene shows that an object is not where it is thought to be."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.held_objects.scene_crop import SceneCrop

FloatArray = NDArray[np.floating[Any]]

_BEHIND_M: Final = 0.015
_LEAST_IN_VIEW: Final = 0.3
_SEEN_THROUGH: Final = 0.6


def is_seen_through(
    crop: SceneCrop, surface_m: FloatArray, camera_from_object: NDArray[np.float64]
) -> bool:
    """Whether the pixels of most points (V, 3) of its surface show what lies clearly behind them.

    Points on the far side count as well: an object that is there hides them. False where too few
    points are in the picture to tell.
    """
    points = surface_m @ camera_from_object[:3, :3].T + camera_from_object[:3, 3]
    camera = crop.camera
    z = points[:, 2]
    with np.errstate(divide="ignore", invalid="ignore"):
        columns = np.rint(camera.fx * points[:, 0] / z + camera.cx)
        rows = np.rint(camera.fy * points[:, 1] / z + camera.cy)
    height, width = crop.shape
    inside = (z > 0) & (columns >= 0) & (columns < width) & (rows >= 0) & (rows < height)
    measured_m = crop.depth_m[rows[inside].astype(np.intp), columns[inside].astype(np.intp)]
    known = np.isfinite(measured_m)
    if np.count_nonzero(known) < _LEAST_IN_VIEW * len(points):
        return False
    behind = measured_m[known] - z[inside][known] > _BEHIND_M
    return bool(np.mean(behind) > _SEEN_THROUGH)
