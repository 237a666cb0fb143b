"""Depth of one camera in the pixel grid of another.

Each reading is a spot of the size its pixel has in the other image, and the nearest spot wins.
A spot has the same whole number of pixels everywhere, so that spots are drawn as their first
pixel and grown all at once by a minimum over a window.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.camera import CameraIntrinsics
from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.core.validation import require_array, require_rigid_transform

_PARALLAX_STRETCH_PX: Final = 0.5  # by which parallax on a slanted surface parts two neighbours
_ROUNDING_PX: Final = 0.01
_RIGS_KEPT: Final = 4
_PIXELS_AT_ONCE: Final = 1 << 15
_ROWS_AT_ONCE: Final = 32
_NOTHING: Final = np.float32(np.nan)


def register_depth(
    depth_m: NDArray[np.float32],
    depth_camera: CameraIntrinsics,
    depth_to_color: NDArray[np.float64],
    color_camera: CameraIntrinsics,
) -> NDArray[np.float32]:
    """(H, W) metres along the colour camera's axis in its grid; NaN where no reading falls.

    depth_m
        (h, w) float32 metres along the depth camera's axis; NaN or zero where it saw nothing.
    depth_to_color
        (4, 4) rigid transform of points from the depth to the colour camera's optical frame.
    depth_camera, color_camera
        Pinhole cameras; the result has the size of the latter.

    Raises
    ------
    InvalidValueError
        A camera is distorted, or an argument has the wrong shape or is not rigid.
    """
    for name, camera in (("depth", depth_camera), ("colour", color_camera)):
        if camera.is_distorted:
            raise InvalidValueError(
                f"{name} camera has {camera.distortion_model} distortion; undistort its image first"
            )
    depth = require_array("depth_m", depth_m, (depth_camera.height, depth_camera.width), np.float32)
    transform = require_rigid_transform("depth_to_color", depth_to_color)
    rig = _rig(depth_camera, transform.tobytes(), color_camera)
    return _grown(_first_pixels(depth, rig, color_camera), rig)


class _Rig(NamedTuple):
    """What of the projection does not depend on the depth.

    A reading z of a depth pixel is at z * ``rays`` + ``offset`` in the colour image, as
    homogeneous pixels: ``rays`` (3, h, w), ``offset`` (3,) float32. ``spot_px`` is the width and
    height of a depth pixel there.
    """

    rays: NDArray[np.float32]
    offset: NDArray[np.float32]
    spot_px: tuple[int, int]


@lru_cache(maxsize=_RIGS_KEPT)
def _rig(depth_camera: CameraIntrinsics, transform: bytes, color_camera: CameraIntrinsics) -> _Rig:
    pose = np.frombuffer(transform).reshape(4, 4)
    columns, rows = np.meshgrid(np.arange(depth_camera.width), np.arange(depth_camera.height))
    pixels = np.stack([columns, rows, np.ones_like(rows)]).reshape(3, -1)
    rays = color_camera.matrix @ pose[:3, :3] @ np.linalg.inv(depth_camera.matrix) @ pixels
    shaped = rays.reshape(3, depth_camera.height, depth_camera.width)
    return _Rig(
        rays=shaped.astype(np.float32),
        offset=(color_camera.matrix @ pose[:3, 3]).astype(np.float32),
        spot_px=_spot_px(shaped, _PARALLAX_STRETCH_PX * bool(pose[:3, 3].any())),
    )


def _spot_px(rays: NDArray[Any], stretch_px: float) -> tuple[int, int]:
    """Width and height in whole pixels of the median depth pixel, rounded up."""
    facing = np.where(rays[2] > 0, rays[2], np.nan)
    places = rays[:2] / facing
    across = np.abs(np.diff(places, axis=2))[:, :-1]
    down = np.abs(np.diff(places, axis=1))[:, :, :-1]
    extent = np.nanmedian((across + down).reshape(2, -1), axis=1)
    width, height = np.ceil(extent + stretch_px - _ROUNDING_PX).astype(int).tolist()
    return width, height


def _first_pixels(
    depth: NDArray[np.float32], rig: _Rig, color_camera: CameraIntrinsics
) -> NDArray[np.float32]:
    """Nearest depth of the spots at their first pixel, padded for those that the edge cuts."""
    width, height = rig.spot_px
    padded_width = color_camera.width + width - 1
    padded_height = color_camera.height + height - 1
    nearest = np.full((padded_height, padded_width), _NOTHING)
    rays = rig.rays.reshape(3, -1)
    flat_depth = depth.reshape(-1)
    for start in range(0, len(flat_depth), _PIXELS_AT_ONCE):
        part = slice(start, start + _PIXELS_AT_ONCE)
        _draw(nearest, flat_depth[part], rays[:, part], rig)
    return nearest


def _draw(
    nearest: NDArray[np.float32],
    depth: NDArray[np.float32],
    rays: NDArray[np.float32],
    rig: _Rig,
) -> None:
    """Put the first pixels of these readings (N,), seen along ``rays`` (3, N), into ``nearest``."""
    is_reading = depth > 0
    if not is_reading.any():
        return
    half_spot = (np.array(rig.spot_px, dtype=np.float32) - 1) / 2
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        places = depth * rays
        places += rig.offset[:, None]
        color_z = places[2]
        column, row = places[:2] / color_z + half_spot[:, None]
        is_inside = is_reading & (color_z > 0) & (column > -0.5) & (row > -0.5)
        is_inside &= (column < nearest.shape[1] - 0.5) & (row < nearest.shape[0] - 0.5)
    drawn = np.flatnonzero(is_inside)  # faster than the mask, used three times
    first = np.rint(row[drawn]).astype(np.intp) * nearest.shape[1]
    first += np.rint(column[drawn]).astype(np.intp)
    np.fmin.at(nearest.reshape(-1), first, color_z[drawn])


def _grown(first_pixels: NDArray[np.float32], rig: _Rig) -> NDArray[np.float32]:
    """(H, W) depth with every spot at its full size."""
    width, height = rig.spot_px
    grown = np.full((len(first_pixels) - height + 1, first_pixels.shape[1] - width + 1), _NOTHING)
    for start in range(0, len(grown), _ROWS_AT_ONCE):
        part = first_pixels[start : start + _ROWS_AT_ONCE + height - 1]
        if (part > 0).any():
            tall = _window_minimum(part, height)
            grown[start : start + _ROWS_AT_ONCE] = _window_minimum(tall.T, width).T
    return grown


def _window_minimum(values: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    """(N - count + 1, M) minimum of ``count`` rows from each on, where any of them is a number."""
    rows = len(values) - count + 1
    smallest = values[:rows]
    for shift in range(1, count):
        smallest = np.fmin(smallest, values[shift : shift + rows])
    return smallest
