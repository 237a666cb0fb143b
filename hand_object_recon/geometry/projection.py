"""From points in the camera optical frame to pixels and back.

Lens distortion is not applied here: images are undistorted when they are read.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.camera import CameraIntrinsics

FloatArray = NDArray[np.floating[Any]]


def project(points_m: FloatArray, camera: CameraIntrinsics) -> FloatArray:
    """(..., 3) points in the camera optical frame to (..., 2) pixels.

    Points at or behind the camera give NaN.
    """
    depth = points_m[..., 2:]
    safe = np.where(depth > 0, depth, np.nan)
    focal = np.array([camera.fx, camera.fy], dtype=points_m.dtype)
    centre = np.array([camera.cx, camera.cy], dtype=points_m.dtype)
    return np.asarray(points_m[..., :2] / safe * focal + centre)


def back_project(pixels: FloatArray, depth_m: FloatArray, camera: CameraIntrinsics) -> FloatArray:
    """(..., 2) pixels with (...,) metres along the optical axis to (..., 3) points."""
    depth = np.asarray(depth_m)[..., None]
    focal = np.array([camera.fx, camera.fy])
    centre = np.array([camera.cx, camera.cy])
    return np.concatenate([(pixels - centre) / focal * depth, depth], axis=-1)
