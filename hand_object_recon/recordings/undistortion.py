"""Images of a real lens as those of a pinhole camera.

The pinhole image has the size and the intrinsic matrix K of the distorted one, and its optical
frame. ``CameraInfo``'s P is not used for it: P belongs with the rectifying rotation R, which
would turn the camera against its ``frame_id``. What K moves beyond the edge is cropped, and
pixels that the lens does not see are black and without depth.

Source: the lens models of OpenCV's calib3d and fisheye modules, which ROS calibrates with.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any, Final, NamedTuple

import cv2
import numpy as np
from numpy.polynomial.polynomial import polyval
from numpy.typing import NDArray

from hand_object_recon.core.camera import CameraIntrinsics
from hand_object_recon.core.errors import InvalidValueError

_COEFFICIENT_COUNTS: Final = {
    "plumb_bob": (4, 5, 8, 12, 14),
    "rational_polynomial": (4, 5, 8, 12, 14),
    "equidistant": (4,),
}
_CAMERAS_KEPT: Final = 4
_FOLD_SAMPLES: Final = 4096
_OUTSIDE_PX: Final = -10.0


def require_undistortable(camera: CameraIntrinsics) -> None:
    """Raise :class:`InvalidValueError` if the coefficients do not fit the distortion model."""
    if not camera.is_distorted:
        return
    allowed = _COEFFICIENT_COUNTS.get(camera.distortion_model)
    if allowed is None:
        raise InvalidValueError(
            f"distortion model is {camera.distortion_model!r}, which cannot be undone; "
            f"known are {', '.join(_COEFFICIENT_COUNTS)}"
        )
    if len(camera.distortion) not in allowed:
        raise InvalidValueError(
            f"distortion {camera.distortion_model} has {len(camera.distortion)} coefficients; "
            f"it must have {' or '.join(map(str, allowed))}"
        )
    if not np.isfinite(camera.distortion).all():
        raise InvalidValueError(
            f"distortion coefficients are {camera.distortion}; all must be finite"
        )


def undistort(
    rgb: NDArray[np.uint8], depth_m: NDArray[np.float32], camera: CameraIntrinsics
) -> tuple[NDArray[np.uint8], NDArray[np.float32], CameraIntrinsics]:
    """(H, W, 3) colour, (H, W) metres of depth aligned to it, and the camera, as of a pinhole.

    Colour is interpolated; depth is the nearest reading, never a blend, and NaN where the lens
    sees nothing. Without distortion the very same objects are returned.

    Raises
    ------
    InvalidValueError
        The coefficients do not fit the distortion model.
    """
    pinhole_rgb, pinhole = undistort_color(rgb, camera)
    pinhole_depth, _ = undistort_depth(depth_m, camera)
    return pinhole_rgb, pinhole_depth, pinhole


def undistort_color(
    rgb: NDArray[np.uint8], camera: CameraIntrinsics
) -> tuple[NDArray[np.uint8], CameraIntrinsics]:
    """As :func:`undistort`, for an image without depth."""
    if not camera.is_distorted:
        return rgb, camera
    maps = _lens_maps(camera)
    pinhole_rgb = cv2.remap(rgb, maps.cells, maps.fractions, cv2.INTER_LINEAR)
    return np.asarray(pinhole_rgb, dtype=np.uint8), _pinhole(camera)


def undistort_depth(
    depth_m: NDArray[np.float32], camera: CameraIntrinsics
) -> tuple[NDArray[np.float32], CameraIntrinsics]:
    """As :func:`undistort`, for the image of a depth camera of its own."""
    if not camera.is_distorted:
        return depth_m, camera
    maps = _lens_maps(camera)
    pinhole_depth = cv2.remap(
        depth_m, maps.nearest, maps.unused, cv2.INTER_NEAREST, borderValue=float("nan")
    )
    return np.asarray(pinhole_depth, dtype=np.float32), _pinhole(camera)


def _pinhole(camera: CameraIntrinsics) -> CameraIntrinsics:
    return replace(camera, distortion_model="none", distortion=())


class _LensMaps(NamedTuple):
    """Where in the distorted image each pinhole pixel is, in OpenCV's fixed-point form.

    ``cells`` (H, W, 2) and ``fractions`` (H, W) interpolate; ``nearest`` (H, W, 2) does
    not and goes with ``unused``, which holds nothing.
    """

    cells: NDArray[Any]
    fractions: NDArray[Any]
    nearest: NDArray[Any]
    unused: NDArray[Any]


@lru_cache(maxsize=_CAMERAS_KEPT)
def _lens_maps(camera: CameraIntrinsics) -> _LensMaps:
    require_undistortable(camera)
    columns, rows = _distorted_pixels(camera)
    is_folded = _radii(camera) > _fold_radius(camera)
    columns[is_folded] = rows[is_folded] = _OUTSIDE_PX
    cells, fractions = cv2.convertMaps(columns, rows, cv2.CV_16SC2)
    nearest, unused = cv2.convertMaps(columns, rows, cv2.CV_16SC2, nninterpolation=True)
    return _LensMaps(cells, fractions, nearest, unused)


def _distorted_pixels(camera: CameraIntrinsics) -> tuple[NDArray[Any], NDArray[Any]]:
    initialize = (
        cv2.fisheye.initUndistortRectifyMap
        if camera.distortion_model == "equidistant"
        else cv2.initUndistortRectifyMap
    )
    size = (camera.width, camera.height)
    coefficients = np.array(camera.distortion)
    columns, rows = initialize(
        camera.matrix, coefficients, np.eye(3), camera.matrix, size, cv2.CV_32FC1
    )
    return columns, rows


def _radii(camera: CameraIntrinsics) -> NDArray[np.float64]:
    """(H, W) distance of each pinhole pixel from the optical axis at a depth of one."""
    x = (np.arange(camera.width) - camera.cx) / camera.fx
    y = (np.arange(camera.height) - camera.cy) / camera.fy
    return np.asarray(np.hypot(x, y[:, None]))


def _fold_radius(camera: CameraIntrinsics) -> float:
    """Radius from which on the lens model runs backwards, which would mirror the image there."""
    radii = np.linspace(0.0, _radii(camera).max() * 1.01, _FOLD_SAMPLES)
    distorted = _distorted_radii(radii, camera)
    backwards = np.flatnonzero(np.diff(distorted) <= 0)
    return float(radii[backwards[0]]) if len(backwards) else float("inf")


def _distorted_radii(radii: NDArray[np.float64], camera: CameraIntrinsics) -> NDArray[np.float64]:
    if camera.distortion_model == "equidistant":
        angle = np.arctan(radii)
        return np.asarray(angle * polyval(angle**2, (1.0, *camera.distortion)))
    k1, k2, _, _, k3, k4, k5, k6 = (*camera.distortion, *[0.0] * 8)[:8]
    squared = radii**2
    upper = polyval(squared, (1.0, k1, k2, k3))
    lower = polyval(squared, (1.0, k4, k5, k6))
    return np.asarray(radii * upper / lower)
